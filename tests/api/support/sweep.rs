//! What the server does by the clock, done when a test wants it.

use std::time::Duration;

use chatalot::store::{DatabaseUrl, Store, StoreSettings, Swept};
use tokio_postgres::Config;

/// Days that the inbox keeps a notification.
const NOTIFICATION_DAYS: u32 = 90;
/// Days that a session may go unused.
const SESSION_IDLE_DAYS: u32 = 30;

/// The store of a database, beside the server's.
pub(crate) fn open_store(config: Config) -> Store {
    let settings = StoreSettings {
        pool_size: 2,
        wait: Duration::from_secs(5),
        statement_timeout: Duration::from_secs(10),
        lock_timeout: Duration::from_secs(5),
        session_settings: Vec::new(),
    };
    Store::open(&DatabaseUrl::from(config), &settings).expect("a store")
}

/// One round of throwing away what is over: what it found, and whether it came to its end.
pub(crate) async fn sweep_once(store: &Store) -> (Swept, bool) {
    let mut swept = Swept::default();
    let done = store
        .sweep(NOTIFICATION_DAYS, SESSION_IDLE_DAYS, &mut swept)
        .await;
    (swept, done.is_ok())
}

/// Rounds until there is nothing more to throw away. Tells how many messages to devices expired.
pub(crate) async fn sweep_everything(store: &Store) -> u64 {
    let mut expired = 0;
    loop {
        let (swept, done) = sweep_once(store).await;
        assert!(done, "the sweep failed");
        expired += swept.to_device_expired;
        if !swept.more {
            return expired;
        }
    }
}
