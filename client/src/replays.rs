//! Which messages were read, so that a repeat of one is recognised.

use sha2::{Digest, Sha256};

use crate::device::Device;
use crate::error::Error;
use crate::messages::SealedMessage;

/// How many parts the memory has; each is read and written as a whole.
const PARTS: u16 = 1024;
/// How many messages a part remembers. The oldest are forgotten first.
const MOST_IN_A_PART: usize = 64;

/// By channel, author and transaction: the message that it was read in, and its place.
type Remembered = (String, String, i64);

impl Device {
    /// Whether what a message says was read in an earlier one. The earlier one is the original, in
    /// whichever order they are read.
    pub(crate) async fn is_repeat(
        &self,
        message: &SealedMessage,
        txn_id: &str,
    ) -> Result<bool, Error> {
        let transaction = format!("{} {} {txn_id}", message.channel_id, message.author);
        let part = part_of(&transaction);
        let id = message.id.to_string();
        let _one_after_the_other = self.state.replays.lock().await;
        let mut read: Vec<Remembered> = self.stored(&part).await?.unwrap_or_default();
        match read.iter_mut().find(|(known, ..)| *known == transaction) {
            Some((_, original, _)) if *original == id => return Ok(false),
            Some((_, _, seq)) if *seq <= message.seq => return Ok(true),
            Some((_, original, seq)) => (*original, *seq) = (id, message.seq),
            None => {
                let surplus = (read.len() + 1).saturating_sub(MOST_IN_A_PART);
                read.drain(..surplus);
                read.push((transaction, id, message.seq));
            }
        }
        self.store(&part, &read).await?;
        Ok(false)
    }
}

fn part_of(transaction: &str) -> String {
    let digest = Sha256::digest(transaction);
    let number = digest.iter().take(2);
    let number = number.fold(0, |number: u16, byte| (number << 8) | u16::from(*byte));
    format!("chatalot.read.{}", number % PARTS)
}
