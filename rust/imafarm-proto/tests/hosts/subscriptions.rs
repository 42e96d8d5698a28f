//! Subscriptions to a collector's tables. IMA Information, "What is the function of a zone": a collector hands changes on.
//! The product's SubscriptionManager is known by name alone, and that its subscriptions stayed when their owners left; how
//! ours works is our guess.

use core::slice::from_ref;

use imafarm_proto::host_record::HostIndex;
use imafarm_proto::input::Input;
use imafarm_proto::message::{Message, ServerUpdate, SessionEvent, Table};
use imafarm_proto::outbox::Notice;
use imafarm_proto::time::Span;

use crate::by_hand::{ByHand, declare, notices, said, settings};
use crate::dynamic::{
    COLLECTOR, MEMBER, OTHER, PEER, collector, load, member, met, registered, registers, session, up, zones,
};

const fn subscribe(table: Table, on: bool) -> Message {
    Message::Subscribe { table, on }
}

/// Who has subscribed to what.
fn subscribers(host: &ByHand) -> Vec<(u32, Table)> {
    host.host.dynamic().subscribers().iter().map(|(host, table)| (host.0, *table)).collect()
}

/// Each change of a table is told to whoever subscribed to it, and to nobody else.
#[test]
fn a_subscriber_hears_of_each_change_of_its_tables() {
    let mut host = collector(&[]);
    let (entry, beside) = (registered(&mut host, MEMBER), registered(&mut host, OTHER));
    for table in Table::ALL {
        host.receive(beside, subscribe(table, true));
        host.receive(beside, subscribe(table, true));
    }
    host.receive(entry, subscribe(Table::Servers, true));
    let changes = [
        (session(MEMBER, 2, SessionEvent::Connect, 1, Some(100)), vec![Table::Sessions, Table::Load]),
        (session(MEMBER, 3, SessionEvent::Disconnect, 1, Some(100)), vec![Table::Sessions]),
        (load(MEMBER, 3, 4_200), vec![Table::Load]),
        (load(MEMBER, 4, 4_200), vec![]),
        (registers(MEMBER, 5), vec![Table::Sessions, Table::Servers, Table::Load]),
        (registers(MEMBER, 6), vec![Table::Servers]),
    ];
    for (report, tables) in changes {
        let verbs = host.receive(entry, report);
        let told: Vec<Message> = tables.into_iter().map(|table| Message::TableChanged { table }).collect();
        assert_eq!(said(&verbs, beside), told);
    }
    host.receive(beside, subscribe(Table::Servers, false));
    assert_eq!(said(&host.receive(entry, registers(MEMBER, 7)), beside), []);
}

/// The collector may subscribe to its own tables.
#[test]
fn a_collector_hears_of_its_own_tables() {
    let mut host = collector(&[]);
    host.input(Input::Subscribe(Table::Sessions, true));
    let verbs = host.input(Input::Logon { user: 7, app: 0 });
    assert!(notices(&verbs).contains(&Notice::TableChanged(Table::Sessions)));
    host.input(Input::Subscribe(Table::Sessions, false));
    let verbs = host.input(Input::Logon { user: 7, app: 0 });
    assert_eq!(notices(&verbs), [Notice::SessionChanged(2, SessionEvent::Connect)]);
}

/// A host of another zone has a collector of its own to subscribe with.
#[test]
fn a_host_of_another_zone_does_not_subscribe_here() {
    let mut host = collector(&[]);
    let far = met(&mut host, PEER);
    host.receive(far, subscribe(Table::Sessions, true));
    assert_eq!(subscribers(&host), []);
}

/// They end with their owner: if it is lost, if it says that it stops, and if it begins a new life.
#[test]
fn subscriptions_end_with_their_owner() {
    let end: [fn(&mut ByHand, _); 3] = [
        |host, entry| {
            drop(
                host.receive(entry, Message::ServerUpdate(Box::new(ServerUpdate { up: false, ..up(MEMBER, 2, None) }))),
            )
        },
        |host, entry| drop(host.receive(entry, registers(MEMBER, 1))),
        |host, _| assert!(notices(&host.wait(Span::from_secs(90))).contains(&Notice::MemberLost(HostIndex(MEMBER)))),
    ];
    for end in end {
        let mut host = collector(&[]);
        let entry = registered(&mut host, MEMBER);
        host.receive(entry, subscribe(Table::Sessions, true));
        assert_eq!(subscribers(&host), [(MEMBER, Table::Sessions)]);
        end(&mut host, entry);
        assert_eq!(subscribers(&host), []);
    }
}

/// A host that lives on keeps its subscriptions, whatever becomes of its collector: they are part of all it has.
#[test]
fn subscriptions_go_along_with_each_registration() {
    let (mut host, entry) = member();
    let on = subscribe(Table::Load, true);
    assert_eq!(said(&host.input(Input::Subscribe(Table::Load, true)), entry), from_ref(&on));
    assert_eq!(said(&host.receive(entry, Message::FullUpdateRequest), entry)[1..], *from_ref(&on));
    let (new, _) = host.called_by(OTHER);
    assert_eq!(said(&host.receive(new, declare(OTHER, 0)), new)[2..], [on]);
    host.input(Input::Subscribe(Table::Load, false));
    assert_eq!(said(&host.receive(new, Message::FullUpdateRequest), new).len(), 1);
}

/// Whoever subscribes while there is no collector is heard by the next one, be it the same.
#[test]
fn a_subscription_made_without_a_collector_is_not_lost() {
    let (mut host, entry) = member();
    host.input(Input::Elect);
    assert_eq!(said(&host.input(Input::Subscribe(Table::Load, true)), entry), []);
    let said = said(&host.receive(entry, declare(COLLECTOR, 3_000_000)), entry);
    assert_eq!(said.last(), Some(&subscribe(Table::Load, true)));
}

/// A change of a table that nobody here wants to hear of any more is no news, and the collector is told so.
#[test]
fn news_that_nobody_wants_ends_the_subscription() {
    let (mut host, entry) = member();
    let news = Message::TableChanged { table: Table::Load };
    let verbs = host.receive(entry, news.clone());
    assert_eq!((said(&verbs, entry), notices(&verbs)), (vec![subscribe(Table::Load, false)], vec![]));
    host.input(Input::Subscribe(Table::Load, true));
    let verbs = host.receive(entry, news.clone());
    assert_eq!((said(&verbs, entry), notices(&verbs)), (vec![], vec![Notice::TableChanged(Table::Load)]));
    let (other, _) = host.called_by(OTHER);
    assert_eq!(host.receive(other, news), [], "it comes from the collector or not at all");
}

/// Nobody is told before it has subscribed, and one zone's hosts are enough to hold: nothing here is by farm.
#[test]
fn a_member_without_subscriptions_hears_nothing() {
    let mut host = ByHand::with_dynamic(COLLECTOR, &zones(), settings(&[])).reigning();
    let (entry, beside) = (registered(&mut host, MEMBER), registered(&mut host, OTHER));
    let verbs = host.receive(entry, session(MEMBER, 2, SessionEvent::Connect, 1, Some(100)));
    assert_eq!(said(&verbs, beside), []);
}
