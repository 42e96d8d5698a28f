//! Frames out and in, and lengths counted: nanoseconds a message.

use core::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use imafarm_proto::host_record::HostId;
use imafarm_proto::message::{MagicNumber, Message};
use imafarm_proto::transport::Framer;

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

criterion_group!(benches, framing);
criterion_main!(benches);
