//! The same-origin rule: a browser's cookie alone changes nothing for another site.

use actix_web::HttpRequest;
use actix_web::http::header;
use url::Url;

use super::problem::{Code, Problem};

/// Origins that count as this site.
pub struct Origins {
    allowed: Vec<String>,
}

impl Origins {
    /// The origin of `public_url`; when that is a loopback name, every loopback name of the
    /// listener's `port` too, because people type any of them.
    #[must_use]
    pub fn new(public_url: &str, port: u16) -> Self {
        let mut allowed = Vec::new();
        if let Ok(url) = Url::parse(public_url) {
            allowed.push(url.origin().ascii_serialization());
            if url
                .host_str()
                .is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host))
            {
                for host in ["localhost", "127.0.0.1", "[::1]"] {
                    let url = Url::parse(&format!("http://{host}:{port}"));
                    allowed.extend(url.map(|url| url.origin().ascii_serialization()));
                }
            }
        }
        Self { allowed }
    }

    /// Checks a request that changes state with a cookie, or sets one: `Sec-Fetch-Site`
    /// decides where the browser sends it, else `Origin`; neither is a refusal.
    pub(super) fn check_change(&self, request: &HttpRequest) -> Result<(), Problem> {
        match request
            .headers()
            .get("sec-fetch-site")
            .map(|value| value.as_bytes())
        {
            Some(b"same-origin") => Ok(()),
            // Loopback names are one site here, though two for a browser.
            Some(b"same-site" | b"cross-site") if self.is_loopback() => self.check_origin(request),
            Some(_) => Err(refusal()),
            None => self.check_origin(request),
        }
    }

    /// Checks that the request names an allowed `Origin`.
    pub(super) fn check_origin(&self, request: &HttpRequest) -> Result<(), Problem> {
        let mut origins = request.headers().get_all(header::ORIGIN);
        let (origin, further) = (origins.next(), origins.next());
        let allowed = origin.is_some_and(|origin| {
            self.allowed
                .iter()
                .any(|other| other.as_bytes() == origin.as_bytes())
        });
        if allowed && further.is_none() {
            Ok(())
        } else {
            Err(refusal())
        }
    }

    fn is_loopback(&self) -> bool {
        self.allowed.len() > 1
    }
}

fn refusal() -> Problem {
    Problem::new(
        Code::CrossOrigin,
        "A request with a cookie must come from this site's own pages. Programs send a bearer token instead.",
    )
}
