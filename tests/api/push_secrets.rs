//! What is secret about pushes stays so: where a device is reached, what it decrypts with, and
//! what this server signs with.

use serde_json::Value;

use crate::support::database::TestDatabase;
use crate::support::fixtures::User;
use crate::support::metrics::scrape;
use crate::support::process::Launch;
use crate::support::push_scene::PushScene;
use crate::support::push_service::{Forced, PushService};

#[tokio::test]
async fn no_endpoint_key_or_signature_reaches_the_log() {
    for format in ["text", "json"] {
        let (database, service) = (TestDatabase::create().await, PushService::start().await);
        let launch = Launch::new()
            .set("CHATALOT_DATABASE__URL", database.url())
            .set("CHATALOT_PUSH__ALLOW_LOOPBACK_HTTP", "true")
            .set("CHATALOT_LOG__LEVEL", "trace")
            .set("CHATALOT_LOG__FORMAT", format);
        let (launch, metrics_port) = launch.with_metrics();
        let mut process = launch.start().await;
        let ada = User::register(&process.anonymous(), "ada").await;
        let key = ada.push_public_key().await;
        let mut device = service.device(&key);
        let id = ada.subscribe_device(&device).await;
        let mut secrets = device.secrets();
        ada.expect_test_push(&id).await;
        let received = device.next_received().await;
        let token = received.header("authorization").split(',').next().unwrap();
        secrets.push(token.rsplit('.').next().unwrap().to_owned());
        let failures = [
            Forced::status(401),
            Forced::with_headers(301, &[("location", &device.endpoint)]),
            Forced::Answer {
                status: 500,
                headers: Vec::new(),
                body: device.endpoint.clone().into_bytes(),
            },
            Forced::Drop,
        ];
        for failure in failures {
            ada.wait_for_healthy(&id).await;
            service.force_always(failure);
            ada.expect_test_push(&id).await;
            ada.wait_for_failing(&id).await;
            service.recover();
            ada.expect_test_push(&id).await;
            device.next_push().await;
        }
        ada.wait_for_healthy(&id).await;
        // What is refused is not told either, and neither is what is removed.
        let refused = service.device(&key);
        secrets.extend(refused.secrets());
        let mut body = refused.subscription();
        body["endpoint"] = format!("https://evil.example/{}", refused.token()).into();
        ada.subscribe_push(&body).await.expect_refused(422);
        let mut body = refused.subscription();
        body["keys"]["p256dh"] = format!("{}=", refused.keys.p256dh()).into();
        let answer = ada.subscribe_push(&body).await.expect_refused(422);
        assert!(!answer.text.contains(refused.token()), "{}", answer.text);
        service.forget(&device);
        ada.expect_test_push(&id).await;
        ada.wait_for_devices("a removed device", <[Value]>::is_empty)
            .await;
        let client = database.connect().await;
        let row = client.query_one("select private_key from vapid_keys", &[]);
        secrets.push(row.await.unwrap().get(0));
        let metrics = scrape(metrics_port).await;
        process.sigterm();
        assert!(process.wait().await.success(), "{}", process.stderr());
        let log = process.stderr();
        assert!(log.contains("pushes did not arrive"), "{log}");
        for secret in secrets {
            assert!(secret.len() > 15, "too short to look for: {secret}");
            let line = log.lines().find(|line| line.contains(&secret));
            assert_eq!(line, None, "{secret} is in the log");
            assert!(!metrics.contains(&secret), "{secret} is in the metrics");
        }
    }
}

#[tokio::test]
async fn neither_where_an_alert_goes_nor_what_it_says_reaches_the_log() {
    let settings = [("CHATALOT_LOG__LEVEL", "trace")];
    let mut it = PushScene::launch(&settings).await;
    let endpoint = it.device.endpoint.clone();
    let told = Forced::Answer {
        status: 500,
        headers: Vec::new(),
        body: endpoint.clone().into_bytes(),
    };
    let redirect = Forced::with_headers(307, &[("location", &endpoint)]);
    let [busy, refused, too_large] = [503, 403, 413].map(Forced::status);
    let ways = [
        (1, told),
        (1, Forced::Drop),
        (1, busy),
        (1, refused),
        (1, redirect),
        (2, too_large),
    ];
    for (times, forced) in ways {
        it.service.force(times, &forced);
        it.mention("the word is xyzzy-plugh").await;
        it.bob.wait_for_failing(&it.device_id).await;
        it.books.hurry_until_nothing_is_owed().await;
        it.mention("the word is xyzzy-plugh").await;
        it.books.wait_until_nothing_is_owed().await;
        it.bob.wait_for_healthy(&it.device_id).await;
    }
    it.service.forget(&it.device);
    it.mention("the word is xyzzy-plugh").await;
    it.bob
        .wait_for_devices("a removed device", <[Value]>::is_empty)
        .await;
    let metrics = scrape(it.server.metrics_port).await;
    it.server.stop().await;
    it.expect_secrets_untold(&[]);
    it.device.expect_untold(&metrics);
    let log = it.server.log();
    assert!(log.contains("pushes did not arrive"), "{log}");
    let line = log.lines().find(|line| line.contains("xyzzy"));
    assert_eq!(line, None, "what was said is in the log");
}
