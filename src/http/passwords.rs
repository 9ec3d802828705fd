//! Hashing passwords: Argon2id, never on an async thread, never too many at once.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use super::problem::{Code, Problem};
use crate::domain::secrets::Password;
use crate::metrics::Metrics;

/// Hashes and checks passwords with the parameters that OWASP recommends (Password Storage
/// Cheat Sheet: 19 MiB, 2 iterations, 1 lane), which are the crate's defaults.
pub struct PasswordHasher {
    running: Arc<Semaphore>,
    /// Those that run and those that wait.
    accepted: Arc<Semaphore>,
    /// The hash of a password that nobody has: checking it takes as long as a real one.
    decoy: Arc<str>,
    metrics: Arc<Metrics>,
}

impl PasswordHasher {
    /// Hashes `at_once` passwords at once, while `waiting` more may wait.
    ///
    /// # Errors
    /// When the operating system gives no random salt.
    pub fn new(at_once: usize, waiting: usize, metrics: Arc<Metrics>) -> Result<Self, String> {
        let decoy = hash(uuid::Uuid::new_v4().as_bytes()).map_err(|error| error.to_string())?;
        Ok(Self {
            running: Arc::new(Semaphore::new(at_once)),
            accepted: Arc::new(Semaphore::new(at_once + waiting)),
            decoy: decoy.into(),
            metrics,
        })
    }

    /// Hashes a password; returns the PHC string.
    pub(super) async fn hash(&self, password: &Password) -> Result<String, Problem> {
        let password = password.clone();
        self.run(move || hash(password.as_bytes()))
            .await?
            .map_err(|error| {
                tracing::error!(%error, "a password could not be hashed");
                Problem::new(Code::Internal, "The log of the server says more.")
            })
    }

    /// Checks a password against the hash of an account. Without an account it does the same
    /// work and finds it wrong.
    pub(super) async fn verify(
        &self,
        password: &Password,
        hash: Option<String>,
    ) -> Result<bool, Problem> {
        let (password, decoy, known) = (password.clone(), Arc::clone(&self.decoy), hash.is_some());
        let right = self
            .run(move || {
                let hash = hash.as_deref().unwrap_or(&decoy);
                PasswordHash::new(hash).is_ok_and(|hash| {
                    Argon2::default()
                        .verify_password(password.as_bytes(), &hash)
                        .is_ok()
                })
            })
            .await?;
        Ok(right && known)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let Ok(_accepted) = Arc::clone(&self.accepted).try_acquire_owned() else {
            Metrics::count(&self.metrics.overloads, "password_hashes");
            return Err(Problem::retry(
                Code::Overloaded,
                "Too many sign-ins at once. Try again in a moment.",
            ));
        };
        let gone = || Problem::new(Code::Internal, "The log of the server says more.");
        self.metrics.password_hashes.inc();
        let permit = Arc::clone(&self.running).acquire_owned().await;
        let result = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await;
        self.metrics.password_hashes.dec();
        result.map_err(|_panicked| gone())
    }
}

fn hash(password: &[u8]) -> Result<String, argon2::password_hash::Error> {
    Argon2::default()
        .hash_password(password)
        .map(|hash| hash.to_string())
}
