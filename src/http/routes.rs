//! The route table: every path, what may be done there, and who does it.

mod encryption;

use actix_web::dev::HttpServiceFactory;
use actix_web::http::Method;
use actix_web::http::header;
use actix_web::web::{self, ServiceConfig};
use actix_web::{FromRequest, Handler, Resource, Responder, Route, guard};
use serde_json::Value;

use super::answer::Done;
use super::detached::Detached;
use super::openapi::{DescribeAnswer, DescribeArguments, Document};
use super::problem::{Code, Problem};
#[cfg(feature = "ui")]
use super::ui;
use super::{
    auth, channel_members, channels, communities, community_members, execute, health, instance,
    invites, messages, notifications, push, sessions, socket, user_messages, webhooks,
};

/// Every route of the interface.
fn table() -> Routes {
    // The router tries one path after the other: what is posted to most comes first.
    let posting = Routes::default()
        .at(
            "/api/webhooks/execute/{token}",
            post(execute::execute, "Post a message through a webhook"),
        )
        .at(
            "/api/channels/{channel_id}/messages/{message_id}",
            put(
                user_messages::send,
                "Send an encrypted message, under an id of the sending device's choice",
            )
            .patch(user_messages::edit, "Edit one's own message")
            .delete(messages::remove, "Delete a message"),
        );
    encryption::add_to(posting)
        // Accounts
        .at(
            "/api/auth/register",
            post(auth::register, "Make an account and sign in"),
        )
        .at("/api/auth/login", post(auth::login, "Sign in"))
        .at("/api/auth/logout", post(auth::logout, "Sign out"))
        .at("/api/auth/session", get(sessions::current, "Who am I?"))
        .at(
            "/api/auth/sessions",
            get(sessions::list, "List one's own sessions"),
        )
        .at(
            "/api/auth/sessions/{session_id}",
            delete(sessions::revoke, "End one of one's own sessions"),
        )
        // Communities
        .at(
            "/api/communities",
            post(communities::create, "Make a community")
                .get(communities::list, "List one's communities"),
        )
        .at(
            "/api/communities/{community_id}",
            get(communities::show, "Show a community")
                .patch(communities::update, "Rename a community")
                .delete(
                    communities::remove,
                    "Delete a community with everything in it",
                ),
        )
        .at(
            "/api/communities/{community_id}/members",
            get(community_members::list, "List a community's members"),
        )
        .at(
            "/api/communities/{community_id}/members/{user_id}",
            patch(
                community_members::update,
                "Change a member's role, or hand the community over",
            )
            .delete(
                community_members::remove,
                "Leave a community, or remove a member",
            ),
        )
        .at(
            "/api/communities/{community_id}/invites",
            post(invites::create, "Make an invite")
                .get(invites::list, "List the invites that work"),
        )
        .at(
            "/api/invites/{code}",
            get(invites::show, "See where an invite leads")
                .delete(invites::remove, "End an invite"),
        )
        .at(
            "/api/invites/{code}/accept",
            post(invites::accept, "Join the invite's community"),
        )
        // Channels and messages
        .at(
            "/api/communities/{community_id}/channels",
            post(channels::create, "Make a channel")
                .get(channels::list, "List the channels one may see"),
        )
        .at(
            "/api/channels/{channel_id}",
            get(channels::show, "Show a channel")
                .patch(channels::update, "Change a channel's name or topic")
                .delete(channels::remove, "Delete a channel with everything in it"),
        )
        .at(
            "/api/channels/{channel_id}/members",
            get(channel_members::list, "List a channel's members"),
        )
        .at(
            "/api/channels/{channel_id}/members/{user_id}",
            put(channel_members::add, "Join a channel, or add a member").delete(
                channel_members::remove,
                "Leave a channel, or remove a member",
            ),
        )
        .at(
            "/api/channels/{channel_id}/messages",
            get(messages::list, "Read a page of a channel"),
        )
        .at(
            "/api/channels/{channel_id}/read",
            post(notifications::read_channel, "Note how far one has read"),
        )
        // Webhooks
        .at(
            "/api/channels/{channel_id}/webhooks",
            post(
                webhooks::create,
                "Make a webhook; its token is shown only now",
            )
            .get(webhooks::list, "List a channel's webhooks"),
        )
        .at(
            "/api/webhooks/{webhook_id}",
            patch(webhooks::update, "Change a webhook")
                .delete(webhooks::remove, "Delete a webhook"),
        )
        // Notifications
        .at(
            "/api/notifications",
            get(notifications::list, "Read a page of the inbox"),
        )
        .at(
            "/api/notifications/read",
            post(notifications::read, "Mark notifications as read"),
        )
        // Push
        .at(
            "/api/push/key",
            get(push::key, "Get the key that browsers subscribe with"),
        )
        .at(
            "/api/push/subscriptions",
            post(
                push::subscribe,
                "Subscribe a device, or bring it up to date",
            )
            .get(push::list, "List one's own devices"),
        )
        .at(
            "/api/push/subscriptions/{subscription_id}",
            delete(push::remove, "Unsubscribe a device"),
        )
        .at(
            "/api/push/subscriptions/{subscription_id}/test",
            post(push::test, "Send a test notification to a device"),
        )
        // The socket
        .at("/api/ws", get(socket::upgrade, "Open a WebSocket"))
        // Operating
        .at(
            "/api/instance",
            get(instance::show, "See what one arrives at"),
        )
        .at("/api/openapi.json", get(health::openapi, "This document"))
        .at("/health/live", get(health::live, "Does the process serve?"))
        .at("/health/ready", get(health::ready, "Can it do its work?"))
}

/// The OpenAPI document of every route.
#[must_use]
pub fn document() -> Value {
    let mut document = Document::new();
    for (path, methods) in table().resources {
        for entry in methods.entries {
            (entry.describe)(&mut document, entry.method_name(), path, entry.summary);
        }
    }
    document.finish()
}

/// Adds every route to a worker's application.
pub(super) fn configure(config: &mut ServiceConfig) {
    for (path, methods) in table().resources {
        config.service(methods.into_resource(path));
    }
    #[cfg(feature = "ui")]
    config.default_service(web::route().to(ui::answer));
    #[cfg(not(feature = "ui"))]
    config.default_service(web::route().to(not_found));
}

#[cfg(not(feature = "ui"))]
async fn not_found() -> Result<Done, Problem> {
    Err(Problem::not_found())
}

type DescribeOperation = fn(&mut Document, &'static str, &str, &'static str);

struct Entry {
    method: Method,
    route: Route,
    summary: &'static str,
    describe: DescribeOperation,
}

impl Entry {
    fn new<H, A>(method: Method, handler: H, summary: &'static str) -> Self
    where
        H: Handler<A>,
        A: FromRequest + DescribeArguments + 'static,
        H::Output: Responder + DescribeAnswer + 'static,
    {
        // Whoever may GET may also ask for the head alone, as uptime monitors do.
        let route = if method == Method::GET {
            web::route()
                .guard(guard::Any(guard::Get()).or(guard::Head()))
                .to(handler)
        } else {
            web::method(method.clone()).to(Detached(handler))
        };
        Self {
            method,
            route,
            summary,
            describe: Document::add::<A, H::Output>,
        }
    }

    fn method_name(&self) -> &'static str {
        match self.method {
            Method::GET => "get",
            Method::PUT => "put",
            Method::PATCH => "patch",
            Method::DELETE => "delete",
            _ => "post",
        }
    }
}

/// What may be done at one path.
#[derive(Default)]
struct Methods {
    entries: Vec<Entry>,
}

macro_rules! methods {
    ($($function:ident = $method:ident),*) => {
        impl Methods {
            $(
                #[expect(clippy::allow_attributes, reason = "not every method follows another one in the table")]
                #[allow(dead_code, reason = "not every method follows another one in the table")]
                fn $function<H, A>(mut self, handler: H, summary: &'static str) -> Self
                where
                    H: Handler<A>,
                    A: FromRequest + DescribeArguments + 'static,
                    H::Output: Responder + DescribeAnswer + 'static,
                {
                    self.entries.push(Entry::new(Method::$method, handler, summary));
                    self
                }
            )*
        }

        $(
            fn $function<H, A>(handler: H, summary: &'static str) -> Methods
            where
                H: Handler<A>,
                A: FromRequest + DescribeArguments + 'static,
                H::Output: Responder + DescribeAnswer + 'static,
            {
                Methods::default().$function(handler, summary)
            }
        )*
    };
}

methods!(
    get = GET,
    post = POST,
    put = PUT,
    patch = PATCH,
    delete = DELETE
);

impl Methods {
    fn into_resource(self, path: &'static str) -> impl HttpServiceFactory + 'static {
        let allowed: Vec<&str> = self
            .entries
            .iter()
            .map(|entry| entry.method.as_str())
            .collect();
        let allowed = allowed.join(", ");
        let other = move || {
            let allowed = allowed.clone();
            async move {
                let detail = format!("Allowed here: {allowed}.");
                Err::<Done, _>(
                    Problem::new(Code::MethodNotAllowed, detail).header(header::ALLOW, &allowed),
                )
            }
        };
        let resource = self
            .entries
            .into_iter()
            .fold(Resource::new(path), |resource, entry| {
                resource.route(entry.route)
            });
        resource.default_service(web::route().to(other))
    }
}

/// The table in the making.
#[derive(Default)]
struct Routes {
    resources: Vec<(&'static str, Methods)>,
}

impl Routes {
    fn at(mut self, path: &'static str, methods: Methods) -> Self {
        self.resources.push((path, methods));
        self
    }
}
