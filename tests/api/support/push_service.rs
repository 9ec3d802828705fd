//! A push service of our own on a loopback port. It is stricter than the real ones: it verifies
//! who sends (RFC 8292), decrypts what is sent (RFC 8291) and checks every header. A fault in a
//! request fails the test at its end, if not before.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::listener::{Listener, Request, Serving, answer, client_leaves};
use super::push_crypto::{DeviceKeys, base64url, from_base64url, random};
use super::push_device::Device;
use super::push_request::{Registration, check};
use super::socket::DEADLINE;

/// What the service does in place of taking a push.
#[derive(Clone, Debug)]
pub(crate) enum Forced {
    /// Answers so.
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// Never answers.
    Hang,
    /// Takes the push, and answers when [`PushService::release`] says so.
    Hold,
    /// Ends the connection without an answer.
    Drop,
    /// Answers with this status and a body that never ends.
    Endless(u16),
}

impl Forced {
    pub(crate) fn status(status: u16) -> Self {
        Self::with_headers(status, &[])
    }

    pub(crate) fn with_headers(status: u16, headers: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self::Answer {
            status,
            headers: headers.iter().map(owned).collect(),
            body: Vec::new(),
        }
    }
}

/// A request as it came in, and what was found in it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) at: DateTime<Utc>,
    pub(crate) path: String,
    /// By their names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// What the token of the application server claims.
    pub(crate) claims: Value,
    /// What the push says, once decrypted.
    pub(crate) payload: Value,
    /// What the service answered; `None` when it was told not to answer.
    pub(crate) status: Option<u16>,
    /// What is wrong with the request.
    pub(crate) fault: Option<String>,
}

impl Received {
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.unwrap_or_else(|| panic!("no header {name}: {:?}", self.headers))
    }
}

struct Registered {
    registration: Registration,
    pushes: mpsc::UnboundedSender<Received>,
}

#[derive(Default)]
struct State {
    devices: HashMap<String, Registered>,
    forced: VecDeque<Forced>,
    /// Done with every push, after `forced` is used up.
    always: Option<Forced>,
    received: Vec<Received>,
    /// How many requests are not answered yet, and how many that were at most.
    open: usize,
    most_open: usize,
}

struct Shared {
    origin: String,
    state: Mutex<State>,
    /// How many requests came in.
    count: watch::Sender<usize>,
    /// How many bytes each client was sent that left a service that hangs or never ends.
    abandoned: watch::Sender<Vec<usize>>,
    /// Whether pushes that are held are answered.
    released: watch::Sender<bool>,
}

/// A running push service. It ends with this value, and fails the test if a request was wrong.
pub(crate) struct PushService {
    shared: Arc<Shared>,
    _serving: Serving,
}

impl Drop for PushService {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let requests = self.requests();
            let faulty: Vec<_> = requests.iter().filter(|it| it.fault.is_some()).collect();
            assert!(faulty.is_empty(), "the push service refused: {faulty:#?}");
        }
    }
}

impl PushService {
    pub(crate) async fn start() -> Self {
        let listener = Listener::bind().await;
        let shared = Arc::new(Shared {
            origin: listener.origin(),
            state: Mutex::default(),
            count: watch::channel(0).0,
            abandoned: watch::channel(Vec::new()).0,
            released: watch::channel(false).0,
        });
        let serving = Arc::clone(&shared);
        let serving = listener.serve(move |stream| {
            let shared = Arc::clone(&serving);
            // A client that goes away meanwhile is no failure of the service.
            async move { drop(serve(stream, &shared).await) }
        });
        Self {
            shared,
            _serving: serving,
        }
    }

    /// Where the service is, with its port.
    pub(crate) fn origin(&self) -> &str {
        &self.shared.origin
    }

    /// A device that subscribed to pushes from whoever has the key `public_key`.
    pub(crate) fn device(&self, public_key: &str) -> Device {
        let token = base64url(&random::<24>());
        self.device_at(&token, public_key)
    }

    /// The device that has `token`, with new keys, as after it subscribed again.
    pub(crate) fn device_at(&self, token: &str, public_key: &str) -> Device {
        let keys = DeviceKeys::new();
        let (pushes, incoming) = mpsc::unbounded_channel();
        let registration = Registration {
            keys: keys.clone(),
            application_server_key: from_base64url(public_key).unwrap(),
        };
        let registered = Registered {
            registration,
            pushes,
        };
        let mut state = self.shared.state.lock();
        state.devices.insert(token.to_owned(), registered);
        let endpoint = format!("{}/push/{token}", self.origin());
        Device::new(endpoint, keys, incoming)
    }

    /// Ends the subscription of `device`, which is answered 410 from now on.
    pub(crate) fn forget(&self, device: &Device) {
        self.shared.state.lock().devices.remove(device.token());
    }

    /// Does `forced` with the next so many pushes.
    pub(crate) fn force(&self, times: usize, forced: &Forced) {
        let repeated = std::iter::repeat_n(forced.clone(), times);
        self.shared.state.lock().forced.extend(repeated);
    }

    /// Does `forced` with every push until told otherwise.
    pub(crate) fn force_always(&self, forced: Forced) {
        self.shared.state.lock().always = Some(forced);
    }

    /// Takes pushes as usual again.
    pub(crate) fn recover(&self) {
        let mut state = self.shared.state.lock();
        state.forced.clear();
        state.always = None;
    }

    /// Takes every push from now on without answering it.
    pub(crate) fn hold(&self) {
        self.shared.released.send_replace(false);
        self.force_always(Forced::Hold);
    }

    /// Answers what is held, and takes pushes as usual again.
    pub(crate) fn release(&self) {
        self.recover();
        self.shared.released.send_replace(true);
    }

    /// How many requests were under way together at most.
    pub(crate) fn most_at_once(&self) -> usize {
        self.shared.state.lock().most_open
    }

    /// Everything that came in so far.
    pub(crate) fn requests(&self) -> Vec<Received> {
        self.shared.state.lock().received.clone()
    }

    /// Waits until so many requests came in, and gives them all.
    pub(crate) async fn wait_for_requests(&self, count: usize) -> Vec<Received> {
        let mut counted = self.shared.count.subscribe();
        let enough = timeout(DEADLINE, counted.wait_for(|found| *found >= count)).await;
        let requests = self.requests();
        assert!(
            enough.is_ok(),
            "{count} requests in time, but: {requests:#?}"
        );
        requests
    }

    /// Waits until so many clients gave up a request that hangs or an answer that never ends;
    /// tells how much of an answer the last one was sent.
    pub(crate) async fn wait_for_abandoned(&self, count: usize) -> usize {
        let mut sent = self.shared.abandoned.subscribe();
        let enough = timeout(DEADLINE, sent.wait_for(|all| all.len() >= count)).await;
        let all = enough.expect("the client should give up in time");
        all.unwrap().last().copied().unwrap_or_default()
    }
}

async fn serve(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = Request::read(&mut stream).await? {
        let forced = shared.take(&request);
        let ended = act(&mut stream, forced, shared).await?;
        if ended {
            return Ok(());
        }
    }
    Ok(())
}

/// Does what was decided about a request; tells whether its connection ended with that.
async fn act(
    stream: &mut BufReader<TcpStream>,
    forced: Forced,
    shared: &Shared,
) -> std::io::Result<bool> {
    match forced {
        Forced::Answer {
            status,
            headers,
            body,
        } => {
            // Before the answer, because the client may send the next one at once.
            shared.leave();
            answer(stream, status, &headers, &body).await?;
        }
        Forced::Drop => {
            shared.leave();
            return Ok(true);
        }
        Forced::Hang => {
            client_leaves(stream).await;
            shared.abandon(0);
            return Ok(true);
        }
        Forced::Hold => {
            let mut released = shared.released.subscribe();
            let is_released = tokio::select! {
                _ = released.wait_for(|it| *it) => true,
                () = client_leaves(stream) => false,
            };
            if !is_released {
                shared.abandon(0);
                return Ok(true);
            }
            shared.leave();
            answer(stream, 201, &[], &[]).await?;
        }
        Forced::Endless(status) => {
            let length = 1_u64 << 40;
            let head = format!("HTTP/1.1 {status} -\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            let part = vec![b'x'; 64 * 1024];
            let mut sent = 0;
            while stream.write_all(&part).await.is_ok() {
                sent += part.len();
            }
            shared.abandon(sent);
            return Ok(true);
        }
    }
    Ok(false)
}

impl Shared {
    /// Judges `request`, records it and tells how to answer it.
    fn take(&self, request: &Request) -> Forced {
        let mut state = self.state.lock();
        let token = request.path.strip_prefix("/push/").unwrap_or_default();
        let mut received = Received {
            at: Utc::now(),
            path: request.path.clone(),
            headers: request.headers.clone(),
            claims: Value::Null,
            payload: Value::Null,
            status: None,
            fault: None,
        };
        let device = state.devices.get(token);
        let mut answer = match device {
            // No device that was never there is asked for in a test.
            None => Forced::status(410),
            Some(device) => {
                let registration = &device.registration;
                match check(request, registration, &self.origin, &mut received) {
                    Ok(()) => {
                        let id = base64url(&random::<12>());
                        let location = format!("{}/message/{id}", self.origin);
                        Forced::with_headers(201, &[("location", &location)])
                    }
                    Err((status, fault)) => {
                        received.fault = Some(fault);
                        Forced::status(status)
                    }
                }
            }
        };
        let device = device.map(|device| device.pushes.clone());
        let always = state.always.clone();
        if let Some(forced) = state.forced.pop_front().or(always) {
            answer = forced;
        }
        received.status = match &answer {
            Forced::Answer { status, .. } | Forced::Endless(status) => Some(*status),
            Forced::Hold => Some(201),
            Forced::Hang | Forced::Drop => None,
        };
        let taken = received
            .status
            .is_some_and(|status| (200..300).contains(&status));
        if let Some(device) = device
            && (taken || received.fault.is_some())
        {
            // A device that is gone in the test may still be pushed to.
            let _ = device.send(received.clone());
        }
        state.received.push(received);
        state.open += 1;
        state.most_open = state.most_open.max(state.open);
        self.count.send_replace(state.received.len());
        answer
    }
    /// A request is about to be answered, or is not going to be.
    fn leave(&self) {
        self.state.lock().open -= 1;
    }

    /// A client gave up after it was sent so much.
    fn abandon(&self, sent: usize) {
        self.leave();
        self.abandoned.send_modify(|all| all.push(sent));
    }
}
