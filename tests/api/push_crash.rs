//! The server is killed at random moments while members who are away and one who is there are
//! mentioned: every mention of every post that was answered 201 reaches them.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use rand::{RngExt, SeedableRng};

use crate::crash::{Following, assert_alerts_are_there};
use crate::support::fixtures::User;
use crate::support::follower::Follower;
use crate::support::load::{Load, Record, audit};
use crate::support::push_device::Device;
use crate::support::push_process::PushProcess;
use crate::support::push_scene::PushScene;

const SETTINGS: [(&str, &str); 2] = [
    ("CHATALOT_NOTIFICATIONS__ACK_TIMEOUT_MS", "1500"),
    // Ann acknowledges each alert by itself.
    ("CHATALOT_SOCKETS__FRAMES_PER_SECOND", "0"),
];

/// Bob and eve, who are away, and ann, who is there; each has a device.
struct Crowd {
    scene: PushScene<PushProcess>,
    eve: User,
    eves: Device,
    ann: User,
    anns: Device,
}

impl Crowd {
    async fn gather(failures: &str) -> Self {
        let scene = PushScene::launch_failing(&SETTINGS, failures).await;
        let eve = scene.community.member("eve").await;
        let (eves, _) = scene.service.subscribe(&eve).await;
        let ann = scene.community.member("ann").await;
        let (anns, _) = scene.service.subscribe(&ann).await;
        Self {
            scene,
            eve,
            eves,
            ann,
            anns,
        }
    }

    /// Ann's client, which acknowledges.
    async fn ann_follows(&self) -> Following {
        let mut follower = Follower::new(&self.ann).acknowledging();
        follower.subscribe(&self.scene.community.general).await;
        follower.settle().await;
        Following::start(follower)
    }

    fn mention_all(&self) -> Load {
        let webhooks = std::slice::from_ref(&self.scene.webhook);
        Load::start(webhooks, 3, " for @bob, @eve and @ann")
    }

    /// Every mention that was promised is accounted for, and nothing is owed.
    async fn audit(&self, follower: &mut Follower, records: &[Record]) {
        let (scene, channel) = (&self.scene, self.scene.community.general.as_str());
        let history = audit(&scene.community.owner, &[channel], records).await;
        follower.saw_all(&history).await;
        // Its acknowledgements are not answered.
        scene.books.hurry_until_nothing_is_owed().await;
        let people = [
            (&scene.bob, &scene.device),
            (&self.eve, &self.eves),
            (&self.ann, &self.anns),
        ];
        for (user, device) in people {
            assert_alerts_are_there(user, records).await;
            let states = scene.books.states_of(&user.id).await;
            assert_eq!(states.len(), history[channel].len());
            self.expect_sent(device, &states);
            let away = user.id != self.ann.id;
            let fine = |state: &String| state == "pushed" || (!away && state == "delivered");
            assert!(states.values().all(fine), "{}: {states:#?}", user.username);
        }
        scene.expect_secrets_untold(&[&self.eves, &self.anns]);
    }

    /// The push service got each alert that is pushed, and nothing that is none.
    fn expect_sent(&self, device: &Device, states: &HashMap<String, String>) {
        let requests = self.scene.service.requests();
        let to_it = requests
            .iter()
            .filter(|it| it.path.ends_with(device.token()));
        let sent: HashSet<&str> = to_it
            .map(|it| it.payload["id"].as_str().expect("an id"))
            .collect();
        assert!(sent.iter().all(|id| states.contains_key(*id)), "{sent:?}");
        for (id, state) in states {
            let is_there = state != "pushed" || sent.contains(id.as_str());
            assert!(is_there, "{id} is pushed, and was not sent");
        }
    }
}

#[tokio::test]
async fn kills_at_random_moments_lose_no_mention() {
    let seed: u64 = rand::random();
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let mut it = Crowd::gather("").await;
    let following = it.ann_follows().await;
    let load = it.mention_all();
    for round in 0..6 {
        load.wait_for_more(random.random_range(5..25)).await;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..60))).await;
        it.scene.server.kill().await;
        if round % 2 == 0 {
            // What was in hand is taken up in the middle of everything else.
            it.scene.books.make_due().await;
        }
        it.scene.server.start_again().await;
    }
    load.wait_for_more(10).await;
    let records = load.stop().await;
    let mut follower = following.stop().await;
    it.audit(&mut follower, &records).await;
    assert!(follower.connects > 1, "seed {seed}: it had to come back");
}

#[tokio::test]
async fn panics_here_and_there_under_load_lose_no_mention() {
    let it = Crowd::gather(
        "push_hand_over=2%panic;push_planned=2%panic;push_claimed=2%panic;\
         push_sent=2%panic;push_settled=2%panic;channel_fan_out=1%panic",
    )
    .await;
    let following = it.ann_follows().await;
    let load = it.mention_all();
    load.wait_for_more(150).await;
    let records = load.stop().await;
    // A fan-out that failed is made good by the next post.
    let mut follower = following.stop().await;
    let mut records = records;
    records.push(quiet_end(&it).await);
    it.audit(&mut follower, &records).await;
    let log = it.scene.server.log();
    assert!(log.contains("panic"), "it happened: {log}");
}

/// A few posts one after the other, so that the last ones are likely to go well.
async fn quiet_end(it: &Crowd) -> Record {
    let (http, mut record) = (crate::support::load::client(), Record::default());
    for number in 0..5 {
        let content = format!("end {number} for @bob, @eve and @ann");
        crate::support::load::post(&http, &it.scene.webhook, content, &mut record).await;
    }
    record
}
