//! A browser that subscribed to pushes, and how its user sees it.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::answer::Answer;
use super::client::ApiClient;
use super::push_crypto::{DeviceKeys, base64url, sha256};
use super::push_service::Received;
use super::socket::DEADLINE;

/// A device with keys of its own, at an endpoint of the push service.
pub(crate) struct Device {
    pub(crate) endpoint: String,
    pub(crate) keys: DeviceKeys,
    incoming: mpsc::UnboundedReceiver<Received>,
}

impl Device {
    pub(super) fn new(
        endpoint: String,
        keys: DeviceKeys,
        incoming: mpsc::UnboundedReceiver<Received>,
    ) -> Self {
        Self {
            endpoint,
            keys,
            incoming,
        }
    }

    /// What the push service knows the device by.
    pub(crate) fn token(&self) -> &str {
        let token = self.endpoint.rsplit('/').next();
        token.expect("an endpoint with a path")
    }

    /// What the browser gives the page.
    pub(crate) fn subscription(&self) -> Value {
        self.keys.subscription(&self.endpoint)
    }

    /// What the next push says, decrypted.
    pub(crate) async fn next_push(&mut self) -> Value {
        self.next_received().await.payload
    }

    /// The next push with its headers.
    pub(crate) async fn next_received(&mut self) -> Received {
        let received = timeout(DEADLINE, self.incoming.recv()).await;
        let received = received.expect("a push in time");
        let received = received.expect("a device that still has this endpoint");
        assert_eq!(received.fault, None, "a push that is right: {received:#?}");
        received
    }

    /// What must not be told of the device, in the forms in which it could be.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let bytes = format!("{:?}", self.keys.point());
        vec![
            self.token().to_owned(),
            base64url(&sha256(self.endpoint.as_bytes())),
            self.keys.p256dh(),
            self.keys.auth(),
            bytes.trim_matches(['[', ']']).to_owned(),
        ]
    }

    /// None of the device's secrets is in `log`.
    #[track_caller]
    pub(crate) fn expect_untold(&self, log: &str) {
        for secret in self.secrets() {
            let line = log.lines().find(|line| line.contains(&secret));
            assert_eq!(line, None, "{secret} is in the log");
        }
    }

    /// Nothing was pushed that was not looked at.
    pub(crate) fn expect_no_more(&mut self) {
        if let Ok(received) = self.incoming.try_recv() {
            panic!("nothing more should be pushed, but: {received:#?}");
        }
    }
}

impl ApiClient {
    /// What a page gives the browser to subscribe with.
    pub(crate) async fn push_public_key(&self) -> String {
        let answer = self.push_key().await.expect_status(200);
        answer.str("public_key")
    }

    /// Subscribes `device`, which must be accepted, and tells its id.
    pub(crate) async fn subscribe_device(&self, device: &Device) -> String {
        let answer = self.subscribe_push(&device.subscription()).await;
        answer.expect_status(201).id()
    }

    /// Asks for a test notification, which must be promised.
    pub(crate) async fn expect_test_push(&self, id: &str) -> Answer {
        self.test_push(id).await.expect_status(202)
    }

    /// The caller's devices as they are listed.
    pub(crate) async fn devices(&self) -> Vec<Value> {
        let answer = self.push_subscriptions().await.expect_status(200);
        answer.list().to_vec()
    }

    /// The ids of the caller's devices.
    pub(crate) async fn device_ids(&self) -> Vec<String> {
        let devices = self.devices().await;
        let ids = devices.iter().map(|it| it["id"].as_str().unwrap());
        ids.map(str::to_owned).collect()
    }

    /// Waits until the list of devices is as `wanted`; `what` says how.
    pub(crate) async fn wait_for_devices(
        &self,
        what: &str,
        wanted: impl Fn(&[Value]) -> bool,
    ) -> Vec<Value> {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            let devices = self.devices().await;
            if wanted(&devices) {
                return devices;
            }
            let now = tokio::time::Instant::now();
            assert!(now < deadline, "{what} in time, but: {devices:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the device `id` is as `wanted`; `what` says how.
    pub(crate) async fn wait_for_device(
        &self,
        id: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let named = |device: &Value| device["id"] == id;
        let is_so = |devices: &[Value]| {
            let device = devices.iter().find(|it| named(it));
            device.is_some_and(&wanted)
        };
        let devices = self.wait_for_devices(what, is_so).await;
        devices.into_iter().find(named).unwrap()
    }

    /// Waits until the last push to the device `id` is known to have failed.
    pub(crate) async fn wait_for_failing(&self, id: &str) -> Value {
        let failing = |device: &Value| device["failing_since"].is_string();
        self.wait_for_device(id, "a device that fails", failing)
            .await
    }

    /// Waits until the last push to the device `id` is known to have arrived.
    pub(crate) async fn wait_for_healthy(&self, id: &str) -> Value {
        let healthy = |device: &Value| {
            device["last_success_at"].is_string() && device["failing_since"].is_null()
        };
        self.wait_for_device(id, "a device that works", healthy)
            .await
    }
}
