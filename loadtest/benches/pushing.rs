//! How fast pushes are made: encrypted (RFC 8291) and signed (RFC 8292), without sending them.
//! Throughput is in pushes a second of one core.
#![expect(
    clippy::expect_used,
    reason = "a benchmark whose setting cannot be made must stop"
)]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chatalot::domain::ids::{ChannelId, CommunityId, MessageId, NotificationId, Seq};
use chatalot::domain::message::WebhookAuthor;
use chatalot::domain::notification::{Notification, NotificationKind};
use chatalot::domain::push::{AuthSecret, DeviceKeys, P256dh};
use chatalot::domain::push_delivery::LIFETIME;
use chatalot::domain::push_endpoint::{EndpointRules, PushEndpoint};
use chatalot::domain::time::Timestamp;
use chatalot::push::{PushContent, Vapid, WebPush, generate_private_key};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey};
use ring::rand::SystemRandom;

fn web_push() -> WebPush {
    let key = generate_private_key().expect("randomness");
    let vapid = Vapid::new(&key, "mailto:ops@example.com").expect("a key that was just made");
    WebPush::new(vapid, EndpointRules::new(&["*".to_owned()], false)).expect("an HTTP client")
}

fn endpoint() -> PushEndpoint {
    let rules = EndpointRules::new(&["*".to_owned()], false);
    PushEndpoint::parse("https://push.example.com/send/abc", &rules).expect("an endpoint")
}

fn device() -> DeviceKeys {
    let private = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new());
    let public = private.and_then(|key| key.compute_public_key());
    let point = URL_SAFE_NO_PAD.encode(public.expect("a key pair").as_ref());
    DeviceKeys {
        p256dh: P256dh::parse(&point).expect("a point"),
        auth: AuthSecret::parse(&URL_SAFE_NO_PAD.encode([7; 16])).expect("16 bytes"),
    }
}

fn alert() -> PushContent {
    let notification = Notification {
        id: NotificationId::generate(),
        kind: NotificationKind::Mention,
        community_id: CommunityId::generate(),
        channel_id: ChannelId::generate(),
        channel_name: "alerts".to_owned(),
        message_id: MessageId::generate(),
        seq: Seq(12_345),
        author: WebhookAuthor {
            name: "Backup job".to_owned(),
            avatar_url: None,
        },
        preview: "Backup of **db1** failed, @ada please look at it. ".repeat(2),
        created_at: Timestamp::now(),
        read_at: None,
    };
    PushContent::alert(notification, "https://chat.example.com", LIFETIME)
}

fn pushes(criterion: &mut Criterion) {
    let (endpoint, keys, content) = (endpoint(), device(), alert());
    let mut group = criterion.benchmark_group("push");
    group.throughput(Throughput::Elements(1));
    let warm = web_push();
    group.bench_function("built with a signature that is kept", |bencher| {
        bencher.iter(|| warm.build(&endpoint, &keys, &content).expect("a push"));
    });
    group.bench_function("built with a new signature", |bencher| {
        bencher.iter_batched(
            web_push,
            |fresh| fresh.build(&endpoint, &keys, &content).expect("a push"),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, pushes);
criterion_main!(benches);
