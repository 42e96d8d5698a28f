//! Any farm, through any faults, over a network that breaks connections; then time to heal.

use std::sync::Arc;

use imafarm_proto::host_resolver::Directory;
use imafarm_proto::input::SessionAct;
use imafarm_proto::time::Span;
use imafarm_records::totals::Power;
use imafarm_records::{Commanded, Observed};
use proptest::prelude::*;

use crate::bench::{Draw, part, plan, ring};
use crate::carrier::{Carrier, Weather};
use crate::elections::{Deed, check_stores, masters};

/// Longer than any host leaves another alone, and than two polls of the data store are apart.
const HEALED: Span = Span::from_secs(3_700);

fn trial(seed: u64, hosts: u32, zones: u32, parts: usize, entries: u64, keyed: bool) {
    let directory = Arc::new(Directory::generate(hosts, zones));
    let plan = plan(&directory, &[("MaxHostAddressCacheEntries", entries)]);
    let keyring = if keyed { ring(3, None) } else { None };
    let farms = (0..parts).map(|number| part(&plan, number as u8, keyring.clone())).collect();
    let mut farm = Carrier::new(farms, seed, Weather::FOUL, |host| host as usize % parts);
    let all = farm.hosts();
    farm.start(&all);
    let mut draw = Draw(seed);
    for _ in 0..40 {
        Deed::draw(&mut draw, hosts).carry_out(&mut farm);
        let host = draw.within(0..=u64::from(hosts) - 1) as u32;
        let load = draw.happens(500).then_some(host);
        farm.store_up = draw.happens(800);
        farm.each(&[host], |home, host| {
            if let Some(number) = home.logon(host, host, 0) {
                home.session(host, number, SessionAct::Disconnect);
            }
            home.set_load(&[host], load);
            home.change_configuration(host, 300);
            home.resolve(host, 0, Default::default());
        });
        farm.run(Span::from_millis(draw.within(0..=20_000)));
    }
    farm.weather = Weather::FAIR;
    farm.store_up = true;
    farm.each(&all, |home, host| home.resume(&[host]));
    farm.run(Span::from_secs(60));
    farm.start(&all);
    farm.run(HEALED);
    for &host in &all {
        assert_eq!(farm.at_home(host).host(host).1, Power::Up, "host {host}");
    }
    let views = masters(&farm);
    for zone in 0..zones {
        let of_zone: Vec<u32> =
            all.iter().copied().filter(|&host| farm.at_home(0).chronicle().zone_of(host) == zone).collect();
        let master = views[of_zone[0] as usize].expect("every host has a collector");
        assert!(of_zone.iter().all(|&host| views[host as usize] == Some(master)), "zone {zone}: {views:?}");
    }
    check_stores(&farm);
    for home in &farm.farms {
        assert_eq!(home.latest_change().max(farm.latest), farm.latest);
    }
    for &host in &all {
        assert_eq!(farm.at_home(host).change_of(host), farm.latest, "host {host}");
    }
    if parts == 1 {
        assert_eq!(farm.farms[0].check_stores(), Vec::<String>::new());
        assert_eq!(farm.farms[0].check_caches(), Vec::<String>::new());
        let quiet: u64 = farm.farms[0].in_flight().iter().map(|count| count.messages).sum();
        assert!(quiet < u64::from(hosts), "{quiet} messages are under way in a farm at rest");
    }
    farm.stop(&all);
    farm.run(Span::from_secs(60));
    for home in &farm.farms {
        assert_eq!(home.connections(), 0);
        assert_eq!(home.in_flight().iter().map(|count| count.messages).sum::<u64>(), 0);
    }
}

fn cases(cases: u32) -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if config.cases == 256 {
        config.cases = cases;
    }
    config
}

proptest! {
    #![proptest_config(cases(24))]
    #[test]
    fn a_farm_heals(
        seed in any::<u64>(),
        (hosts, zones) in (1..4u32).prop_flat_map(|zones| (zones.max(2)..15, Just(zones))),
        parts in 1..4usize,
        entries in prop_oneof![Just(512u64), 6..20u64],
        keyed in any::<bool>(),
    ) {
        trial(seed, hosts, zones, parts, entries, keyed);
    }
}
