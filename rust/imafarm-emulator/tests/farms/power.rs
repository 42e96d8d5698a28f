//! Hosts that crash, stop, freeze and come back: what the emulator owes them.

use imafarm_emulator::farm::Farm;
use imafarm_proto::time::Span;
use imafarm_proto::zone::Standing;

use crate::bench::{booted, run};
use imafarm_records::{Commanded, Observed};

/// A host that was down while its last deadline passed still meets its deadlines when it is back.
#[test]
fn a_crashed_host_wakes_up_again_after_its_restart() {
    let mut farm = booted(2, &[]);
    farm.crash(&[0, 1]);
    run(&mut farm, Span::from_secs(200));
    farm.start(&[1], Span::ZERO);
    run(&mut farm, Span::from_secs(30));
    assert_eq!(farm.standing(1), Standing::Master, "nobody answers it, so it declares itself");
}

/// As above, for a host that was stopped.
#[test]
fn a_stopped_host_wakes_up_again_after_its_restart() {
    let mut farm = booted(2, &[]);
    farm.crash(&[0]);
    farm.stop(&[1]);
    run(&mut farm, Span::from_secs(200));
    farm.start(&[1], Span::ZERO);
    run(&mut farm, Span::from_secs(30));
    assert_eq!(farm.standing(1), Standing::Master);
}

/// Deadlines that passed while a host was frozen come when it goes on, not before.
#[test]
fn a_frozen_host_meets_its_deadlines_late() {
    let mut farm = booted(3, &[]);
    farm.pause(&[1]);
    run(&mut farm, Span::from_secs(200));
    farm.resume(&[1]);
    run(&mut farm, Span::from_secs(30));
    assert_eq!(farm.standing(1), Standing::Member);
    assert_eq!(farm.check_conservation(), [""; 0]);
}

/// The same when the first thing that happens to it is a command.
#[test]
fn a_host_that_goes_on_can_be_stopped_at_once() {
    let mut farm = booted(3, &[("KeepAliveInterval", 1_000)]);
    farm.pause(&[0]);
    run(&mut farm, Span::from_secs(200));
    farm.resume(&[0]);
    farm.stop(&[0]);
    run(&mut farm, Span::from_secs(30));
    assert_eq!(farm.standing(0), Standing::Down);
    assert_eq!(farm.check_conservation(), [""; 0]);
}

/// A setting turned while a host runs holds from its next start on, whichever way it went down.
#[test]
fn a_setting_holds_from_the_next_start_on() {
    for go_down in [Farm::stop as fn(&mut Farm, &[u32]), Farm::crash] {
        let mut farm = booted(3, &[]);
        farm.set_setting(&[2], "KeepAliveInterval", 1_000).expect("in range");
        assert_eq!(farm.host(2).0.settings().keep_alive_interval, Span::from_secs(60));
        go_down(&mut farm, &[2]);
        run(&mut farm, Span::from_secs(20));
        farm.start(&[2], Span::ZERO);
        run(&mut farm, Span::from_secs(20));
        assert_eq!(farm.host(2).0.settings().keep_alive_interval, Span::from_secs(1));
    }
}

/// Stops and starts leave nothing behind.
#[test]
fn a_host_that_stops_and_starts_again_holds_no_more_than_before() {
    let mut farm = booted(4, &[]);
    let mut held = Vec::new();
    for _ in 0..40 {
        farm.stop(&[2]);
        run(&mut farm, Span::from_secs(20));
        farm.start(&[2], Span::ZERO);
        run(&mut farm, Span::from_secs(20));
        held.push((0..4).map(|host| farm.host(host).0.memory()).sum::<usize>());
    }
    assert_eq!(held[9], held[39]);
}
