//! Hosts that crash, stop, freeze and come back: what the emulator owes them.

use imafarm_proto::time::Span;
use imafarm_proto::zone::Standing;

use crate::bench::{booted, run};

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
