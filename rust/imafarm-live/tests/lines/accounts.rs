//! What is in flight between hosts that live in one farm object, however their connections are named and end.

use std::sync::Arc;

use imafarm_live::act::{Act, Conn, End, Wish};
use imafarm_live::farm::{LiveFarm, Pair};
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::message::Kind;
use imafarm_proto::outbox::Consult;
use imafarm_proto::time::Time;
use imafarm_records::{Commanded, Observed};

use crate::bench::plan;

/// Two hosts that both live here, the lower-ranked of which has called the other.
struct Two {
    farm: LiveFarm,
    now: Time,
}

const HIGH: u32 = 0;
const LOW: u32 = 1;

impl Two {
    fn new() -> Two {
        let mut farm = LiveFarm::new(plan(&Arc::new(Directory::generate(2, 1)), &[]));
        farm.start(&[HIGH, LOW]);
        let mut two = Two { farm, now: Time::ZERO };
        for Act { host, what } in two.farm.take_acts() {
            let Wish::Consult(ticket, Consult::Start { .. }) = what else { panic!("{what:?}") };
            two.farm.answered(host, ticket, 0, 0, two.now);
        }
        two
    }

    /// Takes what hosts want, and gives the calls.
    fn calls(&mut self) -> Vec<(u32, Conn)> {
        let call = |act: Act| if let Wish::Open { conn, .. } = act.what { Some((act.host, conn)) } else { None };
        self.farm.take_acts().into_iter().filter_map(call).collect()
    }

    /// Bytes that were written, by connection.
    fn written(&mut self) -> Vec<(Conn, Vec<u8>)> {
        let bytes = |act: Act| if let Wish::Write(conn, bytes) = act.what { Some((conn, bytes)) } else { None };
        self.farm.take_acts().into_iter().filter_map(bytes).collect()
    }

    fn in_flight(&self) -> u64 {
        assert_eq!(self.farm.check_conservation(), Vec::<String>::new());
        self.farm.in_flight().iter().map(|count| count.messages).sum()
    }

    fn dropped(&self) -> u64 {
        Kind::ALL.into_iter().map(|kind| self.farm.accounts().total(kind).dropped.messages).sum()
    }
}

#[test]
fn what_was_written_is_in_flight_until_it_arrives() {
    let mut two = Two::new();
    let calls = two.calls();
    let &(_, out) = calls.iter().find(|(host, _)| *host == LOW).expect("a newcomer asks");
    two.farm.connected(out, Some(Pair(1)));
    two.farm.incoming(HIGH, Some(Pair(1)), two.now);
    assert_eq!(two.in_flight(), 1, "BIND_REQUEST");
    let written = two.written();
    let (_, request) = &written[0];
    two.farm.receive(out, &request[..5], two.now);
    assert_eq!(two.in_flight(), 1, "a part is not the message");
    two.farm.receive(out, &request[5..], two.now);
    assert_eq!(two.in_flight(), 1, "BIND_RESPONSE");
    assert_eq!(two.farm.accounts().total(Kind::BindRequest).delivered.messages, 1);
    two.farm.ended(out, End::Broken, two.now);
    assert_eq!(two.dropped(), 0, "what a host sent before its end broke may still arrive at the other");
    let conn = written[0].0;
    two.farm.ended(conn, End::Broken, two.now);
    assert_eq!((two.in_flight(), two.dropped()), (0, 1));
}

/// An end that is there hears what the other has sent before it was gone.
#[test]
fn what_was_sent_before_its_sender_went_still_arrives() {
    let mut two = Two::new();
    let calls = two.calls();
    let &(_, out) = calls.iter().find(|(host, _)| *host == LOW).expect("a newcomer asks");
    two.farm.connected(out, Some(Pair(1)));
    let conn = two.farm.incoming(HIGH, Some(Pair(1)), two.now);
    let written = two.written();
    two.farm.ended(conn, End::Broken, two.now);
    assert_eq!((two.in_flight(), two.dropped()), (1, 0), "BIND_REQUEST");
    two.farm.receive(out, &written[0].1, two.now);
    assert_eq!(two.farm.accounts().total(Kind::BindRequest).delivered.messages, 1);
    assert_eq!((two.in_flight(), two.dropped()), (0, 1), "nobody is there to hear the answer");
}

/// A pair that is told twice, of the same connection or of others, spoils no account and is not kept for ever.
#[test]
fn a_pair_that_is_used_again_spoils_nothing() {
    let mut two = Two::new();
    let calls = two.calls();
    let &(_, out) = calls.iter().find(|(host, _)| *host == LOW).expect("a newcomer asks");
    two.farm.connected(out, Some(Pair(1)));
    two.farm.connected(out, Some(Pair(1)));
    two.farm.connected(out, Some(Pair(2)));
    let first = two.farm.incoming(HIGH, Some(Pair(1)), two.now);
    let second = two.farm.incoming(HIGH, Some(Pair(1)), two.now);
    let third = two.farm.incoming(LOW, Some(Pair(1)), two.now);
    for (conn, bytes) in two.written() {
        assert!([first, second, third].contains(&conn), "the acceptor speaks first");
        two.farm.receive(out, &bytes, two.now);
        two.in_flight();
    }
    for conn in [second, out, first, third] {
        two.farm.ended(conn, End::Broken, two.now);
        two.in_flight();
    }
    two.farm.crash(&[HIGH, LOW]);
    assert_eq!(two.in_flight(), 0);
}

/// What is kept of connections goes with them.
#[test]
fn ten_thousand_connections_leave_no_trace() {
    let mut two = Two::new();
    two.calls();
    let mut round = |number: u64| {
        let pair = Some(Pair(100 + number));
        let conn = two.farm.incoming(HIGH, pair, two.now);
        let unpaired = two.farm.incoming(HIGH, None, two.now);
        two.farm.take_acts();
        two.farm.receive(conn, b"IMAF", two.now);
        two.farm.receive(unpaired, &[0; 16], two.now);
        two.farm.ended(conn, End::Finished, two.now);
        two.farm.take_acts();
        two.farm.memory()
    };
    let few: usize = (0..100).map(&mut round).max().expect("a hundred");
    let many: usize = (100..10_000).map(&mut round).max().expect("many more");
    assert_eq!(many, few, "bytes");
    assert_eq!((two.in_flight(), two.dropped()), (0, 10_000), "BIND_REQUESTs to callers who were gone");
}
