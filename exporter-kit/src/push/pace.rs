//! When to push again.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

/// Longest wait between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// One second, then twice as long after each further failure.
pub(super) fn backoff(failures: u32) -> Duration {
    Duration::from_secs(1).saturating_mul(2u32.saturating_pow(failures.saturating_sub(1))).min(MAX_BACKOFF)
}

/// Waits this long; says whether the shutdown came before.
pub(super) async fn stopped_within(wait: Duration, mut shutdown: Pin<&mut impl Future<Output = ()>>) -> bool {
    let mut sleep = pin!(tokio::time::sleep(wait));
    poll_fn(|cx| {
        if shutdown.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        sleep.as_mut().poll(cx).map(|()| false)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_minute() {
        assert_eq!([1, 2, 5, 7, 1000].map(|n| backoff(n).as_secs()), [1, 2, 16, 60, 60]);
    }
}
