//! People with a device that really encrypts.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chatalot_client::{
    ChannelId, Decryption, Device, Draft, Frame, Live, MemoryStore, Message, Posted, SealedMessage,
    Session,
};
use tokio::time::timeout;

use super::fixtures::{PASSWORD, User};

/// How long anything that must happen may take on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A user on one device, which follows what happens.
pub(crate) struct Person {
    pub(crate) user: User,
    pub(crate) device: Device,
    /// Where the device's keys are.
    pub(crate) store: Arc<MemoryStore>,
    live: Live,
    /// Messages that came while something else was waited for.
    held: VecDeque<SealedMessage>,
}

/// The device of a session at the server that is at `origin`, without anybody's word for it.
pub(crate) async fn device(user: &User, origin: &str, store: &Arc<MemoryStore>) -> Device {
    let session = Session::resume(origin, user.token()).unwrap();
    Device::open(session, Arc::clone(store)).await.unwrap()
}

/// A channel's id as the client has it.
pub(crate) fn id(channel: &str) -> ChannelId {
    channel.parse().unwrap()
}

/// All messages of a channel, which must be encrypted ones.
pub(crate) async fn history(device: &Device, channel: &str) -> Vec<SealedMessage> {
    let (mut history, mut last) = (Vec::new(), 0);
    loop {
        let page = device.messages_after(id(channel), last).await.unwrap();
        for message in page.messages {
            last = message.seq();
            match message {
                Message::Sealed(message) => history.push(message),
                other => panic!("an encrypted message, not {other:?}"),
            }
        }
        if !page.has_more {
            return history;
        }
    }
}

impl Person {
    /// `user` with the identity that their first device makes, watching channels from their
    /// beginning on.
    pub(crate) async fn of(user: &User, channels: &[&str]) -> Self {
        Self::at(user.origin(), user, channels).await
    }

    /// The same, with calls that go to the server by way of `origin`.
    pub(crate) async fn at(origin: &str, user: &User, channels: &[&str]) -> Self {
        let store = Arc::new(MemoryStore::new());
        let device = device(user, origin, &store).await;
        device.set_up(PASSWORD).await.unwrap();
        Self::with(user, device, store, channels).await
    }

    /// `user` on a further device, for which nobody vouches yet.
    pub(crate) async fn on_a_new_device(&self, channels: &[&str]) -> Self {
        let user = self.user.sign_in().await;
        let store = Arc::new(MemoryStore::new());
        let device = device(&user, user.origin(), &store).await;
        Self::with(&user, device, store, channels).await
    }

    async fn with(user: &User, device: Device, store: Arc<MemoryStore>, channels: &[&str]) -> Self {
        let channels: Vec<_> = channels.iter().map(|it| (id(it), Some(0))).collect();
        // Its socket goes to the server directly, whichever way its calls go.
        let direct = Session::resume(user.origin(), user.token()).unwrap();
        let live = device.follow_at(&direct, &channels).await.unwrap();
        Self {
            user: user.clone(),
            device,
            store,
            live,
            held: VecDeque::new(),
        }
    }

    /// Writes into a channel, which must be possible.
    pub(crate) async fn writes(&self, channel: &str, text: &str) -> Posted {
        let sent = self.device.send(id(channel), &Draft::of(text)).await;
        sent.unwrap_or_else(|error| panic!("{} writes {text:?}: {error}", self.user.username))
    }

    /// The next encrypted message of the channels that are watched.
    pub(crate) async fn next_message(&mut self) -> SealedMessage {
        loop {
            if let Some(message) = self.held.pop_front() {
                return message;
            }
            self.hear().await;
        }
    }

    /// What the next message says. Its key may come after it.
    pub(crate) async fn reads(&mut self) -> String {
        let message = self.next_message().await;
        self.reads_this(&message).await
    }

    /// What a message says.
    pub(crate) async fn reads_this(&mut self, message: &SealedMessage) -> String {
        match self.decrypts(message).await {
            Decryption::Clear(plaintext) => plaintext.body,
            other => panic!("{} cannot read: {other:?}", self.user.username),
        }
    }

    /// What becomes of a message, once its key is there.
    pub(crate) async fn decrypts(&mut self, message: &SealedMessage) -> Decryption {
        loop {
            match self.tries(message).await {
                Decryption::Waiting => self.hear().await,
                decrypted => return decrypted,
            }
        }
    }

    /// What becomes of a message with what this device has now.
    pub(crate) async fn tries(&self, message: &SealedMessage) -> Decryption {
        self.device.decrypt(message).await.unwrap()
    }

    /// Waits for something to happen.
    async fn hear(&mut self) {
        let frame = timeout(DEADLINE, self.live.next()).await;
        let frame = frame.unwrap_or_else(|_| panic!("{} hears nothing", self.user.username));
        if let Frame::Message(Message::Sealed(message)) = frame.unwrap() {
            self.held.push_back(message);
        }
    }
}
