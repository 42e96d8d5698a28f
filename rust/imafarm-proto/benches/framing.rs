//! Frames out and in, without seals and with them, and lengths counted: nanoseconds a message.

use core::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use imafarm_proto::host_record::HostId;
use imafarm_proto::message::{Kind, MagicNumber, Message};
use imafarm_proto::transport::{FarmKey, FrameError, Framer, Keyring, Seals, Side};

const MESSAGES: u64 = 10_000;

/// What hosts say in an election, in turn.
fn talk() -> Vec<Message> {
    let host = |n: u64| HostId::new(n).expect("n is not 0");
    (1..=MESSAGES)
        .map(|n| match n % 8 {
            0 | 1 => Message::ElectMaster { round: 1 },
            2 | 3 => Message::ElectMasterAck { round: 1 },
            4 => Message::DeclareMaster { master: host(n), reign_ms: n as u32 * 60 },
            5 => Message::BindRequest { magic: MagicNumber(0x1A2B_3C4D), host: host(n) },
            6 => Message::BindResponse { magic: MagicNumber(0x1A2B_3C4D), host: host(n) },
            _ => Message::Heartbeat { seq: 0 },
        })
        .collect()
}

fn framing(criterion: &mut Criterion) {
    let talk = talk();
    let mut stream = Vec::new();
    talk.iter().for_each(|message| message.encode(&mut stream));
    let mut group = criterion.benchmark_group("framing");
    group.throughput(Throughput::Elements(MESSAGES));
    group.bench_function("encoded_len", |b| b.iter(|| black_box(&talk).iter().map(Message::encoded_len).sum::<u32>()));
    group.bench_function("encode", |b| {
        b.iter_batched_ref(
            || Vec::with_capacity(stream.len()),
            |out| black_box(&talk).iter().for_each(|message| message.encode(out)),
            BatchSize::SmallInput,
        );
    });
    for (name, cut) in [("pull", stream.len()), ("pull, cut every 1,460 bytes", 1_460)] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut framer = Framer::default();
                let mut messages = 0;
                for mut piece in black_box(&stream).chunks(cut) {
                    while let Ok(Some(message)) = framer.pull(&mut piece) {
                        black_box(message);
                        messages += 1;
                    }
                }
                assert_eq!(messages, MESSAGES);
            });
        });
    }
    group.finish();
}

fn hand_over(message: Message, from: &mut Seals, to: &mut Seals) {
    let mut frame = Vec::new();
    message.encode_sealed(&mut frame, from).expect("in turn");
    assert_eq!(Framer::default().pull_sealed(&mut &frame[..], to), Ok(Some(message)));
}

/// The seals of both ends of a binding that is active, and what the opener says then: the same talk, but for bind packets.
fn bound(talk: &[Message]) -> (Seals, Seals, Vec<Message>) {
    let keyring = Arc::new(Keyring { spoken: FarmKey::new([1; 32]), accepted: None });
    let mut opener = Seals::new(Arc::clone(&keyring), Side::Opener, [2; 32]);
    let mut acceptor = Seals::new(keyring, Side::Acceptor, [3; 32]);
    let (magic, host) = (MagicNumber(0x1A2B_3C4D), HostId::new(7).expect("7 is not 0"));
    hand_over(Message::BindRequest { magic, host }, &mut acceptor, &mut opener);
    hand_over(Message::BindResponse { magic, host }, &mut opener, &mut acceptor);
    let bind = [Kind::BindRequest, Kind::BindResponse];
    let instead = |message: &Message| match bind.contains(&message.kind()) {
        true => Message::DeclareMaster { master: host, reign_ms: 60_000 },
        false => message.clone(),
    };
    (opener, acceptor, talk.iter().map(instead).collect())
}

/// The same talk on one binding, bare and sealed, side by side.
fn sealing(criterion: &mut Criterion) {
    let (opener, acceptor, talk) = bound(&talk());
    let (mut bare, mut sealed) = (Vec::new(), Vec::new());
    let mut seals = opener.clone();
    for message in &talk {
        message.encode(&mut bare);
        message.encode_sealed(&mut sealed, &mut seals).expect("in turn");
    }
    let mut group = criterion.benchmark_group("sealing");
    group.throughput(Throughput::Elements(MESSAGES));
    group.bench_function("encode, bare", |b| {
        b.iter_batched_ref(
            || Vec::with_capacity(bare.len()),
            |out| black_box(&talk).iter().for_each(|message| message.encode(out)),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("encode, sealed", |b| {
        b.iter_batched_ref(
            || (Vec::with_capacity(sealed.len()), opener.clone()),
            |(out, seals)| {
                for message in black_box(&talk) {
                    message.encode_sealed(out, seals).expect("in turn");
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("pull, bare", |b| {
        b.iter(|| count(|framer, rest| framer.pull(rest), black_box(&bare)));
    });
    group.bench_function("pull, sealed", |b| {
        b.iter(|| {
            let mut seals = acceptor.clone();
            count(|framer, rest| framer.pull_sealed(rest, &mut seals), black_box(&sealed));
        });
    });
    group.finish();
}

/// Pulls every message out of a stream; there are [`MESSAGES`].
fn count(mut pull: impl FnMut(&mut Framer, &mut &[u8]) -> Result<Option<Message>, FrameError>, stream: &[u8]) {
    let (mut framer, mut rest, mut messages) = (Framer::default(), stream, 0);
    while let Ok(Some(message)) = pull(&mut framer, &mut rest) {
        black_box(message);
        messages += 1;
    }
    assert_eq!(messages, MESSAGES);
}

criterion_group!(benches, framing, sealing);
criterion_main!(benches);
