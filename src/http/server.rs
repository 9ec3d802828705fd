//! The listener: workers, bounds of a connection, and what surrounds every request.

use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::{Extensions, Server};
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use socket2::SockRef;

use super::context::{limit_address, surround};
use super::routes;
use super::state::ApiState;

/// Bytes that may wait to be written to one connection before its handler is not asked for
/// more. Together with the outbox's budget and the kernel's buffer this is what a client that
/// stops reading can cost.
const WRITE_BUFFER_BYTES: usize = 32 * 1024;

/// How long requests other than posts get to finish when the server stops; posts have
/// finished by then.
const LAST_REQUESTS: Duration = Duration::from_secs(3);

/// How the listener behaves.
#[derive(Clone, Copy, Debug)]
pub struct HttpSettings {
    /// Threads; 0 for one a core.
    pub workers: usize,
    /// The kernel's send buffer of a connection, in bytes; 0 for its own choice.
    pub send_buffer_bytes: usize,
    /// After how long without a sign of the peer taking data the kernel ends a connection.
    pub user_timeout: Duration,
    /// Sockets at most; a worker takes somewhat more connections than its share.
    pub max_sockets: usize,
}

/// Starts serving on `listener`.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(
    listener: TcpListener,
    state: Data<ApiState>,
    settings: HttpSettings,
) -> std::io::Result<Server> {
    let document = Data::new(routes::document());
    let factory = move || {
        App::new()
            .app_data(state.clone())
            .app_data(document.clone())
            .wrap(from_fn(limit_address))
            .wrap(from_fn(surround))
            .configure(routes::configure)
    };
    let mut server = HttpServer::new(factory)
        .disable_signals()
        .keep_alive(Duration::from_secs(75))
        .client_request_timeout(Duration::from_secs(10))
        .client_disconnect_timeout(Duration::from_secs(2))
        .max_connections(settings.max_sockets + 1024)
        .h1_write_buffer_size(WRITE_BUFFER_BYTES)
        .shutdown_timeout(LAST_REQUESTS.as_secs())
        .on_connect(move |connection, _: &mut Extensions| {
            if let Some(stream) = connection.downcast_ref::<TcpStream>() {
                bound_connection(stream, &settings);
            }
        });
    if settings.workers > 0 {
        server = server.workers(settings.workers);
    }
    Ok(server.listen(listener)?.run())
}

/// Bounds what a peer that takes no data can hold: its share of kernel memory, and the time
/// until the kernel gives it up. The actor of a stalled socket is not polled, so no timer of
/// ours would.
fn bound_connection(stream: &TcpStream, settings: &HttpSettings) {
    let socket = SockRef::from(stream);
    // A connection that cannot be tuned still works.
    let _ = socket.set_tcp_nodelay(true);
    if settings.send_buffer_bytes > 0 {
        let _ = socket.set_send_buffer_size(settings.send_buffer_bytes);
    }
    #[cfg(target_os = "linux")]
    if !settings.user_timeout.is_zero() {
        let _ = socket.set_tcp_user_timeout(Some(settings.user_timeout));
    }
}
