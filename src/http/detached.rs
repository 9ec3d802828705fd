//! Handlers that reach their end although the client hangs up.

use std::pin::Pin;

use actix_web::Handler;

use super::request_id;

/// A handler whose work goes on when its connection is lost in the middle. A change that is
/// committed has to be told to open sockets too, whoever asked for it and left.
#[derive(Clone)]
pub(super) struct Detached<H>(pub(super) H);

impl<H, A> Handler<A> for Detached<H>
where
    H: Handler<A>,
    H::Output: 'static,
    H::Future: 'static,
{
    type Output = H::Output;
    type Future = Pin<Box<dyn Future<Output = H::Output>>>;

    fn call(&self, arguments: A) -> Self::Future {
        let work = request_id::carried_into(self.0.call(arguments));
        let task = actix_rt::spawn(work);
        Box::pin(async move {
            match task.await {
                Ok(output) => output,
                // The handler panicked: so does the request, as it would without the task.
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        })
    }
}
