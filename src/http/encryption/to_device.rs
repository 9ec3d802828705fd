//! Sending messages to single devices.

use std::collections::BTreeMap;

use actix_web::web::Data;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::LARGE_BODY_BYTES;
use crate::domain::encryption::ids::{ServerName, device_id};
use crate::domain::encryption::to_device::{
    EventType, MAX_RECIPIENTS, SentMessages, ToDeviceTransactionId, parse_messages,
};
use crate::domain::ids::UserId;
use crate::http::answer::Found;
use crate::http::extract::{Body, Device, Path, request_body};
use crate::http::problem::{Code, Problem};
use crate::http::state::ApiState;
use crate::metrics::Metrics;
use crate::store::{DeviceRef, SentToDevice};

request_body! {
    /// Messages for devices.
    DeviceMessages up to LARGE_BODY_BYTES; {
        /// The contents, by user id and device id; `*` is every device of the user.
        #[schemars(with = "BTreeMap<String, BTreeMap<String, Map<String, Value>>>")]
        messages: required SentMessages,
    }
}

/// What became of the messages.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(in crate::http) struct Sent {
    /// Devices that were passed over because too much waits for them, by user id; absent if there
    /// are none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    undelivered: BTreeMap<String, Vec<String>>,
}

impl Sent {
    fn passing_over(devices: Vec<DeviceRef>, server: &ServerName) -> Self {
        let mut sent = Self::default();
        for device in devices {
            let of_user = sent.undelivered.entry(server.user_id(device.user_id));
            of_user.or_default().push(device_id(device.session_id));
        }
        sent
    }
}

pub(in crate::http) async fn send(
    state: Data<ApiState>,
    device: Device,
    Path((event_type, txn_id)): Path<(String, String)>,
    body: Body<DeviceMessages>,
) -> Result<Found<Sent>, Problem> {
    let (Some(event_type), Some(transaction_id)) = (
        EventType::parse(&event_type),
        ToDeviceTransactionId::parse(&txn_id),
    ) else {
        return Err(Problem::not_found());
    };
    let server = state.server_name().await?;
    let mut messages = parse_messages(body.parse()?.messages, &server)?;
    let users: Vec<UserId> = messages.iter().map(|message| message.user_id).collect();
    let visible = state
        .store
        .sharing_a_channel(device.user_id(), &users)
        .await?;
    messages.retain(|message| visible.contains(&message.user_id));
    let sent = state
        .store
        .send_to_devices(device.reference(), &event_type, &transaction_id, &messages)
        .await;
    if let Err(_) | Ok(SentToDevice::Repeated { .. }) = sent {
        // It may have been committed all the same, now or the first time, and nobody was told.
        for user in visible {
            state.sessions.notify_mailboxes_of(user);
        }
    }
    match sent? {
        SentToDevice::Done { delivered, full } => {
            for device in delivered {
                state
                    .sessions
                    .notify_mailbox(device.user_id, device.session_id);
            }
            let lost = u64::try_from(full.len()).unwrap_or(u64::MAX);
            Metrics::count_by(&state.metrics.to_device_lost, "mailbox_full", lost);
            Ok(Found(Sent::passing_over(full, &server)))
        }
        SentToDevice::Repeated { full } => Ok(Found(Sent::passing_over(full, &server))),
        SentToDevice::TooManyRecipients => {
            let detail = format!("must be for at most {MAX_RECIPIENTS} devices");
            Err(Problem::invalid_field("/messages", detail))
        }
        SentToDevice::SessionEnded => Err(Problem::new(
            Code::Unauthenticated,
            "The session ended meanwhile. Sign in again.",
        )),
    }
}
