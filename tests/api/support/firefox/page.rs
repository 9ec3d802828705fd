//! The page that the browser shows, with its service worker.

use tokio::io::BufReader;
use tokio::net::TcpStream;

use crate::support::listener::{Listener, Request, Serving, answer};

/// Serves the page. It ends with this value.
pub(super) struct PageServer {
    url: String,
    _serving: Serving,
}

impl PageServer {
    pub(super) async fn start() -> Self {
        let listener = Listener::bind().await;
        let url = format!("{}/", listener.origin());
        // A browser that goes away meanwhile is no failure.
        let serving = listener.serve(async |stream| drop(serve(stream).await));
        Self {
            url,
            _serving: serving,
        }
    }

    /// Where the page is: on a loopback address, which browsers trust as they trust https.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

async fn serve(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = Request::read(&mut stream).await? {
        let (status, media_type, body) = match request.path.as_str() {
            "/" => (200, "text/html", include_str!("page.html")),
            "/worker.js" => (200, "text/javascript", include_str!("worker.js")),
            _ => (404, "text/plain", ""),
        };
        let headers = [("content-type".to_owned(), media_type.to_owned())];
        answer(&mut stream, status, &headers, body.as_bytes()).await?;
    }
    Ok(())
}
