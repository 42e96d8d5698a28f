//! What a host makes of questions and answers, driven by hand (IMA Information, "New Data Collector Election Process").

use imafarm_proto::host_record::HostIndex;
use imafarm_proto::input::Input;
use imafarm_proto::message::{Message, Preference, Question, Resolve, Resolved};
use imafarm_proto::outbox::Verb;
use imafarm_proto::time::Span;

use crate::by_hand::{ByHand, equals, id, settings};

/// An application that nobody publishes: the hosts here have no catalogue.
const UNKNOWN: Question = Question { request: 7, app: 0, preference: Preference::NONE };

/// What clients are told: the number of the question and the server.
fn told(verbs: &[Verb]) -> Vec<(u32, Option<HostIndex>)> {
    let told = verbs.iter().filter_map(|verb| {
        if let Verb::Direct { request, server, .. } = verb { Some((*request, *server)) } else { None }
    });
    told.collect()
}

fn asked(verbs: &[Verb]) -> Vec<Message> {
    let sent = verbs.iter().filter_map(|verb| {
        if let Verb::Send(_, message @ Message::Resolve(_)) = verb { Some(message.clone()) } else { None }
    });
    sent.collect()
}

fn resolved(request: u32, server: Option<u64>) -> Message {
    Message::Resolved(Box::new(Resolved { request, server: server.map(id), load: 100 }))
}

/// A member of host 2's, in a zone of three.
fn member() -> (ByHand, imafarm_proto::host_resolver::EntryIndex) {
    let mut host = ByHand::with_dynamic(1, &equals(3), settings(&[("ResolutionTimeout", 3_000)]));
    host.input(Input::Start);
    let (entry, _) = host.called_by(2);
    host.receive(entry, crate::by_hand::declare(2, 1_000_000));
    host.refuse_all();
    assert_eq!(host.host.master(), Some(HostIndex(2)));
    (host, entry)
}

/// A member asks its collector, and its client is told what that says, once.
#[test]
fn a_member_passes_the_collectors_answer_on() {
    let (mut host, entry) = member();
    let verbs = host.input(Input::Resolve(UNKNOWN));
    let question = Resolve { request: 7, app: 0, preference: Preference::NONE, relayed: false };
    assert_eq!(asked(&verbs), [Message::Resolve(Box::new(question))]);
    assert_eq!(told(&host.receive(entry, resolved(6, Some(1)))), [], "an answer to another question");
    assert_eq!(told(&host.receive(entry, resolved(7, Some(1)))), [(7, Some(HostIndex(0)))]);
    assert_eq!(told(&host.receive(entry, resolved(7, Some(2)))), [], "it has been answered");
}

/// A server that the farm does not have is none.
#[test]
fn an_answer_that_names_a_stranger_is_none() {
    let (mut host, entry) = member();
    host.input(Input::Resolve(UNKNOWN));
    assert_eq!(told(&host.receive(entry, resolved(7, Some(99)))), [(7, None)]);
}

/// Only the collector's word counts.
#[test]
fn an_answer_of_another_host_is_not_heard() {
    let (mut host, _) = member();
    host.input(Input::Resolve(UNKNOWN));
    let (other, _) = host.called_by(0);
    assert_eq!(told(&host.receive(other, resolved(7, Some(1)))), []);
}

/// After `ResolutionTimeout` a host answers by itself: here it publishes nothing.
#[test]
fn a_host_waits_no_longer_than_the_timeout() {
    let (mut host, _) = member();
    host.input(Input::Resolve(UNKNOWN));
    assert_eq!(told(&host.wait(Span::from_millis(2_999))), []);
    assert_eq!(told(&host.wait(Span::from_millis(1))), [(7, None)]);
}

/// A host that stops sends those away who wait, and whoever comes.
#[test]
fn a_host_that_stops_turns_clients_away() {
    let (mut host, _) = member();
    host.input(Input::Resolve(UNKNOWN));
    assert_eq!(told(&host.input(Input::Stop)), [(7, None)]);
    assert_eq!(told(&host.input(Input::Resolve(UNKNOWN))), [(7, None)]);
}

/// A member is no collector: what it is asked by others it does not answer.
#[test]
fn a_member_answers_no_questions() {
    let (mut host, _) = member();
    let (other, _) = host.called_by(0);
    let question = Resolve { request: 1, app: 0, preference: Preference::NONE, relayed: false };
    let verbs = host.receive(other, Message::Resolve(Box::new(question)));
    assert!(!verbs.iter().any(|verb| matches!(verb, Verb::Send(_, Message::Resolved(_)))), "{verbs:?}");
}
