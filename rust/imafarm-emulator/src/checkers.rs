//! What must hold of a farm that has come to rest. The judges are not on trial: they look at hosts from outside.

use imafarm_proto::dynamic_store::DynamicStore;
use imafarm_proto::host_record::{HostIndex, ZoneIndex};
use imafarm_proto::zone::Standing;

use crate::farm::{Farm, Power};

impl Farm {
    /// Checks that what collectors hold is what is: each running host is up with its own sessions and load in the store
    /// of its zone's collector and, but for the load unless it is shared, of every other zone's; no other host is up.
    /// What does not hold. While reports are under way it need not; once all is quiet it must.
    pub fn check_stores(&self) -> Vec<String> {
        let directory = self.directory();
        let zones = 0..directory.zone_count() as u32;
        let holders = zones.clone().filter_map(|zone| self.chronicle().agreed(zone).map(|master| (zone, master)));
        let mut broken = Vec::new();
        for (zone, holder) in holders {
            let Some(store) = self.dynamic_of(holder).store() else {
                broken.push(format!("{} is a collector without a store", directory.record(HostIndex(holder)).name));
                continue;
            };
            for about in zones.clone().filter(|&about| self.chronicle().agreed(about).is_some()) {
                let shared = self.host(holder).0.settings().share_load_information;
                self.check_store(holder, store, ZoneIndex(about), about == zone || shared, &mut broken);
            }
        }
        broken
    }

    fn check_store(
        &self,
        holder: u32,
        store: &DynamicStore,
        zone: ZoneIndex,
        knows_loads: bool,
        broken: &mut Vec<String>,
    ) {
        let directory = self.directory();
        let name = |host: u32| &*directory.record(HostIndex(host)).name;
        for &host in directory.zone_hosts(zone) {
            let runs = self.host(host.0).1 == Power::Up && self.standing(host.0) != Standing::Down;
            let held = store.server(directory, host).filter(|server| server.up);
            let own = self.dynamic_of(host.0);
            let said = match held {
                None if runs => "is not in the store".to_owned(),
                Some(_) if !runs => "is up in the store, and is not".to_owned(),
                Some(held) if held.sessions != own.sessions().all() => {
                    format!("has {} sessions, in the store {}", own.sessions().all().len(), held.sessions.len())
                }
                Some(held) if held.load != knows_loads.then(|| own.load()) => {
                    format!("has a load of {}, in the store {:?}", own.load(), held.load)
                }
                Some(_) | None => continue,
            };
            broken.push(format!("{}, as {} holds it: {said}", name(host.0), name(holder)));
        }
    }
}
