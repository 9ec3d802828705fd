//! A repeat in one transaction with other posts: whatever becomes of it, each gets its own answer.

use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::answer::Answer;
use crate::support::database::TestDatabase;
use crate::support::load::{Posted, client, try_post};
use crate::support::metrics::wait_for_gauge;
use crate::support::process::Launch;
use crate::support::proxy::{DatabaseProxy, NextCommit};
use crate::support::writer::Writer;

const LOCK_CHANNELS: &str = "select from channels for update";

/// What came of a repeat, a new message and a webhook's post that mentions its author.
struct Together {
    first: Value,
    repeat: Answer,
    new: Answer,
    post: Posted,
    history: Vec<Value>,
    inbox: Vec<Value>,
}

/// Sends the three so that the ledger takes them in one transaction, whose commit meets `fate`.
async fn in_one_transaction(fate: NextCommit) -> Together {
    let database = TestDatabase::create().await;
    let (proxy, url) = DatabaseProxy::before(&database).await;
    let launch = Launch::new()
        .set("CHATALOT_DATABASE__URL", url)
        .set("CHATALOT_LIMITS__MESSAGE_PER_SECOND", "0");
    let (launch, metrics) = launch.with_metrics();
    let server = launch.start().await;
    let community = server.community().await;
    let channel = community.general.clone();
    let webhook = community.webhook(&channel).await;
    let ann = Writer::of(&community.member("ann").await).await;
    let version = ann.members_version(&channel).await;
    let send = |txn_id: &'static str| -> JoinHandle<Answer> {
        let (ann, channel) = (ann.clone(), channel.clone());
        tokio::spawn(async move { ann.send(&channel, txn_id, version, "AwgA").await })
    };
    let first = send("first").await.unwrap().expect_status(201).body;

    // One transaction waits for the channel, so that what comes meanwhile is in the next.
    let mut blocker = database.connect().await;
    let hold = blocker.transaction().await.unwrap();
    hold.execute(LOCK_CHANNELS, &[]).await.unwrap();
    let before = send("before");
    database.until_something_waits_for_a_lock().await;
    let (repeat, new) = (send("first"), send("new"));
    let post = tokio::spawn(async move {
        let posted = try_post(&client(), &webhook, "look, @ann").await;
        posted.expect("an answer")
    });
    wait_for_gauge(metrics, "posts_pending", 4.0).await;
    // The next one waits too, until it is decided what becomes of its commit.
    let next_hold = HeldChannels::behind(&database).await;
    hold.rollback().await.unwrap();
    before.await.unwrap().expect_status(201);
    next_hold.reached.await.unwrap();
    proxy.next_commit(fate);
    next_hold.release.send(()).unwrap();

    let (repeat, new, post) = (
        repeat.await.unwrap(),
        new.await.unwrap(),
        post.await.unwrap(),
    );
    Together {
        first,
        repeat,
        new,
        post,
        history: community.owner.history_after(&channel, 0).await,
        inbox: ann.user.inbox().await,
    }
}

/// The locks of all channels, next in turn.
struct HeldChannels {
    reached: oneshot::Receiver<()>,
    release: oneshot::Sender<()>,
}

impl HeldChannels {
    /// Asks for them while another statement waits already.
    async fn behind(database: &TestDatabase) -> Self {
        let mut connection = database.connect().await;
        let (tell_reached, reached) = oneshot::channel();
        let (release, released) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let hold = connection.transaction().await.unwrap();
            hold.execute(LOCK_CHANNELS, &[]).await.unwrap();
            tell_reached.send(()).unwrap();
            released.await.unwrap();
            hold.rollback().await.unwrap();
        });
        database.until_locks_are_waited_for(2).await;
        Self { reached, release }
    }
}

fn seqs(history: &[Value]) -> Vec<i64> {
    let seq = |message: &Value| message["seq"].as_i64().unwrap();
    history.iter().map(seq).collect()
}

#[tokio::test]
async fn a_repeat_among_others_gets_the_first_answer_and_the_others_are_written_once() {
    let it = in_one_transaction(NextCommit::Passes).await;
    assert_eq!(it.repeat.expect_status(201).body, it.first);
    it.new.expect_status(201);
    assert_eq!(it.post.status, 201, "{}", it.post.body);
    assert_eq!(seqs(&it.history), [1, 2, 3, 4]);
    assert_eq!(it.inbox.len(), 1, "{:?}", it.inbox);
}

/// What it repeats is in the database, so finding it says nothing of the others.
#[tokio::test]
async fn a_repeat_in_a_lost_transaction_does_not_make_the_others_look_written() {
    let it = in_one_transaction(NextCommit::IsLost).await;
    assert!([201, 503].contains(&it.repeat.status), "{}", it.repeat.text);
    let written = |id: &Value| it.history.iter().any(|message| message["id"] == *id);
    for (status, body) in [
        (it.new.status, &it.new.body),
        (it.post.status, &it.post.body),
    ] {
        match status {
            201 => assert!(written(&body["message_id"]), "{body} is not there"),
            _ => assert_eq!(status, 503, "{body}"),
        }
    }
    let answered = [it.new.status, it.post.status];
    let answered = answered.iter().filter(|status| **status == 201).count();
    assert_eq!(it.history.len(), 2 + answered, "{:?}", it.history);
}
