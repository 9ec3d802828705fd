//! Where pushes may be sent: a browser brings the address, so this server would connect to
//! whatever somebody makes up, if it were not checked.

use sha2::{Digest, Sha256};
use url::{Host, Url};

use super::secrets::TokenHash;

/// The greatest number of characters of an endpoint.
const MAX_CHARS: usize = 1024;

/// Why an endpoint was refused. Its `Display` is the sentence shown to whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointRefused {
    /// Too long.
    #[error("must have at most {MAX_CHARS} characters")]
    Length,
    /// Not an absolute https URL.
    #[error("must be an absolute https URL")]
    NotHttps,
    /// A username or password in it.
    #[error("must not contain a username or password")]
    Credentials,
    /// A port other than that of https.
    #[error("must not name a port")]
    Port,
    /// A fragment, which is never sent.
    #[error("must not have a fragment")]
    Fragment,
    /// An address instead of a name, or a name without a domain.
    #[error("must name its host by a full domain name without a dot at its end")]
    HostForm,
    /// A host that is not configured.
    #[error("must be at a push service that this server knows")]
    UnknownHost,
}

/// Which endpoints are taken.
#[derive(Clone, Debug, Default)]
pub struct EndpointRules {
    hosts: Vec<HostPattern>,
    allow_loopback_http: bool,
}

impl EndpointRules {
    /// Takes endpoints at `hosts`: names, `*.` and a domain for the names below it, or `*` for
    /// any name. With `allow_loopback_http` also http to this machine, for tests.
    #[must_use]
    pub fn new(hosts: &[String], allow_loopback_http: bool) -> Self {
        Self {
            hosts: hosts.iter().map(|host| HostPattern::new(host)).collect(),
            allow_loopback_http,
        }
    }

    /// Whether http to this machine is taken, for tests.
    #[must_use]
    pub fn allow_loopback_http(&self) -> bool {
        self.allow_loopback_http
    }

    fn allow_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|pattern| pattern.matches(host))
    }
}

/// Which hosts are meant by one entry of the configuration.
#[derive(Clone, Debug)]
enum HostPattern {
    Any,
    Exactly(String),
    /// Ends with this, which begins with a dot: whole labels only.
    Below(String),
}

impl HostPattern {
    fn new(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        match text.strip_prefix('*') {
            Some("") => Self::Any,
            Some(rest) if rest.starts_with('.') => Self::Below(rest.to_owned()),
            _ => Self::Exactly(text),
        }
    }

    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(name) => host == name,
            // The bare domain is not below itself, and neither is a name with nothing in
            // front of the dot.
            Self::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
        }
    }
}

/// An address at a push service that passed the rules. Whoever knows it can send to the
/// device, so it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PushEndpoint(Url);

impl PushEndpoint {
    /// Checks `text`. What is kept is the URL as it was understood, written anew: two parsers
    /// may read one odd text as two different hosts.
    ///
    /// # Errors
    /// Says what the endpoint must be.
    pub fn parse(text: &str, rules: &EndpointRules) -> Result<Self, EndpointRefused> {
        if text.chars().count() > MAX_CHARS {
            return Err(EndpointRefused::Length);
        }
        let url = Url::parse(text).map_err(|_no_url| EndpointRefused::NotHttps)?;
        if url.as_str().len() > MAX_CHARS {
            return Err(EndpointRefused::Length);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointRefused::Credentials);
        }
        if url.fragment().is_some() {
            return Err(EndpointRefused::Fragment);
        }
        if rules.allow_loopback_http && url.scheme() == "http" && is_loopback(&url) {
            return Ok(Self(url));
        }
        check_public(&url, rules)?;
        Ok(Self(url))
    }

    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Scheme, host and port (if it is not the scheme's own): the audience of what is signed
    /// for this push service.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// By what the database tells endpoints apart.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.as_str().as_bytes()).into())
    }
}

impl std::fmt::Debug for PushEndpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PushEndpoint({}/..)", self.origin())
    }
}

fn check_public(url: &Url, rules: &EndpointRules) -> Result<(), EndpointRefused> {
    if url.scheme() != "https" {
        return Err(EndpointRefused::NotHttps);
    }
    // The parsed host: 2130706433 and 0x7f.1 are addresses as well.
    let Some(Host::Domain(host)) = url.host() else {
        return Err(EndpointRefused::HostForm);
    };
    // An empty label: a dot at the beginning or the end, or two in a row.
    if host.split('.').any(str::is_empty) || !host.contains('.') {
        return Err(EndpointRefused::HostForm);
    }
    if url.port().is_some() {
        return Err(EndpointRefused::Port);
    }
    if rules.allow_host(host) {
        Ok(())
    } else {
        Err(EndpointRefused::UnknownHost)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> EndpointRules {
        let hosts = ["fcm.googleapis.com", "*.notify.windows.com"].map(str::to_owned);
        EndpointRules::new(&hosts, false)
    }

    fn refusal(text: &str) -> EndpointRefused {
        PushEndpoint::parse(text, &rules()).unwrap_err()
    }

    #[test]
    fn a_known_service_is_taken_and_written_anew() {
        for (text, kept) in [
            (
                "https://fcm.googleapis.com/fcm/send/a",
                "https://fcm.googleapis.com/fcm/send/a",
            ),
            (
                "https://FCM.googleapis.com:443/x?y=1",
                "https://fcm.googleapis.com/x?y=1",
            ),
            (
                "https://db5p.notify.windows.com/w/",
                "https://db5p.notify.windows.com/w/",
            ),
            (
                "https://a.b.notify.windows.com/",
                "https://a.b.notify.windows.com/",
            ),
            (
                "https://fcm.googleapis.com\\@evil.example/",
                "https://fcm.googleapis.com/@evil.example/",
            ),
        ] {
            let endpoint = PushEndpoint::parse(text, &rules()).unwrap();
            assert_eq!(endpoint.as_str(), kept);
        }
    }

    #[test]
    fn what_does_not_lead_to_a_known_service_is_refused() {
        use EndpointRefused::{
            Credentials, Fragment, HostForm, Length, NotHttps, Port, UnknownHost,
        };
        for (text, reason) in [
            ("", NotHttps),
            ("/rel", NotHttps),
            ("mailto:x", NotHttps),
            ("data:,x", NotHttps),
            ("http://fcm.googleapis.com/x", NotHttps),
            ("http://127.0.0.1:9000/x", NotHttps),
            ("https://127.0.0.1/x", HostForm),
            ("https://2130706433/x", HostForm),
            ("https://0x7f.1/x", HostForm),
            ("https://[::1]/x", HostForm),
            ("https://localhost/x", HostForm),
            ("https://fcm.googleapis.com./x", HostForm),
            ("https://fcm.googleapis.com:8443/x", Port),
            ("https://fcm.googleapis.com/x#y", Fragment),
            ("https://u:p@fcm.googleapis.com/x", Credentials),
            ("https://fcm.googleapis.com@evil.example/x", Credentials),
            ("https://evil.example/x", UnknownHost),
            ("https://fcm.googleapis.com.evil.example/", UnknownHost),
            ("https://evilnotify.windows.com/", UnknownHost),
            ("https://notify.windows.com/", UnknownHost),
        ] {
            assert_eq!(refusal(text), reason, "{text}");
        }
        let of_length = |n: usize| format!("https://fcm.googleapis.com/{}", "a".repeat(n - 27));
        assert!(PushEndpoint::parse(&of_length(1024), &rules()).is_ok());
        assert_eq!(refusal(&of_length(1025)), Length);
    }

    #[test]
    fn loopback_http_is_taken_only_with_the_switch_for_tests() {
        let rules = EndpointRules::new(&[], true);
        for taken in [
            "http://127.0.0.1:9000/x",
            "http://[::1]:9000/x",
            "http://localhost:9000/x",
        ] {
            assert!(PushEndpoint::parse(taken, &rules).is_ok(), "{taken}");
        }
        for refused in [
            "http://10.0.0.1/x",
            "http://example.com/x",
            "https://127.0.0.1/",
        ] {
            assert!(PushEndpoint::parse(refused, &rules).is_err(), "{refused}");
        }
    }

    #[test]
    fn the_audience_has_the_port_and_debug_output_no_path() {
        let rules = EndpointRules::new(&[], true);
        let endpoint = PushEndpoint::parse("http://127.0.0.1:9000/secret", &rules).unwrap();
        assert_eq!(endpoint.origin(), "http://127.0.0.1:9000");
        assert!(!format!("{endpoint:?}").contains("secret"));
    }
}
