//! Session-host-only servers: they have a place in the zone and in its order, and none in its elections. What the texts
//! say of servers that stand is in `elections`; these servers are of a later version, and how they behave is our guess.

use std::sync::Arc;

use imafarm_proto::host_record::{HostIndex, HostRecord};
use imafarm_proto::host_resolver::{Directory, EntryIndex};
use imafarm_proto::input::Input;
use imafarm_proto::message::Message;
use imafarm_proto::outbox::Notice;
use imafarm_proto::time::Span;
use imafarm_proto::zone::Standing;

use crate::by_hand::{ByHand, called, declare, id, messages, notices, opened, settings};

const ONLINE_ELECTS: (&str, u64) = ("StartElection", 1);
const SECOND: Span = Span::from_secs(1);

/// One zone: hosts 0 and 1 can be elected, hosts 2, 3 and 4 serve sessions only, for all their higher ids.
fn two_of_five() -> Arc<Directory> {
    let records = (1..=5).map(|number| {
        let mut record = HostRecord::new(&format!("H{number}"), "Z1".into(), id(number));
        record.session_only = number > 2;
        record
    });
    Arc::new(Directory::new(records.collect()).expect("distinct names and ids"))
}

/// Those that never stand come first in the zone's order, lowest rank first.
#[test]
fn session_hosts_rank_below_every_controller() {
    let directory = two_of_five();
    let zone = directory.zone(HostIndex(0));
    assert_eq!(directory.zone_hosts(zone), [2, 3, 4, 0, 1].map(HostIndex));
    assert_eq!(directory.session_only_count(zone), 3);
}

/// Detailed election, step 1: it asks whoever is ranked higher and can be elected, not the session host above it.
#[test]
fn a_session_host_asks_the_controllers_and_nobody_else() {
    let mut host = ByHand::new(2, &two_of_five(), settings(&[ONLINE_ELECTS]));
    assert_eq!(called(&host.input(Input::Start)), [0, 1]);
    assert_eq!(host.answer_all(), [0, 1].map(|peer| (peer, Message::ElectMaster { round: 1 })));
}

/// Step 3 is not for it: however long nobody answers, it declares nobody, and asks again after a time-out that grows.
#[test]
fn a_session_host_that_nobody_answers_asks_again_and_never_declares_itself() {
    let turned = [ONLINE_ELECTS, ("ElectionTimeoutCeiling", 5_000)];
    let mut host = ByHand::new(4, &two_of_five(), settings(&turned));
    host.input(Input::Start);
    let mut patience = Vec::new();
    for _ in 0..5 {
        host.refuse_all();
        let since = host.now;
        let verbs = host.next_deadline();
        assert_eq!((called(&verbs), notices(&verbs)), (vec![0, 1], vec![Notice::ElectionStarted]));
        patience.push(host.now.since(since).0 / 1_000_000_000);
    }
    assert_eq!(patience, [1, 2, 4, 5, 5]);
    assert_eq!((host.host.standing(), host.host.election_counts().won), (Standing::Candidate, 0));
}

/// Step 4 is: once a controller has answered, it waits for the declaration, and follows it.
#[test]
fn a_session_host_follows_whoever_declares_itself() {
    let mut host = ByHand::new(3, &two_of_five(), settings(&[ONLINE_ELECTS]));
    let (entry, to) = opened(&host.input(Input::Start))[1];
    host.answer(entry, to);
    assert_eq!(notices(&host.receive(entry, Message::ElectMasterAck { round: 1 })), [Notice::ElectionAcknowledged]);
    assert_eq!(notices(&host.receive(entry, declare(1, 0))), [Notice::MasterAccepted(HostIndex(1))]);
}

/// It is no candidate, so nobody asks it: an election among controllers passes it over, and so does a collector that
/// stops. A declaration goes to it as to all.
#[test]
fn nobody_asks_a_session_host_but_all_tell_it() {
    let mut host = ByHand::new(1, &two_of_five(), settings(&[ONLINE_ELECTS]));
    let verbs = host.input(Input::Start);
    assert_eq!(notices(&verbs), [Notice::ElectionStarted, Notice::MasterDeclared], "the highest of the controllers");
    let told: Vec<u32> = host.answer_all().into_iter().map(|(peer, _)| peer).collect();
    assert_eq!(told, [2, 3, 4, 0]);

    let verbs = host.input(Input::Stop);
    assert_eq!(messages(&verbs), [Message::ElectMaster { round: 2 }], "to the other controller, over its binding");
    assert_eq!(notices(&host.wait(SECOND)), [Notice::Stopped], "and then to nobody");
}

/// Whoever asks it all the same is not answered: an answer would be a promise to see to the election.
#[test]
fn a_session_host_answers_no_elect_master() {
    let (mut host, _) = ByHand::member_of(1, 4, &two_of_five(), settings(&[]));
    host.wait(SECOND);
    let (asker, _) = host.called_by(0);
    assert_eq!(host.receive(asker, Message::ElectMaster { round: 1 }), []);
    assert_eq!(host.host.standing(), Standing::Member);
}

/// No session host is a collector, whoever says so.
#[test]
fn a_session_host_that_calls_itself_the_collector_is_not_believed() {
    let (mut host, _) = ByHand::member_of(1, 0, &two_of_five(), settings(&[]));
    let (liar, _) = host.called_by(4);
    assert_eq!(host.receive(liar, declare(4, 1_000_000_000)), []);
    assert_eq!(host.host.master(), Some(HostIndex(1)));

    let mut host = ByHand::new(0, &two_of_five(), settings(&[]));
    host.input(Input::Start);
    let (misled, _): (EntryIndex, _) = host.called_by(3);
    let verbs = host.receive(misled, Message::MasterIs { master: Some(id(5)) });
    assert_eq!(notices(&verbs), [Notice::ElectionStarted], "as if it knew none");
}
