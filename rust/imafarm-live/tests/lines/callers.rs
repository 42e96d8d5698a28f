//! Callers that come in masses, go away unanswered, or say things before they are asked; and reports that make no sense.

use imafarm_live::act::{Conn, End, Wish};
use imafarm_live::farm::Pair;
use imafarm_proto::message::Message;
use imafarm_proto::time::{Span, Time};
use imafarm_records::totals::Power;
use imafarm_records::{Commanded, Observed};

use crate::by_hand::{ByHand, ME, OTHER, PEER, about, opened};

/// A host that is bound to [`OTHER`], calls [`PEER`], and may answer one caller at a time.
fn busy(turned: &[(&str, u64)]) -> (ByHand, Conn, Conn) {
    let limits = [("MaxBindingsInProgress", 2), ("StartElection", 1)];
    let mut host = ByHand::new(&[&limits, turned].concat(), None);
    let calls = opened(&host.started());
    let [(called, OTHER)] = calls[..] else { panic!("one call at a time: {calls:?}") };
    let next = opened(&host.answer(called, OTHER));
    let [(next, PEER)] = next[..] else { panic!("one call after the other: {next:?}") };
    host.heard(called);
    (host, called, next)
}

/// The same with a caller who was answered, and has not said who it is: whoever else calls has to wait.
fn full(turned: &[(&str, u64)]) -> (ByHand, Conn, Conn) {
    let (mut host, beside, _) = busy(turned);
    let (caller, acts) = host.call();
    assert!(acts.contains(&Wish::Accept(caller)), "{acts:?}");
    (host, beside, caller)
}

#[test]
fn a_caller_that_goes_unanswered_leaves_nothing_behind() {
    let (mut host, beside, caller) = full(&[]);
    let (connections, memory) = (host.farm.connections(), host.farm.memory());
    let waiting: Vec<Conn> = (0..50)
        .map(|_| {
            let (conn, acts) = host.call();
            assert_eq!(acts, [], "it has to wait");
            conn
        })
        .collect();
    assert_eq!(host.farm.connections(), connections + waiting.len());
    for &conn in &waiting {
        assert_eq!(host.end(conn, End::Broken), []);
        assert_eq!(host.end(conn, End::Finished), [], "once is enough");
    }
    assert_eq!(host.farm.connections(), connections);
    // Its turn comes, and is gone: the host neither answers nor waits for it, and takes the next.
    let (last, acts) = host.call();
    assert_eq!(acts, []);
    let acts = host.say(caller, &ByHand::response(PEER));
    assert!(acts.contains(&Wish::Accept(last)), "{acts:?}");
    assert!(waiting.iter().all(|conn| !about(&acts).contains(conn)), "nothing is done to who is gone: {acts:?}");
    // What is kept for bindings grows with the most there were at once; 50 callers' worth it is not.
    assert!(host.farm.memory() < memory + 50 * 64, "{} bytes, {memory} before", host.farm.memory());
    assert_eq!(host.farm.check_conservation(), Vec::<String>::new());
    host.say(beside, &Message::QueryMaster);
    assert_eq!(host.heard(beside), [Message::MasterIs { master: None }]);
}

/// As many as may wait, all gone before their turn, which comes for all of them at once.
#[test]
fn tens_of_thousands_who_are_gone_cost_no_more_than_the_first() {
    let (mut host, beside, caller) = full(&[]);
    let most = host.farm.settings(ME).max_waiting_calls;
    let waiting: Vec<Conn> = (0..most).map(|_| host.farm.incoming(ME, None, host.now)).collect();
    let refused = host.farm.incoming(ME, None, host.now);
    assert_eq!(host.acts(), [Wish::Refuse(refused)], "MaxWaitingCalls of them wait");
    for conn in waiting {
        host.farm.ended(conn, End::Broken, host.now);
    }
    let acts = host.end(caller, End::Broken);
    assert_eq!(opened(&acts).len() + about(&acts).len(), 0, "{acts:?}");
    let (next, acts) = host.call();
    assert!(acts.contains(&Wish::Accept(next)), "{acts:?}");
    host.say(beside, &Message::QueryMaster);
    assert_eq!(host.heard(beside), [Message::MasterIs { master: None }]);
}

/// What is kept of who went unanswered goes when their turn comes.
#[test]
fn callers_who_are_gone_leave_no_trace() {
    let (mut host, _, caller) = full(&[]);
    let round = |host: &mut ByHand, caller: Conn| {
        for number in 0..100 {
            let conn = host.farm.incoming(ME, Some(Pair(number)), host.now);
            host.farm.ended(conn, End::Finished, host.now);
        }
        host.end(caller, End::Broken);
        let (next, acts) = host.call();
        assert!(acts.contains(&Wish::Accept(next)), "{acts:?}");
        (next, host.farm.memory())
    };
    let (mut caller, mut memory) = (caller, Vec::new());
    for _ in 0..60 {
        let (next, bytes) = round(&mut host, caller);
        memory.push(bytes);
        caller = next;
    }
    let (few, many) = memory.split_at(10);
    assert!(many.iter().max() <= few.iter().max(), "bytes after each round: {memory:?}");
}

#[test]
fn no_more_callers_wait_than_may() {
    let (mut host, ..) = full(&[("MaxWaitingCalls", 3)]);
    for place in 0..9 {
        let (conn, acts) = host.call();
        let expected = if place < 3 { vec![] } else { vec![Wish::Refuse(conn)] };
        assert_eq!(acts, expected, "caller {place}");
    }
    assert_eq!(host.farm.totals(None).bindings.refused, 6);
}

/// What a caller says before it is answered is not read, however much it is.
#[test]
fn what_a_caller_says_too_early_is_left_aside() {
    let (mut host, _, caller) = full(&[]);
    let (early, acts) = host.call();
    assert_eq!(acts, []);
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"IMAF", &[0; 4_096]] {
        assert!(!host.farm.receive(early, bytes, host.now));
        assert_eq!(host.acts(), []);
    }
    let acts = host.say(caller, &ByHand::response(PEER));
    assert!(acts.contains(&Wish::Accept(early)), "{acts:?}");
    let acts = host.say(early, &ByHand::response(4));
    assert!(acts.contains(&Wish::Bound(early, 4)), "what counts is what it says then: {acts:?}");
}

#[test]
fn a_host_that_goes_turns_away_who_waits() {
    for in_good_order in [true, false] {
        let (mut host, beside, caller) = full(&[]);
        let waiting: Vec<Conn> = (0..5).map(|_| host.call().0).collect();
        if in_good_order {
            host.farm.stop(&[ME]);
            let acts = host.acts();
            assert_eq!(acts.last(), Some(&Wish::Stopped));
            assert!(waiting.iter().all(|&conn| acts.contains(&Wish::Refuse(conn))), "{acts:?}");
            assert!(acts.contains(&Wish::Close(beside)) && acts.contains(&Wish::Abort(caller, None)), "{acts:?}");
        } else {
            host.farm.crash(&[ME]);
            assert_eq!(host.acts(), [], "a host that is gone does nothing");
        }
        assert_eq!(host.farm.connections(), 0);
        for conn in [&waiting[..], &[beside, caller]].concat() {
            assert!(!host.farm.receive(conn, b"IMAF", host.now));
            assert_eq!(host.farm.ended(conn, End::Broken, host.now), None);
        }
        assert_eq!(host.acts(), []);
        assert_eq!(host.farm.next_deadline(), None, "nothing is due on a host that is down");
        let (late, acts) = host.call();
        assert_eq!(acts, [Wish::Refuse(late)], "nobody is there");
        assert_eq!(host.farm.check_conservation(), Vec::<String>::new());
        host.farm.start(&[ME]);
        host.started();
        assert_eq!(host.farm.host(ME).1, Power::Up);
    }
}

#[test]
fn reports_of_what_never_was_change_nothing() {
    let (mut host, beside, _) = full(&[]);
    let (connections, deadline) = (host.farm.connections(), host.farm.next_deadline());
    for conn in [Conn(0), Conn(999), Conn(u64::MAX)] {
        host.farm.connected(conn, Some(Pair(1)));
        assert!(!host.farm.receive(conn, b"IMAF", host.now));
        assert_eq!(host.farm.ended(conn, End::Finished, host.now), None);
    }
    for ticket in [0, 1, u32::MAX].map(imafarm_proto::input::Ticket) {
        host.farm.answered(ME, ticket, 0, 0, host.now);
        host.farm.wrote(ME, ticket, 0, host.now);
        host.farm.store_is_down(ME, ticket, host.now);
        // Of a host that does not live here.
        host.farm.answered(OTHER, ticket, 0, 0, host.now);
    }
    assert_eq!(host.acts(), []);
    assert_eq!((host.farm.connections(), host.farm.next_deadline()), (connections, deadline));
    host.say(beside, &Message::QueryMaster);
    assert_eq!(host.heard(beside), [Message::MasterIs { master: None }]);
}

#[test]
fn time_does_not_go_back() {
    let (mut host, beside, _) = full(&[]);
    host.wait(Span::from_secs(2));
    let (late, deadline) = (host.farm.now(), host.farm.next_deadline());
    host.farm.advance(Time(1));
    host.farm.receive(beside, &[], Time::ZERO);
    assert_eq!((host.farm.now(), host.farm.next_deadline()), (late, deadline));
    host.now = Time::ZERO;
    host.say(beside, &Message::QueryMaster);
    assert_eq!(host.heard(beside).len(), 1);
    assert_eq!(host.farm.now(), late);
}

/// A long sleep of the machine: all deadlines are late, and each is met once.
#[test]
fn time_may_leap() {
    let (mut host, ..) = full(&[]);
    host.wait(Span::from_secs(40 * 24 * 3_600));
    assert!(host.farm.next_deadline().is_some_and(|when| when > host.now));
    assert_eq!(host.farm.check_conservation(), Vec::<String>::new());
}

/// Callers who never say who they are hold a place until `BindTimeout`, and no longer.
#[test]
fn a_silent_caller_is_given_up() {
    let (mut host, _, caller) = full(&[]);
    let (next, acts) = host.call();
    assert_eq!(acts, []);
    let acts = host.wait(host.farm.settings(ME).bind_timeout);
    assert!(acts.contains(&Wish::Abort(caller, None)), "{acts:?}");
    assert!(acts.contains(&Wish::Accept(next)), "{acts:?}");
}

/// A frozen host hears in order what has come meanwhile, and does nothing to connections whose end was reported.
#[test]
fn a_frozen_host_acts_on_nothing_that_has_ended() {
    let (mut host, beside, called) = busy(&[]);
    let (caller, _) = host.call();
    host.say(called, &ByHand::request(PEER));
    host.farm.pause(&[ME]);
    let said = [
        (beside, host.frame(beside, &Message::QueryMaster)),
        (caller, host.frame(caller, &ByHand::response(5))),
        (called, host.frame(called, &Message::BindCommit)),
    ];
    for (conn, bytes) in &said {
        assert_eq!(host.say_bytes(*conn, &bytes[..9]), []);
        assert_eq!(host.say_bytes(*conn, &bytes[9..]), []);
    }
    let (waits, acts) = host.call();
    assert_eq!(acts, []);
    for (conn, _) in &said {
        assert_eq!(host.end(*conn, End::Broken), []);
        assert_eq!(host.say_bytes(*conn, b"IMAF"), [], "nothing comes behind the end");
        assert_eq!(host.end(*conn, End::Finished), [], "nor another end");
    }
    let before = host.farm.connections();
    host.farm.resume(&[ME]);
    let acts = host.acts();
    assert!(said.iter().all(|(conn, _)| !about(&acts).contains(conn)), "{acts:?}");
    assert!(acts.contains(&Wish::Accept(waits)), "{acts:?}");
    assert_eq!(host.farm.connections(), before + opened(&acts).len());
    assert_eq!(host.farm.totals(None).bindings.opened, 3, "it has heard all that was said");
    assert_eq!(host.farm.check_conservation(), Vec::<String>::new());
}

/// Nor does it close one to make room for a caller.
#[test]
fn a_frozen_host_closes_nothing_that_has_ended() {
    let mut host = ByHand::new(&[("MaxHostAddressCacheEntries", 2), ("StartElection", 1)], None);
    let calls = host.started();
    host.refuse_all(&calls, ME);
    let (oldest, newest) = (host.called_by(OTHER), host.called_by(PEER));
    host.farm.pause(&[ME]);
    let (caller, acts) = host.call();
    assert_eq!(acts, []);
    host.end(oldest, End::Broken);
    host.farm.resume(&[ME]);
    let acts = host.acts();
    assert!(acts.contains(&Wish::Accept(caller)), "{acts:?}");
    assert!(![oldest, newest].iter().any(|conn| about(&acts).contains(conn)), "{acts:?}");
    assert_eq!(host.farm.totals(None).bindings.evicted, 1, "as far as it knew, it had to");
}

/// A wish that was on its way when its host was lost is made all the same, as in the emulator.
#[test]
fn a_wish_outlasts_its_host() {
    let (mut host, ..) = full(&[]);
    let order = host.farm.publish(ME, "Calc", imafarm_proto::applications::Servers::All).expect("the host runs");
    let acts = host.acts();
    let [Wish::Consult(ticket, _)] = acts[..] else { panic!("{acts:?}") };
    host.farm.crash(&[ME]);
    host.farm.start(&[ME]);
    let acts = host.acts();
    assert!(!acts.iter().any(|act| matches!(act, Wish::Consult(other, _) if *other == ticket)), "{acts:?}");
    host.farm.wrote(ME, ticket, 1, host.now);
    assert_eq!(host.farm.order_state(order), Some(imafarm_records::totals::Order::Made(1)));
    assert_eq!(host.farm.applications().by_name("Calc"), Some(1));
    assert_eq!(host.farm.latest_change(), 1);
    host.farm.store_is_down(ME, ticket, host.now);
    assert_eq!(host.farm.order_state(order), Some(imafarm_records::totals::Order::Made(1)), "that was the answer");
}

/// The store is there, and does not take the change: nobody hears of it, and the store counts as reached.
#[test]
fn a_wish_may_be_refused() {
    let (mut host, ..) = full(&[]);
    let order = host.farm.publish(ME, "Calc", imafarm_proto::applications::Servers::All).expect("the host runs");
    let acts = host.acts();
    let [Wish::Consult(ticket, _)] = acts[..] else { panic!("{acts:?}") };
    host.farm.answered(ME, ticket, 4, 0, host.now);
    assert_eq!(host.acts(), [], "there is nothing to tell");
    assert_eq!(host.farm.order_state(order), Some(imafarm_records::totals::Order::Refused));
    assert_eq!(host.farm.applications().by_name("Calc"), None);
    assert_eq!((host.farm.latest_change(), host.farm.host(ME).0.cache().changes().up_to()), (4, 4));
    assert_eq!(host.farm.host(ME).0.configuration().counts(host.now).failing, Span::ZERO);
}
