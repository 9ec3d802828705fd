//! What can go wrong at the database.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

/// Why a statement or transaction had no result.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection could be had, or it was lost: try again later.
    #[error("the database is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A constraint refused the change. Carries the constraint's name, by which callers tell
    /// what it means.
    #[error("the constraint {0} refuses the change")]
    Conflict(String),
    /// The database could not grant a lock or gave up one of two transactions: try again.
    #[error("the database asks to try again ({0})")]
    Contended(String),
    /// What was to be changed was deleted a moment ago.
    #[error("it is gone")]
    Gone,
    /// A mistake in a statement, or data that the schema does not allow. Says which kind by
    /// SQLSTATE and constraint, never PostgreSQL's own words: they can quote a row.
    #[error("the database refused a statement: {0}")]
    Refused(String),
    /// A row does not have the form that the program expects.
    #[error("unexpected data in the database: {0}")]
    Unexpected(String),
    /// The connection's settings cannot be used.
    #[error("the database connection cannot be set up: {0}")]
    Setup(String),
}

impl StoreError {
    /// Whether `self` is the refusal of the constraint `name`.
    #[must_use]
    pub fn is_conflict_on(&self, name: &str) -> bool {
        matches!(self, Self::Conflict(constraint) if constraint == name)
    }

    /// Whether the database may answer the same call a little later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Contended(_))
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(database) = error.as_db_error() else {
            // Without an answer from the database it is the connection that failed, unless
            // a value could not be converted, which is a mistake in the program.
            return if is_conversion(&error) {
                Self::Refused(error.to_string())
            } else {
                Self::Unavailable(Box::new(error))
            };
        };
        match database.code() {
            code if code == &SqlState::UNIQUE_VIOLATION => {
                Self::Conflict(database.constraint().unwrap_or_default().to_owned())
            }
            code if [
                SqlState::T_R_SERIALIZATION_FAILURE,
                SqlState::T_R_DEADLOCK_DETECTED,
                SqlState::LOCK_NOT_AVAILABLE,
            ]
            .contains(code) =>
            {
                Self::Contended(database.code().code().to_owned())
            }
            // A standby that takes over soon.
            code if code == &SqlState::READ_ONLY_SQL_TRANSACTION => {
                Self::Unavailable(Box::new(error))
            }
            // Class 57 is operator intervention (shutdown, crash of another backend, cancel
            // by time-out), 53 is out of resources, 08 is the connection.
            code if ["57", "53", "08"]
                .iter()
                .any(|class| code.code().starts_with(class)) =>
            {
                Self::Unavailable(Box::new(error))
            }
            code => {
                let constraint = database.constraint().unwrap_or("none");
                Self::Refused(format!("SQLSTATE {}, constraint {constraint}", code.code()))
            }
        }
    }
}

fn is_conversion(error: &tokio_postgres::Error) -> bool {
    let source = std::error::Error::source(error);
    source.is_some_and(|source| source.is::<tokio_postgres::types::WrongType>())
        || error.to_string().starts_with("error serializing")
        || error.to_string().starts_with("error deserializing")
        || error.to_string().starts_with("invalid column")
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::Unavailable(Box::new(error)),
            other => Self::Unavailable(Box::new(other)),
        }
    }
}
