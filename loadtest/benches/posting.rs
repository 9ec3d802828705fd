//! The pure parts on the way of a post: checking what was sent, hashing its token, finding whom
//! it mentions, and encoding what sockets get.
#![expect(
    clippy::expect_used,
    reason = "a benchmark whose setting cannot be made must stop"
)]

use std::hint::black_box;

use chatalot::domain::ids::{ChannelId, MessageId, Seq, UserId, WebhookId};
use chatalot::domain::mentions::mention_candidates;
use chatalot::domain::message::{Message, MessageBody, MessageContent, WebhookAuthor};
use chatalot::domain::secrets::WebhookToken;
use chatalot::domain::time::Timestamp;
use chatalot::protocol::ServerFrame;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// The most characters that a post may have.
const LONGEST: usize = 4000;

/// Contents by what makes them costly.
fn contents() -> Vec<(&'static str, String)> {
    let filled = |part: &str| part.chars().cycle().take(LONGEST).collect::<String>();
    let names: String = (0..).map(|n| format!("@u{n:03} ")).take(660).collect();
    vec![
        ("a short post", "Build #142 passed on **main**.".to_owned()),
        ("4,000 characters of text", filled("all is well again ")),
        ("4,000 characters of @a @b", filled("@a @b @c @d ")),
        ("660 different names", names),
        ("4,000 backticks and mentions", filled("`@a` ")),
        ("4,000 brackets", filled("[@a](b) ")),
        ("4,000 characters of URLs", filled("https://e.co/@a ")),
        ("4,000 nested quotes", filled("> @a\n> ")),
    ]
}

fn mentions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mention candidates");
    for (name, content) in contents() {
        group.bench_function(name, |bencher| {
            bencher.iter(|| mention_candidates(black_box(&content)));
        });
    }
    group.finish();
}

fn validation(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("content check");
    for (name, content) in contents().into_iter().take(2) {
        group.throughput(Throughput::Bytes(content.len() as u64));
        group.bench_with_input(
            BenchmarkId::from_parameter(name),
            &content,
            |bencher, it| {
                bencher.iter(|| MessageContent::parse(black_box(it)).expect("a content"));
            },
        );
    }
    group.finish();
}

fn token(criterion: &mut Criterion) {
    let token = WebhookToken::generate();
    criterion.bench_function("token hash", |bencher| {
        bencher.iter(|| {
            let token = WebhookToken::parse(black_box(token.reveal())).expect("a token");
            token.hash()
        });
    });
}

fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("message frame");
    for (name, content) in contents().into_iter().take(2) {
        let message = Message {
            id: MessageId::generate(),
            channel_id: ChannelId::generate(),
            seq: Seq(12_345),
            body: MessageBody::Webhook {
                webhook_id: WebhookId::generate(),
                author: WebhookAuthor {
                    name: "Build server".to_owned(),
                    avatar_url: None,
                },
                content: Some(content),
                mentions: vec![UserId::generate()],
                encrypted: false,
            },
            deleted: false,
            created_at: Timestamp::now(),
        };
        group.bench_function(name, |bencher| {
            let frame = ServerFrame::Message {
                channel_id: message.channel_id,
                seq: message.seq,
                message: &message,
            };
            bencher.iter(|| black_box(&frame).encode());
        });
    }
    group.finish();
}

criterion_group!(benches, mentions, validation, token, frames);
criterion_main!(benches);
