//! Something that stands between a client and the server: it can hold a call until the test has
//! done something else, change what the server answers or lose it, and tell what was said.

use std::sync::Arc;

use parking_lot::Mutex;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use super::listener::{Listener, Request, Serving, answer};

/// Changes the answer to a call of this path.
type Rewrite = dyn Fn(&str, Value) -> Value + Send + Sync;

/// What the calls get that do not reach the server.
type Statuses = Box<dyn Iterator<Item = u16> + Send>;

/// A call that was made.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Value,
    pub(crate) status: u16,
}

/// A call that waits.
pub(crate) struct Held(oneshot::Sender<()>);

impl Held {
    /// Lets it go to the server.
    pub(crate) fn go_on(self) {
        self.0.send(()).expect("the call still waits");
    }
}

/// A running proxy.
pub(crate) struct Proxy {
    pub(crate) origin: String,
    shared: Arc<Shared>,
    held: mpsc::UnboundedReceiver<Held>,
    _serving: Serving,
}

struct Shared {
    server: String,
    http: reqwest::Client,
    rewrite: Box<Rewrite>,
    /// A part of the path whose next call is held.
    hold: Mutex<Option<(String, mpsc::UnboundedSender<Held>)>>,
    /// A part of the path, and to how many further calls of it the answers are lost.
    lose: Mutex<Option<(String, usize)>>,
    /// A part of the path, whose next calls do not reach the server, and the statuses that they get.
    fail: Mutex<Option<(String, Statuses)>>,
    exchanges: Mutex<Vec<Exchange>>,
    holding: mpsc::UnboundedSender<Held>,
}

impl Proxy {
    /// In front of the server at `origin`, changing nothing.
    pub(crate) async fn before(origin: String) -> Self {
        Self::rewriting(origin, |_, answer| answer).await
    }

    /// In front of the server at `origin`, changing its answers.
    pub(crate) async fn rewriting(
        origin: String,
        rewrite: impl Fn(&str, Value) -> Value + Send + Sync + 'static,
    ) -> Self {
        let listener = Listener::bind().await;
        let own_origin = listener.origin();
        let (holding, held) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            server: origin,
            http: reqwest::Client::builder()
                .no_proxy()
                .tls_certs_only([])
                .pool_max_idle_per_host(0)
                .build()
                .unwrap(),
            rewrite: Box::new(rewrite),
            hold: Mutex::default(),
            lose: Mutex::default(),
            fail: Mutex::default(),
            exchanges: Mutex::default(),
            holding,
        });
        let for_connections = Arc::clone(&shared);
        let serving = listener.serve(move |stream| serve(stream, Arc::clone(&for_connections)));
        Self {
            origin: own_origin,
            shared,
            held,
            _serving: serving,
        }
    }

    /// The next call whose path has `part` in it waits.
    pub(crate) fn hold_the_next(&self, part: &str) {
        let held = (part.to_owned(), self.shared.holding.clone());
        *self.shared.hold.lock() = Some(held);
    }

    /// The call that waits.
    pub(crate) async fn held(&mut self) -> Held {
        self.held.recv().await.expect("a call that waits")
    }

    /// The next `count` calls whose path has `part` in it reach the server, and their answers nobody.
    pub(crate) fn lose_answers(&self, count: usize, part: &str) {
        *self.shared.lose.lock() = Some((part.to_owned(), count));
    }

    /// The next calls whose path has `part` in it do not reach the server, and get these statuses:
    /// with a page, as of a reverse proxy, or below 500 with a problem, as of the server.
    pub(crate) fn fail<I>(&self, part: &str, statuses: I)
    where
        I: IntoIterator<Item = u16>,
        I::IntoIter: Send + 'static,
    {
        let statuses: Statuses = Box::new(statuses.into_iter());
        *self.shared.fail.lock() = Some((part.to_owned(), statuses));
    }

    /// The GETs whose path has `part` in it.
    pub(crate) fn gets(&self, part: &str) -> Vec<Exchange> {
        self.exchanges("GET", part)
    }

    /// The PUTs whose path has `part` in it.
    pub(crate) fn puts(&self, part: &str) -> Vec<Exchange> {
        self.exchanges("PUT", part)
    }

    /// The POSTs whose path has `part` in it.
    pub(crate) fn posts(&self, part: &str) -> Vec<Exchange> {
        self.exchanges("POST", part)
    }

    fn exchanges(&self, method: &str, part: &str) -> Vec<Exchange> {
        let exchanges = self.shared.exchanges.lock();
        let of_method = exchanges.iter().filter(|it| it.method == method);
        of_method
            .filter(|it| it.path.contains(part))
            .cloned()
            .collect()
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut stream = BufReader::new(stream);
    while let Ok(Some(request)) = Request::read(&mut stream).await {
        if let Some(status) = shared.fails(&request) {
            let (kind, body) = if status < 500 {
                let problem = json!({"status": status, "code": "made_up", "title": "No"});
                ("application/problem+json", problem.to_string())
            } else {
                ("text/html", "<html><h1>No</h1></html>".to_owned())
            };
            let headers = [("content-type".to_owned(), kind.to_owned())];
            if answer(&mut stream, status, &headers, body.as_bytes())
                .await
                .is_err()
            {
                return;
            }
            continue;
        }
        let path = request.path.clone();
        let (status, body) = shared.forward(request).await;
        if shared.loses(&path) {
            return;
        }
        let headers = [(
            "content-type".to_owned(),
            if status < 400 {
                "application/json".to_owned()
            } else {
                "application/problem+json".to_owned()
            },
        )];
        let text = if status == 204 {
            String::new()
        } else {
            body.to_string()
        };
        if answer(&mut stream, status, &headers, text.as_bytes())
            .await
            .is_err()
        {
            return;
        }
    }
}

impl Shared {
    /// The status that this call gets without reaching the server, if it does not reach it.
    fn fails(&self, request: &Request) -> Option<u16> {
        let mut fail = self.fail.lock();
        let failing = fail.as_mut();
        let (_, statuses) = failing.filter(|(part, _)| request.path.contains(part.as_str()))?;
        let status = statuses.next()?;
        self.exchanges.lock().push(Exchange {
            method: request.method.clone(),
            path: request.path.clone(),
            body: serde_json::from_slice(&request.body).unwrap_or(Value::Null),
            status,
        });
        Some(status)
    }

    /// Whether the answer to this call is lost.
    fn loses(&self, path: &str) -> bool {
        let mut lose = self.lose.lock();
        match lose.as_mut() {
            Some((part, count)) if *count > 0 && path.contains(part.as_str()) => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }

    async fn forward(&self, request: Request) -> (u16, Value) {
        let is_held = |(part, _): &mut (String, _)| request.path.contains(part.as_str());
        let held = self.hold.lock().take_if(is_held);
        if let Some((_, test)) = held {
            let (go_on, waiting) = oneshot::channel();
            // A test that ended does not look.
            let _ = test.send(Held(go_on));
            let _ = waiting.await;
        }
        let method: Method = request.method.parse().unwrap();
        let url = format!("{}{}", self.server, request.path);
        let mut call = self.http.request(method, url).body(request.body.clone());
        for name in ["authorization", "content-type"] {
            if let Some(value) = request.header(name) {
                call = call.header(name, value);
            }
        }
        let response = call.send().await.expect("an answer of the server");
        let status = response.status().as_u16();
        let text = response.text().await.expect("the body of an answer");
        let json = |text: &[u8]| serde_json::from_slice(text).unwrap_or(Value::Null);
        self.exchanges.lock().push(Exchange {
            method: request.method,
            path: request.path.clone(),
            body: json(&request.body),
            status,
        });
        (status, (self.rewrite)(&request.path, json(text.as_bytes())))
    }
}
