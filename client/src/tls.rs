//! How this client speaks TLS: one way, for calls and for the socket.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use url::Url;

use crate::error::Error;

/// The configuration for a server. The system's certificates are only read for a URL that needs
/// them.
pub(crate) fn configuration(server: &Url) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = RootCertStore::empty();
    if server.scheme() == "https" {
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            let text = "this system has no certificates that say whom to trust";
            return Err(Error::Tls(text.to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Tls(error.to_string()))?;
    let configuration = builder.with_root_certificates(roots).with_no_client_auth();
    Ok(Arc::new(configuration))
}
