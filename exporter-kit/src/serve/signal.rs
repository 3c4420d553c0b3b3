//! The wish of a user or a supervisor that the program stop.

/// Ready when the process is asked to stop: Ctrl-C or, on Unix, SIGTERM. Made to be [`serve`](super::serve)'s
/// `shutdown`.
pub async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            let interrupt = std::pin::pin!(tokio::signal::ctrl_c());
            let terminate = async { _ = terminate.recv().await };
            super::unless(interrupt, std::pin::pin!(terminate)).await;
            return;
        }
    }
    // Without a handler the signal ends the process by itself, so an error needs no answer but waiting.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
