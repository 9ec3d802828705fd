//! Prints what is written into a channel, as it is written: for automations that people talk to.
//!
//! ```sh
//! read_encrypted CHANNEL_ID
//! ```
//!
//! Each message is a line of JSON with `message_id`, `author` (the user's id) and `text`. It goes on
//! until it is interrupted. What it signs in with comes from the environment, as with
//! `post_encrypted`: docs/encrypted_automations.md has the rest.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the command line"
)]

use std::collections::VecDeque;
use std::env;
use std::process::ExitCode;
use std::time::Duration;

use chatalot_client::{
    ChannelId, Decryption, Device, Error, Frame, MemoryStore, Message, SealedMessage, Session,
};
use serde_json::json;

/// The pause before it connects again.
const PAUSE: Duration = Duration::from_secs(2);
/// How many messages wait for their keys. The oldest are given up.
const MOST_WAITING: usize = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("read_encrypted: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let channel = env::args()
        .nth(1)
        .ok_or("usage: read_encrypted CHANNEL_ID")?;
    let channel: ChannelId = channel.parse()?;
    let (username, password) = (setting("CHATALOT_USERNAME")?, setting("CHATALOT_PASSWORD")?);
    let recovery_key = setting("CHATALOT_RECOVERY_KEY")?;
    let session = Session::sign_in(&setting("CHATALOT_URL")?, &username, &password).await?;
    let read = tokio::select! {
        read = read(session.clone(), &recovery_key, channel) => read,
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Into::into),
    };
    if let Err(error) = session.sign_out().await {
        eprintln!("read_encrypted: its session could not be ended: {error}");
    }
    read
}

async fn read(
    session: Session,
    recovery_key: &str,
    channel: ChannelId,
) -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::open(session, MemoryStore::new()).await?;
    device.unlock(recovery_key).await?;
    let mut reader = Reader {
        device,
        channel,
        history: String::new(),
        last: None,
        waiting: VecDeque::new(),
    };
    loop {
        match reader.follow().await {
            Err(error) if error.is_transient() => tokio::time::sleep(PAUSE).await,
            ended => return Ok(ended?),
        }
    }
}

struct Reader {
    device: Device,
    channel: ChannelId,
    /// Which history of the server's database has been read.
    history: String,
    /// The place of the last message that was seen in it.
    last: Option<i64>,
    /// Messages whose keys have not come.
    waiting: VecDeque<SealedMessage>,
}

impl Reader {
    /// Reads until the connection ends, from where the one before has ended.
    async fn follow(&mut self) -> Result<(), Error> {
        let mut live = self.device.follow(&[]).await?;
        if live.epoch() != self.history {
            // Places in another history mean nothing: what is new is read.
            live.epoch().clone_into(&mut self.history);
            self.last = None;
        }
        live.watch(&[(self.channel, self.last)], Some(&self.history))
            .await?;
        loop {
            match live.next().await? {
                Frame::Subscribed { last_seq, .. } => {
                    self.last.get_or_insert(last_seq);
                    eprintln!("read_encrypted: reading");
                }
                Frame::Message(message) => self.look_at(message).await?,
                // Too much was written meanwhile to be told again.
                Frame::Resync { last_seq, .. } => self.catch_up(last_seq).await?,
                // Keys came.
                Frame::ToDevice(_) => {
                    for message in std::mem::take(&mut self.waiting) {
                        self.decrypt(message).await?;
                    }
                }
                Frame::Refused { code, detail, .. } => {
                    return Err(Error::Unexpected(format!("{detail} ({code})")));
                }
                _ => {}
            }
        }
    }

    async fn catch_up(&mut self, last_seq: i64) -> Result<(), Error> {
        while let Some(last) = self.last.filter(|last| *last < last_seq) {
            let page = self.device.messages_after(self.channel, last).await?;
            for message in page.messages {
                self.look_at(message).await?;
            }
            if !page.has_more {
                break;
            }
        }
        Ok(())
    }

    async fn look_at(&mut self, message: Message) -> Result<(), Error> {
        // What was read in pages may be told once more.
        if self.last.is_some_and(|last| message.seq() <= last) {
            return Ok(());
        }
        self.last = Some(message.seq());
        match message {
            Message::Sealed(message) => self.decrypt(message).await,
            _ => Ok(()),
        }
    }

    async fn decrypt(&mut self, message: SealedMessage) -> Result<(), Error> {
        let id = message.id;
        match self.device.decrypt(&message).await? {
            Decryption::Clear(plaintext) => {
                let author = message.author;
                let line = json!({"message_id": id, "author": author, "text": plaintext.body});
                println!("{line}");
            }
            // Its key is from the backup, which does not prove who wrote it: nothing to act on.
            Decryption::Unproven(_) => {
                eprintln!("read_encrypted: passed over {id}: it is not certain who wrote it");
            }
            Decryption::Waiting => {
                self.waiting.push_back(message);
                if self.waiting.len() > MOST_WAITING {
                    self.waiting.pop_front();
                }
            }
            Decryption::Refused(why) => eprintln!("read_encrypted: passed over {id}: {why}"),
        }
        Ok(())
    }
}

/// A variable of the environment, which must be there.
fn setting(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_absent| format!("set {name} in the environment"))
}
