//! Invites.

use actix_web::web::Data;
use schemars::{JsonSchema, json_schema};
use serde::Deserialize;

use super::answer::{Created, Done, Found};
use super::extract::{Body, Caller, Path, request_body};
use super::problem::{Code, Problem};
use super::state::ApiState;
use crate::domain::community::{Community, MAX_INVITES_PER_COMMUNITY};
use crate::domain::ids::CommunityId;
use crate::domain::invite::{Invite, InvitePreview};
use crate::domain::secrets::InviteCode;
use crate::store::{NewInvite, Redeemed};

/// How often an invite can be used: 1 to 1,000,000 times.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct MaxUses(i32);

impl TryFrom<i64> for MaxUses {
    type Error = String;

    fn try_from(value: i64) -> Result<Self, String> {
        let allowed = i32::try_from(value)
            .ok()
            .filter(|value| (1..=1_000_000).contains(value));
        allowed.map(Self).ok_or_else(|| {
            format!("must be 1 to 1000000, not {value}; leave it out for any number")
        })
    }
}

impl JsonSchema for MaxUses {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MaxUses".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({"type": "integer", "minimum": 1, "maximum": 1_000_000})
    }
}

/// How long an invite lives: 1 second to 10 years.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct Lifetime(i64);

impl Lifetime {
    const MAX_SECONDS: i64 = 10 * 366 * 86_400;
}

impl TryFrom<i64> for Lifetime {
    type Error = String;

    fn try_from(value: i64) -> Result<Self, String> {
        if (1..=Self::MAX_SECONDS).contains(&value) {
            Ok(Self(value))
        } else {
            Err(format!(
                "must be 1 to {}, not {value}; leave it out for ever",
                Self::MAX_SECONDS
            ))
        }
    }
}

impl JsonSchema for Lifetime {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Lifetime".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({"type": "integer", "minimum": 1, "maximum": Self::MAX_SECONDS})
    }
}

request_body! {
    /// A new invite.
    InviteTerms {
        /// How many accounts may come by it; any number if absent.
        max_uses: nullable MaxUses,
        /// In how many seconds it ends; never if absent.
        expires_in_seconds: nullable Lifetime,
    }
}

pub(super) async fn create(
    state: Data<ApiState>,
    caller: Caller,
    Path(community): Path<CommunityId>,
    body: Body<InviteTerms>,
) -> Result<Created<Invite>, Problem> {
    state.administered_community(&caller, community).await?;
    let terms = body.parse()?;
    let invite = NewInvite {
        code: InviteCode::generate(),
        community_id: community,
        created_by: caller.id(),
        max_uses: terms.max_uses.map(|uses| uses.0),
        expires_in_seconds: terms.expires_in_seconds.map(|seconds| seconds.0),
    };
    let invite = state
        .store
        .insert_invite(&invite, &state.public_url)
        .await?;
    let invite = invite.ok_or_else(|| {
        Problem::new(
            Code::TooManyInvites,
            format!("Delete one first; at most {MAX_INVITES_PER_COMMUNITY} are possible."),
        )
    })?;
    Ok(Created(invite))
}

pub(super) async fn list(
    state: Data<ApiState>,
    caller: Caller,
    Path(community): Path<CommunityId>,
) -> Result<Found<Vec<Invite>>, Problem> {
    state.administered_community(&caller, community).await?;
    Ok(Found(
        state
            .store
            .list_invites(community, &state.public_url)
            .await?,
    ))
}

pub(super) async fn show(
    state: Data<ApiState>,
    Path(code): Path<InviteCode>,
) -> Result<Found<InvitePreview>, Problem> {
    let community = state
        .store
        .preview_invite(&code)
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok(Found(InvitePreview { community }))
}

pub(super) async fn remove(
    state: Data<ApiState>,
    caller: Caller,
    Path(code): Path<InviteCode>,
) -> Result<Done, Problem> {
    let community = state
        .store
        .find_invite_community(&code)
        .await?
        .ok_or_else(Problem::not_found)?;
    state.administered_community(&caller, community).await?;
    if state.store.delete_invite(&code).await? {
        Ok(Done)
    } else {
        Err(Problem::not_found())
    }
}

pub(super) async fn accept(
    state: Data<ApiState>,
    caller: Caller,
    Path(code): Path<InviteCode>,
) -> Result<Found<Community>, Problem> {
    let redeemed = match state.store.redeem_invite(&code, caller.id()).await {
        Ok(redeemed) => redeemed,
        Err(error) => {
            state.announce_perhaps_newcomer(caller.id(), &code).await;
            return Err(error.into());
        }
    };
    state.announce_newcomer(caller.id(), &redeemed).await;
    match redeemed {
        Redeemed::Joined { community, .. } | Redeemed::AlreadyMember(community) => {
            Ok(Found(community))
        }
        Redeemed::Unusable => Err(Problem::not_found()),
    }
}
