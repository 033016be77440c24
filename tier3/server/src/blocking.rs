//! Work that waits for the disk, kept off the threads that serve connections.

/// Runs `work` where it may wait; a panic in it goes on in the caller.
///
/// Dropping the future does not stop work that has begun.
pub async fn blocking<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends before the work began: nobody is left to hear of it.
            Err(_) => std::future::pending().await,
        },
    }
}
