//! What arrives is not the speech of our farm: no frame, or one whose seal does not fit. The driver says so, and the
//! connection goes at once, whatever state its binding is in ("One of the most important checks").

use imafarm_proto::host_record::HostIndex;
use imafarm_proto::input::{Ending, Input};
use imafarm_proto::message::Message;
use imafarm_proto::outbox::{Notice, Verb};

use crate::adversary::{ME, PEER, STAGES, Stage, at_stage};
use crate::by_hand::{ByHand, equals, notices, settings};

/// The connection is dropped and the entry is free; no other binding notices, and every count adds up.
#[test]
fn a_stranger_is_dropped_in_every_state_and_harms_no_other_binding() {
    let directory = equals(4);
    for stage in STAGES {
        let (mut host, entry, beside) = at_stage(stage, &directory);
        let (before, active) = (host.host.binding_counts(), host.host.active_bindings());
        let verbs = host.input(Input::Stranger(entry));
        assert_eq!(verbs[..2], [Verb::Notify(Notice::StrangerRefused), Verb::Abort(entry)], "{stage:?}");
        assert!(!verbs.contains(&Verb::Abort(beside)) && !verbs.contains(&Verb::Close(beside)), "{stage:?}: {verbs:?}");

        let after = host.host.binding_counts();
        let (refused, closed) = match stage {
            Stage::Connecting | Stage::WaitBindRequest | Stage::WaitBindCommit | Stage::WaitBindResponse => (1, 0),
            Stage::ActiveOutgoing | Stage::ActiveIncoming => (0, 1),
            Stage::Closing => (0, 0),
        };
        assert_eq!((after.refused - before.refused, after.closed - before.closed), (refused, closed), "{stage:?}");
        assert_eq!(u64::from(active - host.host.active_bindings()), closed, "{stage:?}");

        let still = host.receive(beside, Message::QueryMaster);
        assert_eq!(still, [Verb::Send(beside, Message::MasterIs { master: None })], "{stage:?}");
    }
}

/// A stranger who answers in the collector's place: the collector is out of reach, as if nobody had answered.
#[test]
fn a_stranger_in_the_collectors_place_leaves_it_out_of_reach() {
    let (mut host, collector) = ByHand::member_of(PEER, ME, &equals(4), settings(&[]));
    host.input(Input::Stranger(collector));
    let (entry, to) = host.first_call().expect("the collector is called again");
    assert_eq!(to, PEER);
    let verbs = host.input(Input::Stranger(entry));
    assert!(notices(&verbs).contains(&Notice::MasterUnreachable(HostIndex(PEER))), "{verbs:?}");
    assert_eq!(host.host.master(), None);
}

/// A binding with the collector that turns into a stranger's counts as broken: the member goes and asks.
#[test]
fn a_stranger_on_an_active_binding_with_the_collector_breaks_it() {
    let (mut by_stranger, collector) = ByHand::member_of(PEER, ME, &equals(4), settings(&[]));
    let (mut by_break, same) = ByHand::member_of(PEER, ME, &equals(4), settings(&[]));
    let verbs = by_stranger.input(Input::Stranger(collector));
    let broken = by_break.input(Input::Closed(same, Ending::Broken));
    assert_eq!(verbs[..2], [Verb::Notify(Notice::StrangerRefused), Verb::Abort(collector)]);
    assert_eq!(verbs[2..], broken[..]);
}
