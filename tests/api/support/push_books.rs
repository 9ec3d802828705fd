//! What the database says of pushed alerts, for what the interface cannot show, and time that
//! is moved in it.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use tokio_postgres::{Client, Row};

use super::database::TestDatabase;
use super::socket::DEADLINE;

/// Seconds from the first attempt to the second: about five after the answer is noted.
pub(crate) const FIRST_RETRY: Range<f64> = 4.0..9.0;

/// What becomes of one alert on one device.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    /// The state; with the reason, such as `withdrawn: read`, where it ended without a push.
    pub(crate) state: String,
    pub(crate) attempts: i64,
    pub(crate) next_attempt_at: Option<DateTime<Utc>>,
    pub(crate) ended: bool,
}

impl Delivery {
    fn of(row: &Row) -> Self {
        Self {
            state: with_reason(row),
            attempts: row.get("attempts"),
            next_attempt_at: row.get("next_attempt_at"),
            ended: row.get("ended"),
        }
    }

    /// How many seconds after `since` it is tried again.
    fn wait_after(&self, since: DateTime<Utc>) -> f64 {
        let at = self.next_attempt_at.expect("a next attempt");
        (at - since).as_seconds_f64()
    }
}

fn with_reason(row: &Row) -> String {
    let state: String = row.get("state");
    match row.get::<_, Option<String>>("reason") {
        Some(reason) if ["withdrawn", "failed"].contains(&state.as_str()) => {
            format!("{state}: {reason}")
        }
        _ => state,
    }
}

/// The rows of alerts and of what is owed to devices.
pub(crate) struct PushBooks {
    client: Client,
}

impl PushBooks {
    pub(crate) async fn of(database: &TestDatabase) -> Self {
        Self {
            client: database.connect().await,
        }
    }

    /// What becomes of the alert on each device that it is owed to.
    pub(crate) async fn deliveries(&self, alert: &str) -> HashMap<String, Delivery> {
        let statement = "select subscription_id::text as device, state::text, reason::text, \
             attempts::bigint, next_attempt_at, ended_at is not null as ended \
             from push_deliveries where notification_id = $1::text::uuid";
        let rows = self.client.query(statement, &[&alert]).await;
        let rows = rows.expect("what is owed to devices");
        let of = |row: &Row| (row.get("device"), Delivery::of(row));
        rows.iter().map(of).collect()
    }

    /// Waits until it is decided what becomes of the alert on the device; it is `end`.
    pub(crate) async fn wait_for_end(&self, alert: &str, device: &str, end: &str) -> Delivery {
        let what = format!("{alert} on {device} should end as {end}");
        let ended = self.until(&what, DEADLINE, async || {
            let all = self.deliveries(alert).await;
            match all.get(device) {
                Some(delivery) if delivery.ended => Ok(delivery.clone()),
                _ => Err(format!("{all:#?}")),
            }
        });
        let ended = ended.await;
        assert_eq!(ended.state, end, "{ended:?}");
        ended
    }

    /// Waits until the last of so many attempts is known to have failed, which was made at
    /// `since`; the next one follows after so many seconds.
    pub(crate) async fn wait_for_retry(
        &self,
        (alert, device): (&str, &str),
        attempts: i64,
        since: DateTime<Utc>,
        seconds: &Range<f64>,
    ) {
        let what = format!("after attempt {attempts} of {alert} the next in {seconds:?} s");
        // While an attempt is under way, its time is when it is given up: a minute.
        let settled = |it: &Delivery| {
            let wait = it.wait_after(since);
            it.state == "pending" && it.attempts == attempts && seconds.contains(&wait)
        };
        self.until(&what, DEADLINE, async || {
            let all = self.deliveries(alert).await;
            let reached = all.get(device).is_some_and(settled);
            let seen = || format!("{all:#?}, tried at {since}");
            reached.then_some(()).ok_or_else(seen)
        })
        .await;
    }

    /// The state of an alert; with the reason if it failed.
    pub(crate) async fn state(&self, alert: &str) -> String {
        let statement =
            "select state::text, reason::text from notifications where id = $1::text::uuid";
        let row = self.client.query_one(statement, &[&alert]).await;
        with_reason(&row.expect("an alert with a state"))
    }

    /// Waits until the alert has that state.
    pub(crate) async fn wait_for_state(&self, alert: &str, state: &str) {
        let what = format!("the alert {alert} should be {state}");
        self.until(&what, DEADLINE, async || {
            let found = self.state(alert).await;
            let devices = self.deliveries(alert).await;
            let reached = found == state;
            reached
                .then_some(())
                .ok_or_else(|| format!("{found}, {devices:#?}"))
        })
        .await;
    }

    /// Waits until no alert and no device waits for anything any more.
    pub(crate) async fn wait_until_nothing_is_owed(&self) {
        let statement = "select \
             (select count(*) from notifications where state in ('pending', 'pushing')) as alerts, \
             (select count(*) from push_deliveries where state = 'pending') as devices";
        let patience = DEADLINE * 4;
        let what = "no alert should be left waiting";
        self.until(what, patience, async || {
            let row = self.client.query_one(statement, &[]).await;
            let row = row.expect("what waits");
            let waiting: (i64, i64) = (row.get("alerts"), row.get("devices"));
            let nothing = waiting == (0, 0);
            nothing.then_some(()).ok_or_else(|| format!("{waiting:?}"))
        })
        .await;
    }

    /// The state of each alert of the user, by its id.
    pub(crate) async fn states_of(&self, user: &str) -> HashMap<String, String> {
        let statement = "select id::text, state::text, reason::text from notifications \
             where user_id = $1::text::uuid";
        let rows = self.client.query(statement, &[&user]).await;
        let rows = rows.expect("the alerts of a user");
        let of = |row: &Row| (row.get("id"), with_reason(row));
        rows.iter().map(of).collect()
    }

    /// What `statement` counts.
    pub(crate) async fn count(&self, statement: &str) -> i64 {
        let row = self.client.query_one(statement, &[]).await;
        row.expect("a count").get(0)
    }

    /// Waits until `statement`, which counts something, says at least `count`.
    pub(crate) async fn wait_for_count(&self, statement: &str, count: i64) {
        let what = format!("{statement} should reach {count}");
        self.until(&what, DEADLINE, async || {
            let found = self.count(statement).await;
            let reached = found >= count;
            reached.then_some(()).ok_or_else(|| found.to_string())
        })
        .await;
    }

    /// Makes it time for everything that waits to be tried again, or for what was in hand when
    /// its process was killed.
    pub(crate) async fn make_due(&self) {
        self.change(
            "update push_deliveries set next_attempt_at = now() where state = 'pending'",
            &[],
        )
        .await;
    }

    /// Waits until nothing waits any more, and lets nothing wait for its time.
    pub(crate) async fn hurry_until_nothing_is_owed(&self) {
        let hurry = async {
            loop {
                self.make_due().await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        tokio::select! {
            () = self.wait_until_nothing_is_owed() => {}
            () = hurry => {}
        }
    }

    /// Leaves time for a test before anything is tried again.
    pub(crate) async fn put_off(&self) {
        let statement = "update push_deliveries set next_attempt_at = now() + interval '1 hour' \
             where state = 'pending'";
        self.change(statement, &[]).await;
    }

    /// Makes so many attempts of everything that waits, and the next one due.
    pub(crate) async fn set_attempts(&self, attempts: i64) {
        let statement = "update push_deliveries set attempts = $1::bigint, next_attempt_at = now() \
             where state = 'pending'";
        self.change(statement, &[&attempts]).await;
    }

    /// Makes all messages and their alerts older.
    pub(crate) async fn age(&self, minutes: i32) {
        for table in ["messages", "notifications"] {
            let statement =
                format!("update {table} set created_at = created_at - make_interval(mins => $1)");
            self.change(&statement, &[&minutes]).await;
        }
    }

    async fn change(
        &self,
        statement: &str,
        parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    ) {
        let changed = self.client.execute(statement, parameters).await;
        changed.expect("a change of the rows");
    }

    /// Asks again and again until the answer is there.
    async fn until<T>(
        &self,
        what: &str,
        patience: Duration,
        ask: impl AsyncFn() -> Result<T, String>,
    ) -> T {
        let deadline = Instant::now() + patience;
        loop {
            match ask().await {
                Ok(found) => return found,
                Err(seen) => assert!(Instant::now() < deadline, "{what} in time, but: {seen}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
