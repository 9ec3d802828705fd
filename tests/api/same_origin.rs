//! The same-origin rule, which keeps other sites from using a visitor's cookie.

use serde_json::json;

use crate::support::fixtures::PASSWORD;
use crate::support::server::TestServer;

type Headers<'a> = &'a [(&'a str, &'a str)];

/// A server behind a proxy that speaks https under a public name.
async fn public() -> TestServer {
    TestServer::with(|settings| settings.public_url = "https://chat.example.com".to_owned()).await
}

struct Visitor {
    server: TestServer,
    cookie: String,
}

impl Visitor {
    async fn of(server: TestServer) -> Self {
        let body = json!({"username": "ada", "password": PASSWORD});
        let answer = server.anonymous().register(&body).await.expect_status(201);
        let cookie = answer
            .header("set-cookie")
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        Self { server, cookie }
    }

    /// The status of a call that changes something, made with the cookie and `headers`.
    async fn change(&self, headers: Headers<'_>) -> u16 {
        let call = self.server.anonymous().post("/api/communities");
        let mut call = call
            .header("cookie", &self.cookie)
            .json(&json!({"name": "Acme"}));
        for (name, value) in headers {
            call = call.header(name, value);
        }
        call.send().await.status
    }

    /// The status of a sign-in for a cookie.
    async fn sign_in(&self, headers: Headers<'_>) -> u16 {
        let body = json!({"username": "ada", "password": PASSWORD});
        let mut call = self.server.anonymous().post("/api/auth/login").json(&body);
        for (name, value) in headers {
            call = call.header(name, value);
        }
        call.send().await.status
    }

    async fn expect(&self, headers: Headers<'_>, allowed: bool) {
        let expected = if allowed { (201, 200) } else { (403, 403) };
        let found = (self.change(headers).await, self.sign_in(headers).await);
        assert_eq!(found, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn what_the_browser_says_of_the_site_decides_first() {
    let visitor = Visitor::of(public().await).await;
    let own = "https://chat.example.com";
    for origin in [own, "https://evil.example", "null"] {
        let headers = [("sec-fetch-site", "same-origin"), ("origin", origin)];
        visitor.expect(&headers, true).await;
    }
    visitor
        .expect(&[("sec-fetch-site", "same-origin")], true)
        .await;
    for site in ["cross-site", "same-site", "nonsense", ""] {
        visitor.expect(&[("sec-fetch-site", site)], false).await;
        let headers = [("sec-fetch-site", site), ("origin", own)];
        visitor.expect(&headers, false).await;
    }
}

#[tokio::test]
async fn the_loopback_names_are_one_origin_although_a_browser_calls_them_sites() {
    let visitor = Visitor::of(TestServer::start().await).await;
    let port = visitor.server.port;
    for site in ["cross-site", "same-site"] {
        for own in ["localhost", "127.0.0.1", "[::1]"] {
            let origin = format!("http://{own}:{port}");
            let headers = [("sec-fetch-site", site), ("origin", origin.as_str())];
            visitor.expect(&headers, true).await;
        }
        visitor.expect(&[("sec-fetch-site", site)], false).await;
        let other_port = format!("http://localhost:{}", port.wrapping_add(1));
        for foreign in ["https://evil.example", "null", &other_port] {
            let headers = [("sec-fetch-site", site), ("origin", foreign)];
            visitor.expect(&headers, false).await;
        }
    }
}

#[tokio::test]
async fn without_it_the_origin_decides_and_without_both_nothing_changes() {
    let visitor = Visitor::of(TestServer::start().await).await;
    visitor.expect(&[], false).await;
    let port = visitor.server.port;
    for own in ["localhost", "127.0.0.1", "[::1]"] {
        let origin = format!("http://{own}:{port}");
        visitor.expect(&[("origin", &origin)], true).await;
    }
    let foreign = [
        "null".to_owned(),
        String::new(),
        "https://evil.example".to_owned(),
        format!("https://localhost:{port}"),
        format!("http://localhost:{}", port.wrapping_add(1)),
        "http://localhost".to_owned(),
        format!("http://localhost.evil.example:{port}"),
        format!("http://127.0.0.2:{port}"),
        format!("http://localhost:{port}.evil.example"),
    ];
    for origin in foreign {
        visitor.expect(&[("origin", &origin)], false).await;
    }
}

#[tokio::test]
async fn under_a_public_name_the_loopback_names_are_foreign() {
    let visitor = Visitor::of(public().await).await;
    let port = visitor.server.port;
    visitor
        .expect(&[("origin", "https://chat.example.com")], true)
        .await;
    let foreign = [
        "http://chat.example.com".to_owned(),
        "https://chat.example.com:444".to_owned(),
        "https://www.chat.example.com".to_owned(),
        format!("http://localhost:{port}"),
        format!("http://127.0.0.1:{port}"),
    ];
    for origin in foreign {
        visitor.expect(&[("origin", &origin)], false).await;
    }
}

#[tokio::test]
async fn reading_with_the_cookie_needs_no_origin() {
    let visitor = Visitor::of(TestServer::start().await).await;
    let call = visitor.server.anonymous().get("/api/communities");
    let answer = call.header("cookie", &visitor.cookie).send().await;
    answer.expect_status(200);
}

#[tokio::test]
async fn a_refused_call_has_no_effect_and_says_so_as_a_problem() {
    let visitor = Visitor::of(TestServer::start().await).await;
    let refused = visitor.server.anonymous().post("/api/communities");
    let refused = refused
        .header("cookie", &visitor.cookie)
        .header("origin", "https://evil.example")
        .json(&json!({"name": "Acme"}));
    refused.send().await.expect_refused(403);
    let call = visitor.server.anonymous().get("/api/communities");
    let answer = call.header("cookie", &visitor.cookie).send().await;
    assert_eq!(answer.list().len(), 0);
}

#[tokio::test]
async fn a_bearer_token_needs_no_origin_because_no_browser_adds_it() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let call = ada.post("/api/communities").json(&json!({"name": "Acme"}));
    call.send().await.expect_status(201);
    let call = ada.post("/api/communities").json(&json!({"name": "Acme"}));
    let call = call.header("origin", "https://evil.example");
    call.send().await.expect_status(201);
}

#[tokio::test]
async fn a_sign_in_for_a_token_sets_no_cookie_and_needs_no_origin() {
    let server = TestServer::start().await;
    server.user("ada").await;
    let body = json!({"username": "ada", "password": PASSWORD, "session": "token"});
    let call = server.anonymous().post("/api/auth/login").json(&body);
    call.send().await.expect_status(200);
}

#[tokio::test]
async fn a_body_that_is_not_declared_as_json_is_refused() {
    let server = TestServer::start().await;
    let ada = server.user("ada").await;
    let body = r#"{"name": "Acme"}"#;
    let call = ada.post("/api/communities").bytes(body);
    call.send().await.expect_refused(415);
    let others = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "multipart/form-data; boundary=x",
        "nonsense",
    ];
    for media_type in others {
        let call = ada.post("/api/communities").bytes(body);
        let call = call.header("content-type", media_type);
        call.send().await.expect_refused(415);
    }
    for media_type in ["application/json", "Application/JSON; charset=utf-8"] {
        let call = ada.post("/api/communities").bytes(body);
        let call = call.header("content-type", media_type);
        call.send().await.expect_status(201);
    }
}
