//! Farms that begin bound: bindings that nobody had to make, and that end like any others.

use imafarm_emulator::farm::{Farm, Plan, TooFewEntries};
use imafarm_proto::host_record::HostIndex;
use imafarm_proto::message::Kind;
use imafarm_proto::time::{Span, Time};
use imafarm_records::{Commanded, Observed};

use crate::bench::{all, delivered, plan, run};

/// A zone of so many hosts that began bound, and agree on host 0.
fn bound(hosts: u32) -> Farm {
    let mut farm = Farm::new(Plan { bound: true, ..plan(hosts, 1, &[]) });
    farm.start(&all(&farm), Span::ZERO);
    run(&mut farm, Span::from_secs(30));
    assert_eq!(farm.chronicle().agreed(0), Some(0));
    farm
}

fn peers(farm: &Farm, host: u32) -> Vec<u32> {
    farm.host(host).0.peers_by_use().map(|peer| peer.0).collect()
}

fn handshakes(farm: &Farm) -> u64 {
    farm.ledger().total(Kind::BindRequest).sent.messages
}

#[test]
fn hosts_that_begin_bound_need_no_handshake() {
    let farm = bound(6);
    assert_eq!(handshakes(&farm), 0);
    for host in all(&farm) {
        let others: Vec<u32> = all(&farm).into_iter().filter(|&other| other != host).collect();
        assert_eq!(peers(&farm, host), others);
        assert_eq!(farm.host_totals(host).bindings.opened, 5);
    }
    assert_eq!(farm.check_conservation(), [""; 0]);
}

#[test]
fn a_host_that_does_not_run_has_no_binding() {
    let mut farm = Farm::new(Plan { bound: true, ..plan(4, 1, &[]) });
    assert!(peers(&farm, 1).is_empty());
    farm.start(&[0, 1, 2], Span::ZERO);
    run(&mut farm, Span::from_secs(20));
    assert_eq!(peers(&farm, 1), [0, 2, 3], "nobody has found yet that host 3 is not there");
    assert!(peers(&farm, 3).is_empty());
}

/// Whoever has spoken to a host before that was started knows that they are not bound, and so does the host.
#[test]
fn a_host_that_was_not_there_begins_without_whoever_asked() {
    let mut farm = Farm::new(Plan { bound: true, ..plan(4, 1, &[]) });
    farm.start(&[1, 2, 3], Span::ZERO);
    run(&mut farm, Span::from_secs(20));
    assert_eq!(peers(&farm, 1), [2, 3], "host 0 is asked first, being preferred, and is not there");
    farm.start(&[0], Span::ZERO);
    run(&mut farm, Span::from_millis(1));
    assert_eq!(farm.host_totals(0).bindings.opened, 0);
    run(&mut farm, Span::from_secs(20));
    assert_eq!(farm.chronicle().agreed(0), Some(0));
    assert!(handshakes(&farm) >= 3);
    assert_eq!(farm.check_conservation(), [""; 0]);
}

/// A crash is found when something is sent: 12.6 s later the sender gives the connection up.
#[test]
fn a_binding_to_a_host_that_crashed_breaks_when_it_is_used() {
    let mut farm = bound(5);
    farm.crash(&[4]);
    run(&mut farm, Span::from_secs(1));
    assert_eq!(peers(&farm, 0), [1, 2, 3, 4]);
    run(&mut farm, Span::from_secs(120));
    assert_eq!(peers(&farm, 0), [1, 2, 3], "the collector has pinged it");
    assert_eq!(peers(&farm, 1), [0, 2, 3, 4], "a member has had no reason to");
    assert_eq!(farm.check_conservation(), [""; 0]);
}

/// In its next life a host has to make its bindings, and whoever still takes one for active finds that it is none.
#[test]
fn the_second_life_begins_with_nothing() {
    let mut farm = bound(5);
    farm.restart(&[4]);
    run(&mut farm, Span::from_secs(20));
    assert_eq!(peers(&farm, 4), [0], "it has bound to the collector");
    assert_eq!(peers(&farm, 0), [1, 2, 3, 4]);
    assert_eq!(handshakes(&farm), 1);
    assert_eq!(farm.host_totals(0).bindings.opened, 5);
    // Host 2 still has the binding of the first life: what it sends on it is disowned.
    let before = farm.now();
    farm.elect(2);
    run(&mut farm, Span::from_secs(3));
    assert!(!delivered(&farm, Kind::ElectMaster, before).contains(&(2, 4)));
    assert!(!peers(&farm, 2).contains(&4));
    assert_eq!(farm.check_conservation(), [""; 0]);
}

#[test]
fn a_stop_closes_every_binding_in_order() {
    let mut farm = bound(6);
    let closed = farm.totals(None).bindings.closed;
    farm.stop(&[3]);
    run(&mut farm, Span::from_secs(1));
    assert!(all(&farm).into_iter().filter(|&host| host != 3).all(|host| !peers(&farm, host).contains(&3)));
    assert_eq!(farm.totals(None).bindings.closed - closed, 10, "five at each end");
    assert_eq!(farm.check_conservation(), [""; 0]);
}

#[test]
fn hosts_of_another_number_begin_unbound() {
    let base = plan(4, 1, &[]);
    let stranger = (HostIndex(2), imafarm_proto::message::MagicNumber(1));
    let mut farm = Farm::new(Plan { bound: true, host_magic: vec![stranger], ..base });
    farm.start(&all(&farm), Span::ZERO);
    run(&mut farm, Span::from_secs(1));
    assert!(peers(&farm, 2).is_empty());
    assert_eq!(farm.now(), Time::ZERO + Span::from_secs(1));
}

#[test]
fn a_plan_says_when_a_cache_is_too_small() {
    let check =
        |bound, hosts, entries| Plan { bound, ..plan(hosts, 2, &[("MaxHostAddressCacheEntries", entries)]) }.check();
    assert_eq!(check(true, 21, 9), Err(TooFewEntries { entries: 9, needed: 10 }));
    assert_eq!((check(true, 21, 10), check(false, 21, 9)), (Ok(()), Ok(())));
    let said = TooFewEntries { entries: 9, needed: 10 }.to_string();
    assert!(said.starts_with("MaxHostAddressCacheEntries: 9 ") && said.ends_with("takes 10"), "{said}");
}
