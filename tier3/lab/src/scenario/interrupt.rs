//! How a run is broken off.

/// Ends with Ctrl-C, or when this program is asked to end: what it began goes with it either way.
pub(super) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};

    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
