//! The web client: its files, its addresses, and what a browser may do with them.

use actix_web::http::header::{self, AcceptEncoding, ContentType, ETag, EntityTag, IfNoneMatch};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, HttpResponseBuilder};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chatalot_web::{Encoding, File};

use super::problem::{Code, Problem};

/// The page at every address of the client.
const PAGE: &str = "index.html";

/// Where the build puts the files whose names change with what is in them.
const UNCHANGING: &str = "assets/";

/// Of two encodings that a client likes as much, the first is sent.
const ENCODINGS: [(header::Encoding, Encoding); 3] = [
    (header::Encoding::brotli(), Encoding::Brotli),
    (header::Encoding::gzip(), Encoding::Gzip),
    (header::Encoding::identity(), Encoding::Identity),
];

/// What a page may load, and from where. `docs/security.md` explains it. The hash is that of the
/// one `style` attribute, `display: contents;`, that the page's component library writes in its
/// templates.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
    script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
    style-src-attr 'unsafe-hashes' 'sha256-iaOezIDcQIoxCULa6FBKKuLUu09R7kG+Mlu+JVfU3Rw='; \
    img-src 'self' https: data:; \
    font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const SECURITY_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
    ),
];

/// Answers whatever is not a call of the interface.
pub(super) async fn answer(request: HttpRequest) -> Result<HttpResponse, Problem> {
    // The decoded path, by which routes are found too.
    let path = request.match_info().as_str().to_owned();
    let path = path.strip_prefix('/').unwrap_or(&path);
    if matches!(path.split('/').next(), Some("api" | "health")) {
        return Err(Problem::not_found());
    }
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        let problem = Problem::new(Code::MethodNotAllowed, "Allowed here: GET, HEAD.");
        return Err(problem.header(header::ALLOW, "GET, HEAD"));
    }
    let (name, status) = if is_place(path) {
        (PAGE, StatusCode::OK)
    } else if File::find(path, Encoding::Identity).is_some() {
        (path, StatusCode::OK)
    } else if is_named_like_a_file(path) {
        let mut response = HttpResponse::NotFound();
        return Ok(secured(&mut response)
            .insert_header(ContentType::plaintext())
            .body("There is no such file.\n"));
    } else {
        // The client says that nothing is here, and leads back.
        (PAGE, StatusCode::NOT_FOUND)
    };
    Ok(send(&request, name, status))
}

/// Whether the client has a place at `path`; the same as in `web/src/routing`.
fn is_place(path: &str) -> bool {
    let path_without_end = path.strip_suffix('/').unwrap_or(path);
    let segments: Vec<&str> = path_without_end.split('/').collect();
    match segments.as_slice() {
        [""] => path.is_empty(),
        ["sign-in" | "settings"] => true,
        ["c", channel] => !channel.is_empty(),
        ["c", channel, seq] => !channel.is_empty() && seq.parse::<u64>().is_ok(),
        ["invite" | "settings", name] => !name.is_empty(),
        _ => false,
    }
}

fn is_named_like_a_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    path.starts_with(UNCHANGING) || name.contains('.')
}

/// Sends the file `name` in the encoding that the client likes best of those there are.
fn send(request: &HttpRequest, name: &str, status: StatusCode) -> HttpResponse {
    let Some((encoding, file)) = choose(request, name) else {
        tracing::error!(name, "the web client misses a file");
        return HttpResponse::InternalServerError().finish();
    };
    let tag = EntityTag::new_strong(URL_SAFE_NO_PAD.encode(file.sha256()));
    let lifetime = if name.starts_with(UNCHANGING) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let known = status == StatusCode::OK && is_known(request, &tag);
    let status = if known {
        StatusCode::NOT_MODIFIED
    } else {
        status
    };
    let mut response = HttpResponseBuilder::new(status);
    secured(&mut response)
        .insert_header(ETag(tag))
        .insert_header((header::CACHE_CONTROL, lifetime))
        .insert_header((header::VARY, "accept-encoding"));
    if known {
        return response.finish();
    }
    if encoding != header::Encoding::identity() {
        response.insert_header((header::CONTENT_ENCODING, encoding.to_string()));
    }
    response
        .insert_header((header::CONTENT_TYPE, file.media_type()))
        .body(file.into_bytes())
}

fn choose(request: &HttpRequest, name: &str) -> Option<(header::Encoding, File)> {
    let there = ENCODINGS
        .into_iter()
        .filter_map(|(spoken, stored)| Some((spoken, File::find(name, stored)?)));
    let mut there: Vec<_> = there.collect();
    let spoken = there.iter().map(|(spoken, _)| spoken);
    // Without the header, or with one that refuses everything, the file is sent as it is.
    let wanted = request
        .get_header::<AcceptEncoding>()
        .and_then(|accepted| accepted.negotiate(spoken))
        .unwrap_or_else(header::Encoding::identity);
    let at = there.iter().position(|(spoken, _)| *spoken == wanted)?;
    Some(there.swap_remove(at))
}

fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    match request.get_header::<IfNoneMatch>() {
        Some(IfNoneMatch::Any) => true,
        Some(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(tag)),
        None => false,
    }
}

fn secured(response: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    for header in SECURITY_HEADERS {
        response.insert_header(header);
    }
    response
}
