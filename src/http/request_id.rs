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

/// The same work under the id of the request being handled, for a task of its own.
pub(super) fn carried_into<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let id = CURRENT
        .try_with(|id| *id)
        .unwrap_or_else(|_| Uuid::now_v7());
    CURRENT.scope(id, work)
}
