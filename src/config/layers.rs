//! The layers of the settings: defaults, a file, the environment.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::Settings;

const DEFAULTS: &str = include_str!("../../config/default.toml");
const PREFIX: &str = "CHATALOT_";

/// Why the settings cannot be used. Each says what to change, and none shows a value that
/// may be secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file {} is not valid TOML: {message}", path.display())]
    NotToml {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
    /// A key that does not exist.
    #[error("unknown setting {key} ({origin}); config/default.toml lists every setting")]
    Unknown {
        /// The key.
        key: String,
        /// Where it was set.
        origin: String,
    },
    /// A value that cannot be used.
    #[error("the setting {key} {message}")]
    Invalid {
        /// The key.
        key: String,
        /// What it must be.
        message: String,
    },
}

impl ConfigError {
    pub(super) fn invalid(key: &str, message: impl Into<String>) -> Self {
        Self::Invalid {
            key: key.to_owned(),
            message: message.into(),
        }
    }
}

pub(super) fn merge(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, ConfigError> {
    let mut table: Table = parse(DEFAULTS, Path::new("config/default.toml"))?;
    if let Some(path) = file {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        overlay(
            &mut table,
            parse(&text, path)?,
            "",
            &path.display().to_string(),
        )?;
    }
    let mut database_url = None;
    // Sorted, so that of several mistakes always the same one is reported.
    let mut variables: Vec<(String, String)> = environment.into_iter().collect();
    variables.sort();
    for (name, value) in variables {
        if let Some(key) = name.strip_prefix(PREFIX) {
            set_from_text(
                &mut table,
                &key.to_ascii_lowercase().replace("__", "."),
                &name,
                &value,
            )?;
        } else if name == "DATABASE_URL" {
            database_url = Some(value);
        }
    }
    let mut settings: Settings = deserialize(table)?;
    if let Some(url) = database_url.filter(|_| settings.database.url.reveal().is_empty()) {
        settings.database.url = super::Secret::new(url);
    }
    Ok(settings)
}

fn parse(text: &str, path: &Path) -> Result<Table, ConfigError> {
    // `message` leaves the offending line out: it may hold a password.
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| {
            text.get(..span.start)
                .unwrap_or_default()
                .lines()
                .count()
                .max(1)
        });
        let place = line
            .map(|line| format!(" (line {line})"))
            .unwrap_or_default();
        ConfigError::NotToml {
            path: path.to_owned(),
            message: format!("{}{place}", error.message()),
        }
    })
}

fn deserialize(table: Table) -> Result<Settings, ConfigError> {
    serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| {
        let key = error.path().to_string();
        ConfigError::Invalid {
            key,
            message: format!("is wrong: {}", error.inner().message()),
        }
    })
}

/// Puts what `upper` sets over `lower`, which has every key there is.
fn overlay(lower: &mut Table, upper: Table, prefix: &str, origin: &str) -> Result<(), ConfigError> {
    for (name, value) in upper {
        let key = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        match (lower.get_mut(&name), value) {
            (None, _) => {
                return Err(ConfigError::Unknown {
                    key,
                    origin: origin.to_owned(),
                });
            }
            (Some(Value::Table(section)), Value::Table(values)) => {
                overlay(section, values, &key, origin)?
            }
            (Some(slot), value) if slot.type_str() == value.type_str() => *slot = value,
            (Some(slot), value) => {
                let message = format!(
                    "must be of type {}, not {} ({origin})",
                    slot.type_str(),
                    value.type_str()
                );
                return Err(ConfigError::Invalid { key, message });
            }
        }
    }
    Ok(())
}

/// Sets `key` from the text of an environment variable, read as the default's type.
fn set_from_text(
    table: &mut Table,
    key: &str,
    variable: &str,
    text: &str,
) -> Result<(), ConfigError> {
    let unknown = || ConfigError::Unknown {
        key: key.to_owned(),
        origin: format!("environment variable {variable}"),
    };
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let table = if section.is_empty() {
        table
    } else {
        table
            .get_mut(section)
            .and_then(Value::as_table_mut)
            .ok_or_else(unknown)?
    };
    let slot = table.get_mut(name).ok_or_else(unknown)?;
    let wrong = |kind: &str| {
        ConfigError::invalid(
            key,
            format!("must be {kind} (environment variable {variable})"),
        )
    };
    *slot = match slot {
        Value::String(_) => Value::String(text.to_owned()),
        Value::Integer(_) => Value::Integer(
            text.trim()
                .parse()
                .map_err(|_not| wrong("a whole number"))?,
        ),
        Value::Boolean(_) => {
            Value::Boolean(text.trim().parse().map_err(|_not| wrong("true or false"))?)
        }
        Value::Array(_) => {
            let items = text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
        }
        _ => return Err(unknown()),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_env(variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let owned = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::from_sources(None, owned)
    }

    fn refusal(variables: &[(&str, &str)]) -> String {
        from_env(variables).unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_are_complete_and_valid() {
        let settings = from_env(&[]).unwrap();
        assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(settings.public_url(8080), "http://localhost:8080");
    }

    #[test]
    fn the_environment_overrides_nested_keys_and_lists() {
        let settings = from_env(&[
            ("CHATALOT_LIMITS__WEBHOOK_BURST", "7"),
            ("CHATALOT_TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
            ("CHATALOT_PUBLIC_URL", "https://chat.example.com/"),
            ("PATH", "/bin"),
        ])
        .unwrap();
        assert_eq!(settings.limits.webhook_burst, 7);
        assert_eq!(settings.trusted_proxies.len(), 2);
        assert_eq!(settings.public_url(1), "https://chat.example.com");
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_it_must_be() {
        for (name, value, expected) in [
            ("CHATALOT_LISTEN", "nowhere", "listen"),
            ("CHATALOT_REGISTRATION", "maybe", "registration"),
            (
                "CHATALOT_LIMITS__WEBHOOK_BURST",
                "many",
                "limits.webhook_burst must be a whole number",
            ),
            (
                "CHATALOT_LIMITS__PENDING_POSTS",
                "0",
                "limits.pending_posts must be between 1 and",
            ),
            (
                "CHATALOT_LIMITS__PENDING_POSTS",
                "100001",
                "limits.pending_posts must be between 1 and",
            ),
            (
                "CHATALOT_LIMITS__WEBHOK_BURST",
                "1",
                "unknown setting limits.webhok_burst",
            ),
            ("CHATALOT_NOWHERE__X", "1", "unknown setting nowhere.x"),
            (
                "CHATALOT_PUBLIC_URL",
                "chat.example.com",
                "public_url must be",
            ),
            (
                "CHATALOT_PUBLIC_URL",
                "https://chat.example.com/path",
                "public_url must be",
            ),
            ("CHATALOT_TRUSTED_PROXIES", "proxy", "trusted_proxies"),
            ("CHATALOT_METRICS__LISTEN", "9090", "metrics.listen must be"),
            (
                "CHATALOT_PUSH__SUBJECT",
                "admin@localhost",
                "push.subject must be",
            ),
            (
                "CHATALOT_PUSH__SUBJECT",
                "http://localhost",
                "push.subject must be",
            ),
            (
                "CHATALOT_PUSH__ALLOWED_HOSTS",
                "ok.example,*evil.example",
                "'*evil.example'",
            ),
            (
                "CHATALOT_PUSH__ALLOWED_HOSTS",
                "https://push.example",
                "push.allowed_hosts",
            ),
            (
                "CHATALOT_PUSH__ALLOWED_HOSTS",
                "10.0.0.1:443",
                "push.allowed_hosts",
            ),
        ] {
            let message = refusal(&[(name, value)]);
            assert!(message.contains(expected), "{name}={value}: {message}");
        }
    }

    #[test]
    fn a_file_is_laid_over_the_defaults_and_its_mistakes_are_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let load = |text: &str| {
            std::fs::write(file.path(), text).unwrap();
            Settings::from_sources(Some(file.path()), [])
        };
        assert_eq!(
            load("[limits]\nwebhook_burst = 9")
                .unwrap()
                .limits
                .webhook_burst,
            9
        );
        assert!(
            load("[limits]\nwebhook_brust = 9")
                .unwrap_err()
                .to_string()
                .contains("limits.webhook_brust")
        );
        assert!(
            load("listen = 8080")
                .unwrap_err()
                .to_string()
                .contains("listen must be of type string")
        );
        assert!(
            load("listen = ")
                .unwrap_err()
                .to_string()
                .contains("not valid TOML")
        );
    }

    #[test]
    fn loopback_pushes_are_refused_with_an_https_public_url() {
        let loopback = ("CHATALOT_PUSH__ALLOW_LOOPBACK_HTTP", "true");
        assert!(from_env(&[loopback]).is_ok());
        let https = ("CHATALOT_PUBLIC_URL", "HTTPS://chat.example.com");
        let message = refusal(&[loopback, https]);
        assert!(message.contains("push.allow_loopback_http"), "{message}");
    }

    #[test]
    fn a_private_key_is_32_bytes_and_never_shown() {
        let set = |key| from_env(&[("CHATALOT_PUSH__VAPID_PRIVATE_KEY", key)]);
        let key = "A".repeat(43);
        assert!(!format!("{:?}", set(&key).unwrap()).contains(&key));
        for wrong in ["AAAA", &"A".repeat(44), "hunter2"] {
            let message = set(wrong).unwrap_err().to_string();
            assert!(message.contains("push.vapid_private_key"), "{message}");
            assert!(!message.contains(wrong), "{message}");
        }
    }

    #[test]
    fn a_database_url_is_also_read_from_database_url_and_never_shown() {
        let settings = from_env(&[("DATABASE_URL", "postgres://u:hunter2@h/d")]).unwrap();
        assert_eq!(settings.database.url.reveal(), "postgres://u:hunter2@h/d");
        assert!(!format!("{settings:?}").contains("hunter2"));
        let message = refusal(&[("CHATALOT_DATABASE__URL", "postgres://u:hunter2@h:port/d")]);
        assert!(
            message.contains("database.url") && !message.contains("hunter2"),
            "{message}"
        );
        let both = [
            ("DATABASE_URL", "postgres://a/x"),
            ("CHATALOT_DATABASE__URL", "postgres://b/x"),
        ];
        assert_eq!(
            from_env(&both).unwrap().database.url.reveal(),
            "postgres://b/x"
        );
    }
}
