//! The device that makes a request.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};

use super::Caller;
use crate::domain::encryption::ids::{DeviceName, ServerName, device_id};
use crate::domain::ids::UserId;
use crate::http::problem::Problem;
use crate::http::state::ApiState;
use crate::store::DeviceRef;

/// A signed-in caller as a device: a login session, with the limit of calls about encryption.
#[derive(Debug)]
pub(in crate::http) struct Device {
    pub(in crate::http) caller: Caller,
}

impl Device {
    pub(in crate::http) fn user_id(&self) -> UserId {
        self.caller.id()
    }

    /// The device, as the store knows it.
    pub(in crate::http) fn reference(&self) -> DeviceRef {
        DeviceRef {
            user_id: self.caller.id(),
            session_id: self.caller.session_id,
        }
    }

    /// The device, as its keys name it.
    pub(in crate::http) fn name(&self, server: &ServerName) -> DeviceName {
        DeviceName {
            user_id: server.user_id(self.caller.id()),
            device_id: device_id(self.caller.session_id),
        }
    }
}

impl FromRequest for Device {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let state = request.app_data::<Data<ApiState>>().cloned();
        let caller = Caller::from_request(request, payload);
        Box::pin(async move {
            let caller = caller.await?;
            if let Some(state) = state {
                state.limits.charge_encryption(caller.session_id)?;
            }
            Ok(Self { caller })
        })
    }
}
