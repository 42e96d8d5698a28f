//! Who binds with whom in a farm with keys, while they are changed, and who is turned away.

use std::sync::Arc;

use imafarm_proto::host_resolver::Directory;
use imafarm_proto::time::Span;
use imafarm_proto::transport::seal::Keyring;
use imafarm_records::Observed;

use crate::bench::{WHILE, part, plan, ring};
use crate::carrier::{Carrier, Weather};
use crate::elections::{check_stores, masters};

const OLD: u8 = 1;
const NEW: u8 = 2;

/// The keys of one process, the spoken one first.
type Keys = &'static [u8];

/// What a process goes through while the key of its farm is changed, and what it never should.
const EVERY: [Keys; 6] = [&[OLD], &[OLD, NEW], &[NEW, OLD], &[NEW], &[3], &[]];

fn keyring(keys: Keys) -> Option<Keyring> {
    keys.first().and_then(|&spoken| ring(spoken, keys.get(1).copied()))
}

/// One farm of hosts that each live in a process with these keys.
fn farm(keys: &[Keys], seed: u64) -> Carrier {
    let plan = plan(&Arc::new(Directory::generate(keys.len() as u32, 1)), &[]);
    let farms = keys.iter().zip(0..).map(|(keys, number)| part(&plan, number, keyring(keys))).collect();
    Carrier::new(farms, seed, Weather::FAIR, |host| host as usize)
}

/// Whether a host with the keys `mine` binds with one that it calls: that one speaks under its own first.
fn lets_in(mine: Keys, called: Keys) -> bool {
    match called.first() {
        Some(spoken) => mine.contains(spoken),
        None => mine.is_empty(),
    }
}

#[test]
fn a_caller_binds_if_it_has_the_key_that_is_spoken_to_it() {
    for (mine, theirs) in EVERY.iter().flat_map(|mine| EVERY.iter().map(move |theirs| (*mine, *theirs))) {
        let mut farm = farm(&[theirs, mine], 11);
        farm.start(&[0, 1]);
        farm.run(WHILE);
        let (up, down) = (lets_in(mine, theirs), lets_in(theirs, mine));
        assert_eq!(farm.bound.contains(&(1, 0)), up, "{mine:?} calls {theirs:?}");
        // Once bound, the first speaks on that connection, and need not call.
        assert!(farm.bound.iter().all(|&pair| pair == (1, 0) || down), "{theirs:?} calls {mine:?}");
        let together = [Some(0), if up || down { Some(0) } else { Some(1) }];
        assert_eq!(masters(&farm), together, "{mine:?} and {theirs:?}");
        let in_vain = farm.opens - farm.refused - farm.bound.len() as u64;
        if up && down {
            assert_eq!(farm.reasons, []);
        } else if !up && !down {
            assert_eq!(farm.reasons.len() as u64, in_vain, "one reason each: {:?}", farm.reasons);
            assert!(in_vain >= 2, "both have tried");
        }
        for (host, why) in &farm.reasons {
            let (of_host, of_other) = if *host == 1 { (mine, theirs) } else { (theirs, mine) };
            let word = match (of_host.is_empty(), of_other.is_empty()) {
                (true, _) => "byte 6 of the stream: a seal of 48 bytes is declared, 0 are due",
                (_, true) => "byte 6 of the stream: a seal of 0 bytes is declared, 48 are due",
                (false, false) => "the seal does not fit",
            };
            assert!(why.contains(word), "{why:?} of {of_host:?}, who met {of_other:?}");
        }
    }
}

/// Old everywhere, then both, then the new one spoken, then the new one alone: one process after the other, and the farm
/// is one all the time.
#[test]
fn a_key_is_changed_while_the_farm_runs() {
    const PROCESSES: usize = 3;
    let directory = Arc::new(Directory::generate(7, 1));
    let plan = plan(&directory, &[]);
    let farms = (0..PROCESSES).map(|number| part(&plan, number as u8, keyring(EVERY[0]))).collect();
    let mut farm = Carrier::new(farms, 3, Weather::FAIR, |host| host as usize % PROCESSES);
    let all = farm.hosts();
    farm.start(&all);
    farm.run(WHILE);
    let mut fresh = PROCESSES as u8;
    for keys in &EVERY[1..4] {
        for process in 0..PROCESSES {
            farm.replace(process, part(&plan, fresh, keyring(keys)));
            fresh += 1;
            farm.run(Span::from_secs(20));
            let hosts: Vec<u32> = all.iter().copied().filter(|host| *host as usize % PROCESSES == process).collect();
            farm.start(&hosts);
            farm.run(WHILE);
            assert_eq!(masters(&farm), [Some(0); 7], "process {process} has {keys:?}");
            check_stores(&farm);
        }
    }
    assert_eq!(farm.reasons, [], "nobody was turned away");
}

/// A process that was left out: it is turned away by all the others, which go on as if it were not there.
#[test]
fn whoever_has_another_key_harms_nobody() {
    for &stranger in &EVERY[4..] {
        let mut farm = farm(&[&[OLD], &[OLD], stranger, &[OLD]], 9);
        farm.start(&[0, 1, 2, 3]);
        farm.run(WHILE);
        assert_eq!(masters(&farm), [Some(0), Some(0), Some(2), Some(0)]);
        assert!(farm.bound.iter().all(|&(from, to)| from != 2 && to != 2), "{:?}", farm.bound);
        let members: u64 = [0, 1, 3].map(|host| farm.at_home(host).totals(None).elections.won).iter().sum();
        assert_eq!(members, 1, "the others have elected once");
        // Nobody calls the stranger, or is called by it, more often than messages are due.
        assert!((2..=60).contains(&farm.reasons.len()), "{} in {WHILE}", farm.reasons.len());
        farm.crash(&[0]);
        farm.run(WHILE);
        assert_eq!(masters(&farm)[1..], [Some(3), Some(2), Some(3)]);
    }
}
