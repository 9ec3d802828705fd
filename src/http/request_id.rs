//! The id of the request being handled.

use uuid::Uuid;

tokio::task_local! {
    static CURRENT: Uuid;
}

/// The id as errors and the log show it; empty outside a request.
pub(super) fn current() -> String {
    CURRENT.try_with(Uuid::to_string).unwrap_or_default()
}

/// Handles a request under an id.
pub(super) async fn under<T>(id: Uuid, request: impl Future<Output = T>) -> T {
    CURRENT.scope(id, request).await
}
