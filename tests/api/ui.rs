//! The web client as the server hands it out: files, addresses, caching, encodings, headers.

use reqwest::Method;

use crate::support::answer::{Answer, media_type};
use crate::support::server::TestServer;

const ID: &str = "0199c0de-0000-7000-8000-000000000001";

async fn get(server: &TestServer, path: &str) -> Answer {
    server.anonymous().get(path).send().await
}

async fn get_with(server: &TestServer, path: &str, header: &str, value: &str) -> Answer {
    let call = server.anonymous().get(path).header(header, value);
    call.send().await
}

/// The path of the script that the page loads.
async fn script(server: &TestServer) -> String {
    let page = get(server, "/").await.expect_status(200).text;
    let (_, from) = page.split_once("src=\"/assets/").expect("a script");
    let (name, _) = from.split_once('"').unwrap();
    format!("/assets/{name}")
}

fn is_page(answer: &Answer) -> bool {
    media_type(&answer.headers) == "text/html" && answer.text.contains("<title>Chatalot</title>")
}

#[tokio::test]
async fn every_address_of_the_client_is_the_page() {
    let server = TestServer::start().await;
    for path in [
        "/".to_owned(),
        "/?from=somewhere".to_owned(),
        "/sign-in".to_owned(),
        format!("/c/{ID}"),
        format!("/c/{ID}/"),
        format!("/c/{ID}/42"),
        "/invite/abcDEF123".to_owned(),
        "/settings".to_owned(),
        "/settings/sessions".to_owned(),
    ] {
        let answer = get(&server, &path).await.expect_status(200);
        assert!(is_page(&answer), "{path}");
    }
}

#[tokio::test]
async fn an_unknown_address_is_the_page_with_404_and_an_unknown_file_is_none() {
    let server = TestServer::start().await;
    for path in [
        "/nothing",
        "/c",
        "/c/x/y",
        "/c/x/1/2",
        "/invite",
        "/settings/a/b",
        "/C/x",
        "/%00",
        "//",
    ] {
        let answer = get(&server, path).await.expect_status(404);
        assert!(is_page(&answer), "{path}");
        let tag = answer.header("etag").to_owned();
        get_with(&server, path, "if-none-match", &tag)
            .await
            .expect_status(404);
    }
    for path in [
        "/assets/gone-12345678.js",
        "/assets/",
        "/favicon.ico",
        "/.env",
        "//evil.example",
        "/..%2f..%2fetc/passwd.txt",
        "/index.html.br",
        "/index.html.gz",
        "/.vite/manifest.json",
    ] {
        let answer = get(&server, path).await.expect_status(404);
        assert!(!is_page(&answer), "{path}");
        assert_eq!(media_type(&answer.headers), "text/plain", "{path}");
    }
}

#[tokio::test]
async fn what_is_of_the_interface_is_never_the_page() {
    let server = TestServer::start().await;
    for path in [
        "/api",
        "/api/nothing",
        "/%61pi/nothing",
        "/health",
        "/health/x",
    ] {
        get(&server, path).await.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn every_file_says_what_it_is() {
    let server = TestServer::start().await;
    let script = script(&server).await;
    for (path, expected) in [
        ("/", "text/html; charset=utf-8"),
        (script.as_str(), "text/javascript; charset=utf-8"),
        ("/sw.js", "text/javascript; charset=utf-8"),
        ("/manifest.webmanifest", "application/manifest+json"),
        ("/icon.svg", "image/svg+xml"),
        ("/icon-192.png", "image/png"),
    ] {
        let answer = get(&server, path).await.expect_status(200);
        assert_eq!(answer.header("content-type"), expected, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn files_with_a_hash_in_their_name_are_kept_and_all_others_are_asked_for_again() {
    let server = TestServer::start().await;
    let script = script(&server).await;
    let answer = get(&server, &script).await.expect_status(200);
    let kept = "public, max-age=31536000, immutable";
    assert_eq!(answer.header("cache-control"), kept);
    for path in [
        "/",
        "/invite/x",
        "/index.html",
        "/sw.js",
        "/manifest.webmanifest",
    ] {
        let answer = get(&server, path).await.expect_status(200);
        assert_eq!(answer.header("cache-control"), "no-cache", "{path}");
    }
}

#[tokio::test]
async fn what_the_browser_has_is_not_sent_again() {
    let server = TestServer::start().await;
    for path in ["/", "/sw.js", &script(&server).await] {
        let first = get(&server, path).await.expect_status(200);
        let tag = first.header("etag");
        for value in [tag, "*", &format!("W/{tag}"), &format!("\"other\", {tag}")] {
            let again = get_with(&server, path, "if-none-match", value).await;
            let again = again.expect_status(304);
            assert_eq!(again.text, "", "{path}");
            for name in ["etag", "cache-control", "vary"] {
                assert_eq!(again.header(name), first.header(name), "{path}");
            }
        }
        get_with(&server, path, "if-none-match", "\"other\"")
            .await
            .expect_status(200);
    }
}

#[tokio::test]
async fn a_file_is_sent_in_the_smallest_encoding_that_the_browser_takes() {
    let server = TestServer::start().await;
    let script = script(&server).await;
    let plain = get(&server, &script).await.expect_status(200);
    assert!(plain.headers.get("content-encoding").is_none());
    let mut tags = vec![plain.header("etag").to_owned()];
    for (accepted, expected) in [
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0.5, gzip", "gzip"),
        ("gzip", "gzip"),
    ] {
        let answer = get_with(&server, &script, "accept-encoding", accepted).await;
        let answer = answer.expect_status(200);
        assert_eq!(answer.header("content-encoding"), expected, "{accepted}");
        assert_eq!(answer.header("vary"), "accept-encoding");
        assert_eq!(answer.header("content-type"), plain.header("content-type"));
        let length = |answer: &Answer| answer.header("content-length").parse::<u64>().unwrap();
        assert!(length(&answer) < length(&plain), "{accepted}");
        tags.push(answer.header("etag").to_owned());
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 3, "one tag for each encoding: {tags:?}");
    for accepted in [
        "identity",
        "zstd",
        "gzip;q=0, br;q=0",
        "nonsense;;q=x",
        "*",
        "",
    ] {
        let answer = get_with(&server, &script, "accept-encoding", accepted).await;
        let answer = answer.expect_status(200);
        assert!(
            answer.headers.get("content-encoding").is_none(),
            "{accepted}"
        );
    }
    let picture = get_with(&server, "/icon-192.png", "accept-encoding", "br").await;
    assert!(picture.headers.get("content-encoding").is_none());
}

#[tokio::test]
async fn whoever_asks_for_the_head_gets_the_head() {
    let server = TestServer::start().await;
    for path in ["/", "/sw.js", "/nothing", "/assets/gone.js"] {
        let whole = get(&server, path).await;
        let head = server.anonymous().call(Method::HEAD, path).send().await;
        assert_eq!(head.status, whole.status, "{path}");
        assert_eq!(head.text, "", "{path}");
        assert_eq!(
            head.header("content-length"),
            whole.header("content-length")
        );
        assert_eq!(head.header("content-type"), whole.header("content-type"));
    }
}

#[tokio::test]
async fn nothing_can_be_changed_at_a_page() {
    let server = TestServer::start().await;
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        for path in ["/", "/sw.js", "/nothing"] {
            let answer = server.anonymous().call(method.clone(), path).send().await;
            let answer = answer.expect_problem(405, "method_not_allowed");
            assert_eq!(answer.header("allow"), "GET, HEAD");
        }
    }
}

#[tokio::test]
async fn a_page_may_load_and_do_little_and_nothing_of_others() {
    let server = TestServer::start().await;
    for path in ["/", "/sw.js", "/nothing", "/assets/gone.js"] {
        let answer = get(&server, path).await;
        let policy = answer.header("content-security-policy");
        let directives: Vec<&str> = policy.split(';').map(str::trim).collect();
        for directive in [
            "default-src 'none'",
            "script-src 'self' 'wasm-unsafe-eval'",
            "style-src 'self'",
            "img-src 'self' https: data:",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(directives.contains(&directive), "{path}: {directive}");
        }
        assert!(!policy.contains("unsafe-inline"), "{path}");
        assert!(!policy.contains("'unsafe-eval'"), "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(
            answer.header("cross-origin-opener-policy"),
            "same-origin",
            "{path}"
        );
        assert!(answer.header("permissions-policy").contains("camera=()"));
    }
}

#[tokio::test]
async fn no_script_stands_in_the_page() {
    let server = TestServer::start().await;
    let page = get(&server, "/").await.text;
    for script in page.split("<script").skip(1) {
        let (attributes, rest) = script.split_once('>').unwrap();
        assert!(attributes.contains("src=\"/"), "{attributes}");
        assert!(rest.starts_with("</script>"), "{rest}");
    }
    assert!(!page.contains("<style"));
    let worker = get(&server, "/sw.js").await.text;
    assert!(!worker.contains("import ") && !worker.contains("importScripts"));
}
