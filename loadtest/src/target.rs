//! Where the server under load is.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::failure::{Doing, Failure, Outcome};

/// Connections from one source address to one port before the next address is used; the
/// kernel has some 28,000 ports to give to one.
const CONNECTIONS_PER_SOURCE: usize = 20_000;

/// The address of the server.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Where to connect.
    pub(crate) address: SocketAddr,
    /// What to put into the Host header.
    pub(crate) host: String,
    opened: Arc<AtomicUsize>,
}

impl Target {
    /// Reads `http://host:port`.
    pub(crate) fn parse(url: &str) -> Outcome<Self> {
        let host = url.strip_prefix("http://").ok_or_else(|| {
            Failure::said(
                "the URL must begin with http://: this driver speaks no TLS, go around the proxy",
            )
        })?;
        let host = host.trim_end_matches('/').to_owned();
        let place = match host.contains(':') {
            true => host.clone(),
            false => format!("{host}:80"),
        };
        let mut addresses: Vec<SocketAddr> = place
            .to_socket_addrs()
            .doing(format!("find the address of {place}"))?
            .collect();
        // The server listens on 127.0.0.1 by default, and localhost may name ::1 first.
        addresses.sort_by_key(SocketAddr::is_ipv6);
        let address = addresses.first().copied();
        Ok(Self {
            address: address.ok_or_else(|| Failure::Said(format!("{place} has no address")))?,
            host,
            opened: Arc::default(),
        })
    }

    /// The address to connect a socket from, when it must be another than the usual one.
    pub(crate) fn next_source(&self) -> Option<SocketAddr> {
        let opened = self.opened.fetch_add(1, Ordering::Relaxed);
        let round = opened / CONNECTIONS_PER_SOURCE;
        if round == 0 || self.address.ip() != IpAddr::V4(Ipv4Addr::LOCALHOST) {
            return None;
        }
        let last = u8::try_from(round % 200 + 1).unwrap_or(1);
        Some(SocketAddr::new(Ipv4Addr::new(127, 0, 0, last).into(), 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_the_address_and_the_host() {
        let target = Target::parse("http://127.0.0.1:8080/").unwrap();
        assert_eq!(target.address, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(target.host, "127.0.0.1:8080");
        assert!(Target::parse("https://127.0.0.1").is_err());
    }

    #[test]
    fn another_source_address_is_used_before_the_ports_run_out() {
        let target = Target::parse("http://127.0.0.1:8080").unwrap();
        assert_eq!(target.next_source(), None);
        target
            .opened
            .store(CONNECTIONS_PER_SOURCE, Ordering::Relaxed);
        assert_eq!(target.next_source(), Some("127.0.0.2:0".parse().unwrap()));
    }
}
