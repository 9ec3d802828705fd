//! Posts an encrypted message: for automations with something to hide.
//!
//! ```sh
//! post_encrypted --set-up             # once for an account: prints its recovery key
//! post_encrypted CHANNEL_ID "text"    # posts the text, or what comes on stdin
//! ```
//!
//! What it signs in with comes from the environment, because arguments are seen by everybody on a
//! machine: `CHATALOT_URL`, `CHATALOT_USERNAME`, `CHATALOT_PASSWORD` and, to post,
//! `CHATALOT_RECOVERY_KEY`. docs/encrypted_automations.md has the rest.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the command line"
)]

use std::env;
use std::error::Error;
use std::io::Read as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use chatalot_client::{
    ChannelId, Device, Draft, Error as ClientError, MemoryStore, MessageId, Session,
};

/// How long a text is tried to be sent while the server cannot be reached, or is busy.
const PATIENCE: Duration = Duration::from_secs(120);
/// The pause between two attempts. The library has made a few by itself in each.
const PAUSE: Duration = Duration::from_secs(2);

/// What is to be done.
enum Task {
    SetUp,
    Post { channel: ChannelId, text: String },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("post_encrypted: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<String, Box<dyn Error>> {
    let task = task()?;
    let username = setting("CHATALOT_USERNAME")?;
    let password = setting("CHATALOT_PASSWORD")?;
    let session = Session::sign_in(&setting("CHATALOT_URL")?, &username, &password).await?;
    // Each run is a device of its own, with its keys in memory, and ends with the session. So nothing
    // that decrypts is left on this machine, and members see no long list of devices.
    let said = work(task, session.clone(), &password).await;
    if let Err(error) = session.sign_out().await {
        // What was posted is posted.
        eprintln!("post_encrypted: its session could not be ended: {error}");
    }
    said
}

async fn work(task: Task, session: Session, password: &str) -> Result<String, Box<dyn Error>> {
    let device = Device::open(session, MemoryStore::new()).await?;
    match task {
        Task::SetUp => {
            device.set_up(password).await?;
            Ok(device.make_recovery_key().await?)
        }
        Task::Post { channel, text } => {
            // Proves to the members that this new device is the account's.
            device.unlock(&setting("CHATALOT_RECOVERY_KEY")?).await?;
            Ok(post(&device, channel, text).await?.to_string())
        }
    }
}

async fn post(
    device: &Device,
    channel: ChannelId,
    text: String,
) -> Result<MessageId, Box<dyn Error>> {
    // The same draft each time: whichever attempt got through, the message is there once.
    let draft = Draft::of(text);
    let started = Instant::now();
    let mut is_in_doubt = false;
    loop {
        let error = match device.send(channel, &draft).await {
            Ok(posted) => return Ok(posted.message_id),
            Err(ClientError::OutcomeUnknown(error)) => {
                is_in_doubt = true;
                *error
            }
            Err(error) => error,
        };
        is_in_doubt |= error.is_transient();
        if !error.is_transient() || started.elapsed() > PATIENCE {
            // An attempt before this one may have got through.
            return Err(if is_in_doubt {
                format!("it may have been posted or not: {error}").into()
            } else {
                error.into()
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn task() -> Result<Task, Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let first = arguments.next();
    let first = first.ok_or("usage: post_encrypted --set-up | CHANNEL_ID [TEXT]")?;
    if first == "--set-up" {
        return Ok(Task::SetUp);
    }
    let channel = first.parse();
    let channel = channel.map_err(|_not_an_id| format!("{first:?} is not the id of a channel"))?;
    let text = match arguments.next() {
        Some(text) => text,
        None => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            text.trim_end().to_owned()
        }
    };
    if text.trim().is_empty() {
        return Err("there is no text to post".into());
    }
    Ok(Task::Post { channel, text })
}

/// A variable of the environment, which must be there.
fn setting(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_absent| format!("set {name} in the environment"))
}
