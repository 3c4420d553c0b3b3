//! Room on the stack for queries that nest deeply.

use super::QueryError;

/// Trees up to this height fit the stack of any thread.
const USUAL_HEIGHT: usize = 64;

/// What planning and evaluating one level takes at most; a build without optimisation takes half of it.
const BYTES_PER_LEVEL: usize = 64 * 1024;

/// Evaluates a tree of that height, on a thread of its own if that of the caller might not have room for it. Memory that
/// is not reached is not used.
///
/// # Errors
/// Those of the evaluation, and if there is no such thread to be had.
pub(crate) fn with_room<T: Send>(
    height: usize,
    evaluate: impl FnOnce() -> Result<T, QueryError> + Send,
) -> Result<T, QueryError> {
    if height <= USUAL_HEIGHT {
        return evaluate();
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(height.saturating_mul(BYTES_PER_LEVEL));
        let running = thread.spawn_scoped(scope, evaluate).map_err(QueryError::Thread)?;
        running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
