//! How PostgreSQL's client programs are told where to connect: by environment
//! variables only, because `ps` shows everybody the arguments.

use std::{ffi::OsString, fmt, path::Path};

use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};

use super::error::BackupError;

/// Parameters that libpq knows and `tokio_postgres` does not, or knows less of.
const LIBPQ_PARAMETERS: &[(&str, &str)] = &[
    ("sslmode", "PGSSLMODE"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("sslcrl", "PGSSLCRL"),
    ("gssencmode", "PGGSSENCMODE"),
];

/// Names and values of `PG*` variables. The password is among them.
#[derive(Clone)]
pub(super) struct ConnectionEnvironment(Vec<(&'static str, OsString)>);

impl ConnectionEnvironment {
    /// From a database URL (or a list of `key=value`) of the configuration.
    pub(super) fn from_url(url: &str) -> Result<Self, BackupError> {
        let Some((base, query)) = url.split_once('?') else {
            let config = url.parse().map_err(BackupError::BadUrl)?;
            return Ok(Self::from_config(&config).verifying());
        };
        let mut ours = url::form_urlencoded::Serializer::new(String::new());
        let mut libpq = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match LIBPQ_PARAMETERS.iter().find(|(known, _)| *known == name) {
                Some((_, variable)) => libpq.push((*variable, value.into_owned().into())),
                None => {
                    ours.append_pair(&name, &value);
                }
            }
        }
        // A plus means a space in forms but itself in a database URL.
        let rest = format!("{base}?{}", ours.finish().replace('+', "%20"));
        let config = rest.parse().map_err(BackupError::BadUrl)?;
        let Self(mut variables) = Self::from_config(&config);
        variables.retain(|(name, _)| libpq.iter().all(|(given, _)| given != name));
        variables.extend(libpq);
        Ok(Self(variables).verifying())
    }

    /// `require` means a verified certificate to the server, but none to libpq. A backup
    /// must not send everything to whoever answers, so libpq is told the stricter word.
    fn verifying(mut self) -> Self {
        let requires =
            |(name, value): &(&str, OsString)| *name == "PGSSLMODE" && value == "require";
        if !self.0.iter().any(requires) {
            return self;
        }
        self.0.retain(|variable| !requires(variable));
        self.0.push(("PGSSLMODE", "verify-full".into()));
        if !self.0.iter().any(|(name, _)| *name == "PGSSLROOTCERT") {
            self.0.push(("PGSSLROOTCERT", trusted_certificates()));
        }
        self
    }

    /// From the configuration of a connection.
    pub(super) fn from_config(config: &Config) -> Self {
        let hosts = config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => OsString::from(name),
            #[cfg(unix)]
            Host::Unix(directory) => directory.into(),
        });
        let addresses = config
            .get_hostaddrs()
            .iter()
            .map(|it| it.to_string().into());
        let ports = config.get_ports().iter().map(|it| it.to_string().into());
        let password = config.get_password().map(String::from_utf8_lossy);
        let text = |value: &str| Some(OsString::from(value));
        let variables = [
            ("PGHOST", join(hosts)),
            ("PGHOSTADDR", join(addresses)),
            ("PGPORT", join(ports)),
            ("PGUSER", config.get_user().and_then(text)),
            ("PGPASSWORD", password.and_then(|it| text(&it))),
            // Without a name the database is called like the user.
            (
                "PGDATABASE",
                config.get_dbname().or(config.get_user()).and_then(text),
            ),
            ("PGOPTIONS", config.get_options().and_then(text)),
            ("PGSSLMODE", text(ssl_mode(config.get_ssl_mode()))),
            ("PGAPPNAME", text("chatalot-backup")),
            ("PGCONNECT_TIMEOUT", text("10")),
        ];
        Self(
            variables
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .collect(),
        )
    }

    /// The variables to set.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&'static str, &OsString)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }
}

impl fmt::Debug for ConnectionEnvironment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|(name, _)| name);
        formatter.debug_list().entries(names).finish()
    }
}

/// The bundle of this machine. `system` is the same by a word that libpq knows since 16.
fn trusted_certificates() -> OsString {
    const BUNDLES: &[&str] = &[
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/cert.pem",
    ];
    let chosen = std::env::var_os("SSL_CERT_FILE");
    let usual = BUNDLES.iter().find(|bundle| Path::new(bundle).is_file());
    chosen.unwrap_or_else(|| usual.copied().unwrap_or("system").into())
}

fn ssl_mode(mode: SslMode) -> &'static str {
    match mode {
        SslMode::Disable => "disable",
        SslMode::Require => "require",
        _ => "prefer",
    }
}

fn join(parts: impl Iterator<Item = OsString>) -> Option<OsString> {
    parts.reduce(|mut all, part| {
        all.push(",");
        all.push(part);
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(environment: &ConnectionEnvironment, name: &str) -> Option<String> {
        let (_, value) = environment.variables().find(|(known, _)| *known == name)?;
        Some(value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_url_becomes_variables() {
        let url = "postgres://bob:s%40fe%2B@db1:5433/chat?sslmode=verify-full\
                   &sslrootcert=/etc/ca.pem&options=-c%20search_path%3Dpublic";
        let environment = ConnectionEnvironment::from_url(url).unwrap();
        for (name, expected) in [
            ("PGHOST", "db1"),
            ("PGPORT", "5433"),
            ("PGUSER", "bob"),
            ("PGPASSWORD", "s@fe+"),
            ("PGDATABASE", "chat"),
            ("PGSSLMODE", "verify-full"),
            ("PGSSLROOTCERT", "/etc/ca.pem"),
            ("PGOPTIONS", "-c search_path=public"),
        ] {
            assert_eq!(
                value(&environment, name).as_deref(),
                Some(expected),
                "{name}"
            );
        }
    }

    #[test]
    fn required_tls_is_verified_tls() {
        for url in [
            "postgres://bob@db1/chat?sslmode=require",
            "host=db1 user=bob sslmode=require",
        ] {
            let environment = ConnectionEnvironment::from_url(url).unwrap();
            assert_eq!(value(&environment, "PGSSLMODE").unwrap(), "verify-full");
            assert!(value(&environment, "PGSSLROOTCERT").is_some(), "{url}");
        }
        let own = "postgres://bob@db1/chat?sslmode=require&sslrootcert=/ca.pem";
        let environment = ConnectionEnvironment::from_url(own).unwrap();
        assert_eq!(value(&environment, "PGSSLROOTCERT").unwrap(), "/ca.pem");
    }

    #[test]
    fn several_hosts_stay_several() {
        let environment =
            ConnectionEnvironment::from_url("postgres://bob@db1:5433,db2:5434/chat").unwrap();
        assert_eq!(value(&environment, "PGHOST").unwrap(), "db1,db2");
        assert_eq!(value(&environment, "PGPORT").unwrap(), "5433,5434");
    }

    #[test]
    fn the_password_is_not_printed() {
        let environment =
            ConnectionEnvironment::from_url("postgres://bob:hunter2@db1/chat").unwrap();
        assert!(!format!("{environment:?}").contains("hunter2"));
        let error = ConnectionEnvironment::from_url("postgres://bob:hunter2@db1:x/chat");
        assert!(!error.unwrap_err().to_string().contains("hunter2"));
    }
}
