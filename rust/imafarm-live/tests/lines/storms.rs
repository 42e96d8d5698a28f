//! How often a host calls others that never let it in, whatever they do instead.

use std::collections::{BTreeMap, BTreeSet};

use imafarm_live::act::{Conn, End, Wish};
use imafarm_proto::message::{MagicNumber, Message};
use imafarm_proto::settings::Settings;
use imafarm_proto::time::{Span, Time};
use imafarm_records::{Commanded, Observed};

use crate::bench::id;
use crate::by_hand::{ByHand, ME, about, opened};

/// What every host does that is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    Refuses,
    ClosesAtOnce,
    SaysNothing,
    SpeaksHttp,
    IsOfAnotherFarm,
    /// It closes, or breaks off, after it has said BIND_REQUEST, or once it has heard the answer: as a host does whose
    /// directory does not have the caller.
    AsksAndCloses,
    AsksAndBreaks,
    HearsAndCloses,
    HearsAndBreaks,
    CommitsAndCloses,
    CommitsAndBreaks,
    CommitsAndBabbles,
}

const MANNERS: [Manner; 12] = [
    Manner::Refuses,
    Manner::ClosesAtOnce,
    Manner::SaysNothing,
    Manner::SpeaksHttp,
    Manner::IsOfAnotherFarm,
    Manner::AsksAndCloses,
    Manner::AsksAndBreaks,
    Manner::HearsAndCloses,
    Manner::HearsAndBreaks,
    Manner::CommitsAndCloses,
    Manner::CommitsAndBreaks,
    Manner::CommitsAndBabbles,
];

/// There and back, on one machine.
const ROUND_TRIP: Span = Span::from_micros(100);

#[derive(Clone, Debug)]
enum Step {
    Say(Message),
    Bytes(&'static [u8]),
    End(End),
}

/// What somebody of this manner does, one round trip after the other.
fn steps(manner: Manner, peer: u32) -> Vec<Step> {
    let ask = Step::Say(ByHand::request(peer));
    let commit = Step::Say(Message::BindCommit);
    match manner {
        Manner::Refuses => vec![Step::End(End::Refused)],
        Manner::ClosesAtOnce => vec![Step::End(End::Finished)],
        Manner::SaysNothing => vec![],
        Manner::SpeaksHttp => vec![Step::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n")],
        Manner::IsOfAnotherFarm => {
            vec![Step::Say(Message::BindRequest { magic: MagicNumber(0xBAD), host: id(u64::from(peer) + 1) })]
        }
        Manner::AsksAndCloses => vec![ask, Step::End(End::Finished)],
        Manner::AsksAndBreaks => vec![ask, Step::End(End::Broken)],
        // The host answers as soon as it is asked; half a round trip later there is nobody.
        Manner::HearsAndCloses => vec![ask, Step::Bytes(b""), Step::End(End::Finished)],
        Manner::HearsAndBreaks => vec![ask, Step::Bytes(b""), Step::End(End::Broken)],
        Manner::CommitsAndCloses => vec![ask, commit, Step::End(End::Finished)],
        Manner::CommitsAndBreaks => vec![ask, commit, Step::End(End::Broken)],
        Manner::CommitsAndBabbles => vec![ask, commit, Step::Bytes(b"and so on, and so forth")],
    }
}

/// How often each host was called within `span` from the start of the service.
fn calls(manner: Manner, start_election: bool, span: Span) -> BTreeMap<u32, u64> {
    let mut host = ByHand::new(&[("StartElection", start_election.into())], None);
    let mut due: BTreeMap<(Time, u64), (Conn, u32, usize)> = BTreeMap::new();
    let (mut calls, mut count, mut known) = (BTreeMap::new(), 0, BTreeSet::new());
    let mut acts = host.started();
    loop {
        for act in acts {
            match act {
                Wish::Open { conn, to } => {
                    *calls.entry(to).or_default() += 1;
                    count += 1;
                    known.insert(conn);
                    due.insert((host.now + ROUND_TRIP, count), (conn, to, 0));
                }
                Wish::Abort(conn, _) => drop(known.remove(&conn)),
                Wish::Close(_) | Wish::Write(..) | Wish::Bound(..) => {}
                Wish::Consult(..) | Wish::Heard(_) | Wish::Started => {}
                Wish::Accept(_) | Wish::Refuse(_) | Wish::Stopped => panic!("nobody calls: {act:?}"),
            }
        }
        let next = due.first_key_value().map_or(Time::NEVER, |(&(when, _), _)| when);
        let when = next.min(host.farm.next_deadline().unwrap_or(Time::NEVER));
        if when > Time::ZERO + span || count > 1_000_000 {
            return calls;
        }
        if when < next {
            let late = when.since(host.now);
            acts = host.wait(late);
            continue;
        }
        host.now = when;
        let Some((_, (conn, to, place))) = due.pop_first() else { unreachable!("it was there") };
        if !known.contains(&conn) {
            acts = Vec::new();
            continue;
        }
        let steps = steps(manner, to);
        acts = match steps.get(place) {
            None => Vec::new(),
            Some(Step::Say(message)) => host.say(conn, message),
            Some(Step::Bytes(bytes)) => host.say_bytes(conn, bytes),
            Some(Step::End(end)) => {
                known.remove(&conn);
                host.end(conn, *end)
            }
        };
        count += 1;
        due.insert((when + ROUND_TRIP, count), (conn, to, place + 1));
    }
}

/// A host gives up soon, however it is let down, and comes back only when its next message is due.
///
/// Without a pace it was let in at the door and turned away behind it 25,000 times in `BindTimeout`.
#[test]
fn nobody_is_called_again_and_again() {
    let while_binding = Settings::default().bind_timeout;
    for start_election in [false, true] {
        for manner in MANNERS {
            for (span, most) in [(while_binding, 12), (Span::from_secs(600), 50)] {
                let calls = calls(manner, start_election, span);
                assert!(calls.values().all(|&count| count <= most), "{manner:?}, within {span}: {calls:?}");
                assert!(calls.len() >= 3, "{manner:?}: it does try: {calls:?}");
            }
        }
    }
}

/// A host that was let down once calls again at once: that is how two that call one another at once end with a binding.
#[test]
fn the_second_call_comes_at_once() {
    let mut host = ByHand::new(&[("StartElection", 1)], None);
    let calls = opened(&host.started());
    let (conn, peer) = calls[0];
    host.say(conn, &ByHand::request(peer));
    let again = opened(&host.end(conn, End::Broken));
    let [(again, to)] = again[..] else { panic!("{again:?}") };
    assert_eq!(to, peer);
    host.say(again, &ByHand::request(peer));
    let commit = host.frame(again, &Message::BindCommit);
    assert_eq!(host.end(again, End::Broken), [], "not the third");
    assert_eq!(host.say_bytes(again, &commit), [], "nothing comes behind the end");
    assert_eq!(host.end(again, End::Broken), []);
    let due = host.farm.next_deadline().expect("it will");
    assert_eq!(due, host.now + Span::from_millis(10));
    let third = opened(&host.wait(Span::from_millis(10)));
    let [(third, to)] = third[..] else { panic!("{third:?}") };
    assert_eq!(to, peer);
    host.answer(third, peer);
    assert_eq!(host.heard(third).last(), Some(&Message::ElectMaster { round: 1 }), "what waited goes");
}

/// What one life was to hear later, the next does not hear.
#[test]
fn an_end_that_is_held_back_is_gone_with_its_host() {
    let mut host = ByHand::new(&[("StartElection", 1)], None);
    let (first, peer) = opened(&host.started())[0];
    host.say(first, &ByHand::request(peer));
    let (second, _) = opened(&host.end(first, End::Broken))[0];
    host.say(second, &ByHand::request(peer));
    host.end(second, End::Broken);
    host.farm.crash(&[ME]);
    assert_eq!(host.farm.next_deadline(), None);
    host.farm.start(&[ME]);
    assert_eq!(host.farm.next_deadline(), Some(host.now + host.farm.settings(ME).service_start_timeout));
    let (first, peer) = opened(&host.started())[0];
    host.say(first, &ByHand::request(peer));
    assert_eq!(opened(&host.end(first, End::Broken)).len(), 1, "nor does it wait for it");
}

/// While an end is held back from the host, the other side may call: what waits goes out on that connection.
#[test]
fn a_caller_is_welcome_meanwhile() {
    let mut host = ByHand::new(&[("StartElection", 1)], None);
    let calls = opened(&host.started());
    let (first, peer) = calls[0];
    host.say(first, &ByHand::request(peer));
    let (second, _) = opened(&host.end(first, End::Broken))[0];
    host.say(second, &ByHand::request(peer));
    assert_eq!(host.end(second, End::Broken), []);
    let (caller, _) = host.call();
    let acts = host.say(caller, &ByHand::response(peer));
    assert!(acts.contains(&Wish::Bound(caller, peer)) && !about(&acts).contains(&second), "{acts:?}");
    assert_eq!(host.heard(caller).last(), Some(&Message::ElectMaster { round: 1 }));
    assert_eq!(opened(&host.wait(Span::from_millis(10))), [], "nobody has to be called any more");
    assert_eq!(host.farm.check_conservation(), Vec::<String>::new());
}
