//! Which messages were read, so that a repeat of one is recognised.

use sha2::{Digest, Sha256};

use crate::device::Device;
use crate::error::Error;
use crate::ids::{ChannelId, MessageId, TransactionId};
use crate::messages::SealedMessage;

/// How many parts the memory has; each is read and written as a whole.
const PARTS: u16 = 1024;
/// How many messages a part remembers. The oldest are forgotten first.
const MOST_IN_A_PART: usize = 64;

/// By channel, author and transaction: the message that it was read in, and its place.
type Remembered = (String, String, i64);

/// The place of what this device has sent: no repeat can stand before it.
const BEFORE_ALL: i64 = i64::MIN;

impl Device {
    /// Whether what a message says was read in an earlier one. The earlier one is the original, in
    /// whichever order they are read.
    pub(crate) async fn is_repeat(
        &self,
        message: &SealedMessage,
        txn_id: &str,
    ) -> Result<bool, Error> {
        let SealedMessage {
            channel_id, author, ..
        } = message;
        let transaction = format!("{channel_id} {author} {txn_id}");
        let original = self.original(transaction, message.id, message.seq).await?;
        Ok(original != message.id.to_string())
    }

    /// What was sent from here is the original of whatever says the same, also when that is read
    /// first.
    pub(crate) async fn note_sent(
        &self,
        channel: ChannelId,
        message: MessageId,
        txn_id: &TransactionId,
    ) -> Result<(), Error> {
        let transaction = format!("{channel} {} {txn_id}", self.names.own_id);
        self.original(transaction, message, BEFORE_ALL).await?;
        Ok(())
    }

    /// The id of the message in which a transaction was read first, which is this one if none was at
    /// an earlier place.
    async fn original(
        &self,
        transaction: String,
        message: MessageId,
        seq: i64,
    ) -> Result<String, Error> {
        let part = part_of(&transaction);
        let id = message.to_string();
        let _one_after_the_other = self.state.replays.lock().await;
        let mut read: Vec<Remembered> = self.stored(&part).await?.unwrap_or_default();
        match read.iter_mut().find(|(known, ..)| *known == transaction) {
            Some((_, original, known)) if *known <= seq => return Ok(original.clone()),
            Some((_, original, known)) => (*original, *known) = (id.clone(), seq),
            None => {
                let surplus = (read.len() + 1).saturating_sub(MOST_IN_A_PART);
                read.drain(..surplus);
                read.push((transaction, id.clone(), seq));
            }
        }
        self.store(&part, &read).await?;
        Ok(id)
    }
}

fn part_of(transaction: &str) -> String {
    let digest = Sha256::digest(transaction);
    let number = digest.iter().take(2);
    let number = number.fold(0, |number: u16, byte| (number << 8) | u16::from(*byte));
    format!("chatalot.read.{}", number % PARTS)
}
