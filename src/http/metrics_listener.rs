//! The Prometheus listener: on an address of its own, never on the public one.

use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::http::header;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};

use crate::actors::channels::ChannelDirectory;
use crate::metrics::Metrics;
use crate::store::Store;
use crate::telemetry;

/// Where the figures come from that nobody counts as they change.
pub struct Observed {
    /// Every metric.
    pub metrics: Arc<Metrics>,
    /// The channels.
    pub channels: Arc<ChannelDirectory>,
    /// The database.
    pub store: Store,
    /// How often the private PostgreSQL was started again.
    pub postgres_restarts: Box<dyn Fn() -> u64 + Send + Sync>,
}

/// Starts serving metrics on `listener`.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(listener: TcpListener, observed: Observed) -> std::io::Result<Server> {
    let observed = Data::new(observed);
    let factory = move || {
        App::new()
            .app_data(observed.clone())
            .route("/metrics", web::get().to(metrics))
    };
    Ok(HttpServer::new(factory)
        .disable_signals()
        .workers(1)
        .shutdown_timeout(1)
        .listen(listener)?
        .run())
}

async fn metrics(observed: Data<Observed>) -> HttpResponse {
    let metrics = &observed.metrics;
    let (connections, waiting) = observed.store.pool_usage();
    metrics
        .channels_in_use
        .set(i64::try_from(observed.channels.len()).unwrap_or(i64::MAX));
    metrics
        .database_connections
        .set(i64::try_from(connections).unwrap_or(i64::MAX));
    metrics
        .database_waiting
        .set(i64::try_from(waiting).unwrap_or(i64::MAX));
    let restarts = (observed.postgres_restarts)();
    metrics
        .postgres_restarts
        .inc_by(restarts.saturating_sub(metrics.postgres_restarts.get()));
    metrics
        .panics
        .inc_by(telemetry::panics().saturating_sub(metrics.panics.get()));
    match metrics.encode() {
        Ok(text) => HttpResponse::Ok()
            .insert_header((
                header::CONTENT_TYPE,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            ))
            .body(text),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}
