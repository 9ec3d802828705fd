//! How domain types travel to and from PostgreSQL.

use std::error::Error;

use bytes::BytesMut;
use chrono::{DateTime, Utc};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::domain::ids::{
    ChannelId, CommunityId, Epoch, MembersVersion, MessageId, NotificationId, PushSubscriptionId,
    Seq, SessionId, UserId, WebhookId,
};
use crate::domain::secrets::TokenHash;
use crate::domain::time::Timestamp;

/// Lets a newtype travel as the type inside it.
macro_rules! travels_as {
    ($inner:ty: $($outer:ty),+) => {
        $(
            impl<'a> FromSql<'a> for $outer {
                fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
                    <$inner as FromSql<'a>>::from_sql(ty, raw).map(Self)
                }

                fn accepts(ty: &Type) -> bool {
                    <$inner as FromSql<'a>>::accepts(ty)
                }
            }

            impl ToSql for $outer {
                fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
                    self.0.to_sql(ty, out)
                }

                fn accepts(ty: &Type) -> bool {
                    <$inner as ToSql>::accepts(ty)
                }

                to_sql_checked!();
            }
        )+
    };
}

travels_as!(Uuid: ChannelId, CommunityId, Epoch, MessageId, NotificationId, PushSubscriptionId, SessionId, UserId, WebhookId);
travels_as!(i64: MembersVersion, Seq);

impl<'a> FromSql<'a> for Timestamp {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        DateTime::<Utc>::from_sql(ty, raw).map(Self::from)
    }

    fn accepts(ty: &Type) -> bool {
        <DateTime<Utc> as FromSql<'a>>::accepts(ty)
    }
}

impl ToSql for Timestamp {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.as_datetime().to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        <DateTime<Utc> as ToSql>::accepts(ty)
    }

    to_sql_checked!();
}

impl ToSql for TokenHash {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.0.as_slice().to_sql(ty, out)
    }

    fn accepts(ty: &Type) -> bool {
        <&[u8] as ToSql>::accepts(ty)
    }

    to_sql_checked!();
}
