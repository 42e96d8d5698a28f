//! Caches that are smaller than the farm: every host still speaks to every other, a few at a time.

use std::sync::Arc;

use imafarm_proto::host_resolver::Directory;
use imafarm_proto::time::Span;
use imafarm_records::{Commanded, Observed};

use crate::bench::{part, plan, ring};
use crate::carrier::{Carrier, Weather};
use crate::elections::{check_stores, masters};

/// Long enough for two heartbeats of everyone.
const MINUTES: Span = Span::from_secs(150);

#[test]
fn a_farm_converges_with_four_entries_for_twelve_hosts() {
    for (parts, keyring, weather) in
        [(1, None, Weather::FAIR), (4, ring(2, None), Weather::FAIR), (2, None, Weather::FOUL)]
    {
        let entries = 4;
        let turned = [("MaxHostAddressCacheEntries", entries), ("StartElection", 1)];
        let plan = plan(&Arc::new(Directory::generate(12, 1)), &turned);
        let farms = (0..parts).map(|number| part(&plan, number, keyring.clone())).collect();
        let mut farm = Carrier::new(farms, 5, weather, |host| host as usize % usize::from(parts));
        let all = farm.hosts();
        farm.start(&all);
        farm.run(MINUTES);
        farm.weather = Weather::FAIR;
        farm.run(MINUTES);
        assert_eq!(masters(&farm), [Some(0); 12]);
        farm.each(&all, |farm, host| assert!(farm.logon(host, host, 0).is_some()));
        farm.run(MINUTES);
        check_stores(&farm);
        farm.stop(&[0]);
        farm.run(MINUTES);
        let master = Some(11);
        assert_eq!(masters(&farm)[1..], [master; 11]);
        let most = farm.most.iter().copied().max().expect("twelve hosts");
        assert!(most <= entries as usize, "{:?} connections, {entries} entries", farm.most);
        let evicted: u64 = farm.farms.iter().map(|farm| farm.totals(None).bindings.evicted).sum();
        assert!(evicted > 50, "{evicted} evictions: the caches were full");
    }
}
