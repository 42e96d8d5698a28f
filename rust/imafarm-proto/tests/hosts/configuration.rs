//! A host and the data store, by hand: CTX114843, "Bandwidth of Server to Data Store Communication" and "Farm
//! Communication".

use imafarm_proto::host_resolver::EntryIndex;
use imafarm_proto::input::{Answer, Change, Input, Ticket};
use imafarm_proto::message::{Filler, Message};
use imafarm_proto::outbox::{Consult, Notice, Verb};
use imafarm_proto::profile::Product;
use imafarm_proto::time::{Span, Time};
use imafarm_proto::zone::Standing;

use crate::by_hand::{ByHand, called, equals, messages, notices, settings};

const SIX_MINUTES: Span = Span::from_secs(360);
const EMPTY: Answer = Answer::Read { latest: 0, bytes: 0 };

/// A host for which the test is the data store, asked to start; what it asks.
fn starting(me: u32, turned: &[(&str, u64)]) -> (ByHand, Ticket, Consult) {
    let mut host = ByHand::new(me, &equals(3), settings(turned));
    host.shows_store = true;
    let verbs = host.input(Input::Start);
    let [(ticket, consult)] = consults(&verbs)[..] else { panic!("one question, and nothing else: {verbs:?}") };
    assert_eq!(verbs.len(), 1);
    (host, ticket, consult)
}

fn consults(verbs: &[Verb]) -> Vec<(Ticket, Consult)> {
    let asked = verbs
        .iter()
        .filter_map(|verb| if let Verb::Consult(ticket, consult) = verb { Some((*ticket, **consult)) } else { None });
    asked.collect()
}

fn change(change: u32) -> Message {
    Message::ConfigChange { change, bytes: 500, filler: Filler(0) }
}

/// A member of host 2, in step with a data store without changes; and the binding between them.
fn member(turned: &[(&str, u64)]) -> (ByHand, EntryIndex) {
    ByHand::member_of(2, 0, &equals(3), settings(turned))
}

/// CTX114843, "Initial Boot of a Presentation Server Farm": the service is initialised first, and then the server registers
/// with its collector. Until the store has answered it calls nobody and turns everybody away.
#[test]
fn a_start_reads_the_data_store_before_it_looks_for_a_collector() {
    let (mut host, ticket, consult) = starting(0, &[]);
    let profile = Product::Ps45.profile();
    let Consult::Start { round_trips, work, bytes } = consult else { panic!("{consult:?}") };
    assert_eq!((round_trips, work), (8_673, Span::from_millis(32_653)));
    assert_eq!(bytes, profile.store_read_bytes(4), "three hosts here and one elsewhere");
    assert!(matches!(host.try_call()[..], [Verb::Refuse(_)]));
    assert_eq!(host.input(Input::Elect), []);
    host.now = Time::ZERO + Span::from_secs(50);
    let verbs = host.input(Input::Consulted(ticket, Answer::Read { latest: 4, bytes }));
    assert_eq!(notices(&verbs)[..2], [Notice::ChangeLearnt(4), Notice::Started]);
    assert_eq!(called(&verbs), [2], "the highest-ranked host is asked for the collector");
    let counts = host.host.configuration().counts(host.now);
    assert_eq!((counts.reads, counts.bytes_read), (1, bytes));
}

/// CTX114843, "Bandwidth of Server to Data Store Communication": a start that takes long is an error that is benign.
#[test]
fn a_start_that_takes_long_is_told_of_once_and_goes_on() {
    let (mut host, ticket, _) = starting(0, &[]);
    assert_eq!(notices(&host.wait(Span(SIX_MINUTES.0 - 1))), []);
    assert_eq!(notices(&host.wait(Span(1))), [Notice::ServiceTimedOut]);
    assert_eq!(host.wait(SIX_MINUTES), []);
    assert!(notices(&host.input(Input::Consulted(ticket, EMPTY))).contains(&Notice::Started));
}

/// An answer to a question of an earlier life, or to none, is not taken for one to this.
#[test]
fn an_answer_to_another_question_starts_nothing() {
    let (mut host, ticket, _) = starting(0, &[]);
    host.host = host.host.anew(crate::by_hand::MAGIC, settings(&[]));
    let again = host.input(Input::Start);
    for wrong in [ticket, Ticket(99)] {
        assert_eq!(host.input(Input::Consulted(wrong, EMPTY)), []);
    }
    assert_eq!(host.host.standing(), Standing::Down);
    let verbs = host.input(Input::Consulted(consults(&again)[0].0, EMPTY));
    assert_eq!(notices(&verbs), [Notice::Started]);
}

#[test]
fn a_service_that_has_not_started_yet_stops_at_once() {
    let (mut host, ticket, _) = starting(0, &[]);
    assert_eq!(notices(&host.input(Input::Stop)), [Notice::Stopped]);
    assert_eq!(host.input(Input::Consulted(ticket, EMPTY)), []);
    assert_eq!(host.host.next_deadline(), None);
}

/// Known of the product: `PsRequired` is 0 by default, and a host with a filled cache starts from it; one with an empty cache
/// does not.
#[test]
fn without_the_data_store_a_filled_cache_starts_a_service() {
    for (required, filled) in [(0, true), (1, true), (0, false), (1, false)] {
        let (mut host, mut ticket, _) = starting(0, &[("PsRequired", required)]);
        if filled {
            host.input(Input::Consulted(ticket, EMPTY));
            let own = settings(&[("PsRequired", required)]);
            host.host = host.host.anew(crate::by_hand::MAGIC, own);
            ticket = consults(&host.input(Input::Start))[0].0;
        }
        let told = notices(&host.input(Input::Consulted(ticket, Answer::Down)));
        let expected: &[Notice] = match (required, filled) {
            (0, true) => &[Notice::StoreUnreachable, Notice::Started, Notice::StartedFromCache],
            _ => &[Notice::StoreUnreachable, Notice::StartRefused],
        };
        assert_eq!(told, expected, "PsRequired {required}, filled {filled}");
    }
}

/// Known of the product: every 30 minutes (0x1B7740 ms) a host asks for what it has missed.
#[test]
fn a_host_polls_the_data_store_every_half_hour() {
    let (mut host, _) = member(&[("KeepAliveInterval", 86_400_000)]);
    host.shows_store = true;
    let mut polls = Vec::new();
    while polls.len() < 4 {
        for (ticket, consult) in consults(&host.next_deadline()) {
            assert!(matches!(consult, Consult::Poll { known } if known == host.host.cache().changes()));
            host.input(Input::Consulted(ticket, Answer::Read { latest: polls.len() as u32, bytes: 10 }));
            polls.push(host.now);
        }
    }
    assert!(polls.windows(2).all(|pair| pair[1] - pair[0] == Span::from_millis(0x1B_7740)), "{polls:?}");
    assert_eq!(host.host.cache().changes().up_to(), 3);
    assert_eq!(host.host.cache().in_step(), Some(polls[3]));
}

/// CTX114843, "Farm Communication": a member hears of changes from its collector. Our guess: it believes nobody else.
#[test]
fn a_member_hears_of_changes_from_its_collector_alone() {
    let (mut host, on) = member(&[]);
    let (stranger, _) = host.called_by(1);
    assert_eq!(notices(&host.receive(stranger, change(1))), []);
    assert_eq!(notices(&host.receive(on, change(1))), [Notice::ChangeLearnt(1)]);
    assert_eq!(notices(&host.receive(on, change(1))), [], "once");
    assert_eq!(notices(&host.receive(on, change(3))), [Notice::ChangeLearnt(3)]);
    assert_eq!(host.host.cache().changes().up_to(), 1, "2 is missing");
    assert_eq!(messages(&host.receive(on, change(u32::MAX))), [], "too far ahead to be kept in mind");
}

/// CTX114843, "Farm Communication": the change goes to the data store before anybody hears of it; and to nobody if the store
/// is down.
#[test]
fn a_change_is_written_before_it_is_told() {
    let (mut host, _) = member(&[]);
    host.shows_store = true;
    let asked = consults(&host.input(Input::Change(Change { order: 5, bytes: 100 })));
    let [(ticket, Consult::Write { order: 5, bytes: 100 })] = asked[..] else { panic!("{asked:?}") };
    let verbs = host.input(Input::Consulted(ticket, Answer::Written { change: 1 }));
    let told = messages(&verbs);
    let [Message::ConfigChange { change: 1, bytes: 100, .. }] = told[..] else { panic!("{told:?}") };
    assert_eq!(told[0].encoded_len(), 100);
    assert_eq!(notices(&verbs), [Notice::ChangeLearnt(1)]);
    let (ticket, _) = consults(&host.input(Input::Change(Change { order: 6, bytes: 100 })))[0];
    let verbs = host.input(Input::Consulted(ticket, Answer::Down));
    assert_eq!((messages(&verbs), notices(&verbs)), (vec![], vec![Notice::StoreUnreachable]));
    assert_eq!(host.host.cache().changes().up_to(), 1);
}
