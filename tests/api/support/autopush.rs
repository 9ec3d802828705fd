//! The push service that Firefox speaks with, on a loopback port. The browser keeps a
//! WebSocket open to it (subprotocol `push-notification`) and is given endpoints there; what is
//! posted to them is checked and handed on as it is, for only the browser can read it.
//!
//! Like the real service it keeps a push for a browser that is away until the push's time is
//! over, and lets a push replace an earlier one of the same topic. A fault in a request fails
//! the test at its end, if not before.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::{Value, json};
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::autopush_connection::converse;
use super::listener::{Listener, Request, Serving, answer};
use super::push_crypto::{base64url, random};
use super::push_request::{Fault, check_sealed};
use super::timeline::Timeline;

/// What a push is sent with.
const SENT: [&str; 5] = [
    "authorization",
    "content-encoding",
    "ttl",
    "topic",
    "urgency",
];

/// What a page of the browser subscribed to.
struct Subscribed {
    channel_id: Value,
    application_server_key: Vec<u8>,
}

/// A push that the browser did not acknowledge yet.
struct Waiting {
    version: String,
    channel_id: Value,
    topic: Option<String>,
    expires: Instant,
    frame: Value,
}

/// A push that was taken from an application server.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    path: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Taken {
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.unwrap_or_else(|| panic!("no header {name}: {:?}", self.headers))
    }
}

/// Where the frames for a connected browser go.
pub(super) type ToBrowser = mpsc::UnboundedSender<Value>;

#[derive(Default)]
struct State {
    away: bool,
    browser: Option<ToBrowser>,
    endpoints: HashMap<String, Subscribed>,
    waiting: Vec<Waiting>,
    taken: Vec<Taken>,
    faults: Vec<String>,
}

pub(super) struct Shared {
    origin: String,
    /// What the service knows its one browser by.
    uaid: String,
    state: watch::Sender<State>,
    timeline: Timeline,
}

/// A running push service for one browser. It ends with this value.
pub(crate) struct Autopush {
    shared: Arc<Shared>,
    _serving: Serving,
}

impl Drop for Autopush {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let faults = self.shared.state.borrow().faults.clone();
            if !faults.is_empty() {
                let timeline = &self.shared.timeline;
                timeline.fail(&format!("the push service refused: {faults:#?}"));
            }
        }
    }
}

impl Autopush {
    pub(crate) async fn start(timeline: &Timeline) -> Self {
        let listener = Listener::bind().await;
        let shared = Arc::new(Shared {
            origin: listener.origin(),
            uaid: uuid::Uuid::new_v4().simple().to_string(),
            state: watch::channel(State::default()).0,
            timeline: timeline.clone(),
        });
        let serving = Arc::clone(&shared);
        let serving = listener.serve(move |stream| {
            let shared = Arc::clone(&serving);
            async move {
                if let Err(error) = serve(stream, &shared).await {
                    shared.note(format!("a connection ended: {error}"));
                }
            }
        });
        Self {
            shared,
            _serving: serving,
        }
    }

    /// Where browsers connect to it.
    pub(crate) fn url(&self) -> String {
        format!("{}/", self.shared.origin.replacen("http", "ws", 1))
    }

    /// Cuts the browser off, and keeps it off until [`Autopush::let_browser_back`].
    pub(crate) async fn cut_browser_off(&self) {
        self.shared.state.send_modify(|state| state.away = true);
        self.wait_until("the browser is away", |state| state.browser.is_none())
            .await;
    }

    /// Lets the browser connect again, which it tries by itself.
    pub(crate) fn let_browser_back(&self) {
        self.shared.state.send_modify(|state| state.away = false);
    }

    /// Waits until so many pushes were taken, and gives them all.
    pub(crate) async fn wait_for_pushes(&self, count: usize) -> Vec<Taken> {
        let what = format!("{count} pushes");
        self.wait_until(&what, |state| state.taken.len() >= count)
            .await;
        self.shared.state.borrow().taken.clone()
    }

    /// Waits until the browser has acknowledged everything that was taken.
    pub(crate) async fn wait_until_acknowledged(&self) {
        self.wait_until("everything is acknowledged", |it| it.waiting.is_empty())
            .await;
    }

    /// How many pushes the browser has not acknowledged.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.state.borrow().waiting.len()
    }

    async fn wait_until(&self, what: &str, is_so: impl Fn(&State) -> bool) {
        let mut state = self.shared.state.subscribe();
        let wait = async { drop(state.wait_for(is_so).await) };
        self.shared.timeline.in_time(what, wait).await;
    }

    /// Sends `push` once more, byte for byte, as an application server does that got no answer.
    pub(crate) async fn repeat(&self, push: &Taken) {
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build()
            .unwrap();
        let mut request = client.post(format!("{}{}", self.shared.origin, push.path));
        for name in SENT {
            request = request.header(name, push.header(name));
        }
        let sent = request.body(push.body.clone()).send();
        let answer = self.shared.timeline.in_time("an answer to a repeat", sent);
        let status = answer.await.unwrap().status();
        assert_eq!(status, 201, "the push is taken as before");
    }
}

/// A push is posted; everything else is a browser that wants a WebSocket.
async fn serve(stream: TcpStream, shared: &Shared) -> Result<(), Box<dyn std::error::Error>> {
    let mut method = [0; 4];
    stream.peek(&mut method).await?;
    if &method == b"GET " {
        return converse(stream, shared).await;
    }
    let mut stream = BufReader::new(stream);
    while let Some(request) = Request::read(&mut stream).await? {
        let (status, headers) = match shared.take(&request) {
            Ok(location) => (201, vec![("location".to_owned(), location)]),
            Err((status, _)) => (status, Vec::new()),
        };
        answer(&mut stream, status, &headers, b"").await?;
    }
    Ok(())
}

impl Shared {
    pub(super) fn note(&self, what: impl std::fmt::Display) {
        self.timeline.note("push service", what);
    }

    /// Waits until the browser is to be away, or to be there.
    pub(super) async fn wait_until_away(&self, away: bool) {
        let mut state = self.state.subscribe();
        // The sender lives as long as this value.
        let _ = state.wait_for(|state| state.away == away).await;
    }

    pub(super) fn fault(&self, fault: String) {
        self.note(format!("fault: {fault}"));
        self.state.send_modify(|state| state.faults.push(fault));
    }

    /// Greets the browser and sends it what it has not acknowledged.
    pub(super) fn greet(&self, browser: &ToBrowser) {
        let hello = json!({
            "messageType": "hello",
            "uaid": self.uaid,
            "status": 200,
            "use_webpush": true,
            "broadcasts": {},
        });
        self.state.send_modify(|state| {
            let now = Instant::now();
            state.waiting.retain(|push| push.expires > now);
            let waiting = state.waiting.iter().map(|push| push.frame.clone());
            for frame in std::iter::once(hello).chain(waiting) {
                // A connection that ends meanwhile leaves them waiting.
                let _ = browser.send(frame);
            }
            state.browser = Some(browser.clone());
        });
    }

    /// The connection of `browser` has ended.
    pub(super) fn part(&self, browser: &ToBrowser) {
        self.state.send_modify(|state| {
            let current = state.browser.as_ref();
            if current.is_some_and(|current| current.same_channel(browser)) {
                state.browser = None;
            }
        });
    }

    /// Hands out an endpoint for the channel that `frame` registers.
    pub(super) fn register(&self, frame: &Value) -> Value {
        let key = frame["key"].as_str().unwrap_or_default();
        let key = URL_SAFE.decode(key);
        let Ok(application_server_key) = key else {
            self.fault(format!("the key of a subscription is {}", frame["key"]));
            return json!({"messageType": "register", "channelID": frame["channelID"], "status": 400});
        };
        let token = base64url(&random::<24>());
        let endpoint = format!("{}/push/{token}", self.origin);
        let subscribed = Subscribed {
            channel_id: frame["channelID"].clone(),
            application_server_key,
        };
        self.state.send_modify(|state| {
            state.endpoints.insert(token, subscribed);
        });
        json!({
            "messageType": "register",
            "channelID": frame["channelID"],
            "status": 200,
            "pushEndpoint": endpoint,
        })
    }

    /// Forgets the endpoint of the channel that `frame` names.
    pub(super) fn unregister(&self, frame: &Value) -> Value {
        let channel_id = &frame["channelID"];
        self.state.send_modify(|state| {
            state.endpoints.retain(|_, it| it.channel_id != *channel_id);
            state.waiting.retain(|it| it.channel_id != *channel_id);
        });
        json!({"messageType": "unregister", "channelID": channel_id, "status": 200})
    }

    /// The browser has the push `version`.
    pub(super) fn acknowledge(&self, version: &Value) {
        self.state
            .send_modify(|state| state.waiting.retain(|push| push.version != *version));
    }

    /// Checks a push and hands it on. Gives where it is from now on, or what is wrong with it.
    fn take(&self, request: &Request) -> Result<String, Fault> {
        let token = request.path.strip_prefix("/push/").unwrap_or_default();
        let state = self.state.borrow();
        let Some(subscribed) = state.endpoints.get(token) else {
            self.note(format!("no such endpoint: {}", request.path));
            return Err((410, "no such endpoint".to_owned()));
        };
        let checked = check_sealed(request, &subscribed.application_server_key, &self.origin);
        let channel_id = subscribed.channel_id.clone();
        drop(state);
        if let Err((status, fault)) = checked {
            self.fault(format!("{status}: {fault}"));
            return Err((status, fault));
        }
        let push = Waiting::new(request, channel_id);
        let location = format!("{}/message/{}", self.origin, push.version);
        self.hand_on(request, push);
        Ok(location)
    }

    fn hand_on(&self, request: &Request, push: Waiting) {
        let (size, topic) = (request.body.len(), push.topic.clone());
        self.note(format!("a push of {size} bytes, topic {topic:?}"));
        self.state.send_modify(|state| {
            state.taken.push(Taken {
                path: request.path.clone(),
                headers: request.headers.clone(),
                body: request.body.clone(),
            });
            state.waiting.retain(|earlier| !push.replaces(earlier));
            if let Some(browser) = &state.browser {
                // A connection that ends meanwhile leaves it waiting.
                let _ = browser.send(push.frame.clone());
            }
            state.waiting.push(push);
        });
    }
}

impl Waiting {
    fn new(request: &Request, channel_id: Value) -> Self {
        let version = base64url(&random::<12>());
        let ttl = request.header("ttl").and_then(|ttl| ttl.parse().ok());
        let ttl = ttl.unwrap_or_default();
        let frame = json!({
            "messageType": "notification",
            "channelID": channel_id,
            "version": version,
            "ttl": ttl,
            "data": base64url(&request.body),
            "headers": {"encoding": "aes128gcm"},
        });
        Self {
            version,
            channel_id,
            topic: request.header("topic").map(str::to_owned),
            expires: Instant::now() + Duration::from_secs(ttl),
            frame,
        }
    }

    fn replaces(&self, earlier: &Self) -> bool {
        self.topic.is_some() && self.topic == earlier.topic && self.channel_id == earlier.channel_id
    }
}
