//! What must hold of a farm. The judges are not on trial: they look at hosts from outside.

use imafarm_proto::bindings::BindingCounts;
use imafarm_proto::dynamic_store::DynamicStore;
use imafarm_proto::host_record::{HostIndex, ZoneIndex};
use imafarm_proto::message::Kind;
use imafarm_proto::zone::Standing;

use crate::observed::Observed;
use crate::totals::Power;

/// See [`Observed::check_conservation`].
pub fn conservation<F: Observed + ?Sized>(farm: &F) -> Vec<String> {
    let (in_flight, ledger) = (farm.in_flight(), farm.accounts());
    let mut broken = Vec::new();
    for kind in Kind::ALL {
        let tally = ledger.total(kind);
        let mut accounted = tally.delivered;
        accounted.merge(tally.dropped);
        accounted.merge(in_flight[kind.index()]);
        if accounted != tally.sent {
            broken.push(format!("{}: sent {:?}, accounted for {accounted:?}", kind.name(), tally.sent));
        }
    }
    broken.extend(farm.check_own());
    let totals = farm.totals(None);
    let BindingCounts { opened, evicted, closed, .. } = totals.bindings;
    if opened != evicted + closed + totals.active {
        broken.push(format!("bindings: opened {opened}, evicted {evicted}, closed {closed}, active {}", totals.active));
    }
    broken
}

/// See [`Observed::check_caches`].
pub fn caches<F: Observed + ?Sized>(farm: &F) -> Vec<String> {
    let latest = farm.latest_change();
    let behind = farm.directory().hosts().filter(|host| farm.runs(host.0) && farm.change_of(host.0) != latest);
    let said = behind.map(|host| {
        let name = &farm.directory().record(host).name;
        format!("{name} knows of the changes up to {}, the data store has {latest}", farm.change_of(host.0))
    });
    said.collect()
}

/// See [`Observed::check_stores`].
pub fn stores<F: Observed + ?Sized>(farm: &F) -> Vec<String> {
    let directory = farm.directory();
    let zones = 0..directory.zone_count() as u32;
    let holders = zones.clone().filter_map(|zone| farm.chronicle().agreed(zone).map(|master| (zone, master)));
    let mut broken = Vec::new();
    for (zone, holder) in holders {
        let Some(store) = farm.dynamic_of(holder).store() else {
            broken.push(format!("{} is a collector without a store", directory.record(HostIndex(holder)).name));
            continue;
        };
        for about in zones.clone().filter(|&about| farm.chronicle().agreed(about).is_some()) {
            let shared = farm.host(holder).0.settings().share_load_information;
            store_of(farm, holder, store, ZoneIndex(about), about == zone || shared, &mut broken);
        }
    }
    broken
}

fn store_of<F: Observed + ?Sized>(
    farm: &F,
    holder: u32,
    store: &DynamicStore,
    zone: ZoneIndex,
    knows_loads: bool,
    broken: &mut Vec<String>,
) {
    let directory = farm.directory();
    let name = |host: u32| &*directory.record(HostIndex(host)).name;
    for &host in directory.zone_hosts(zone) {
        let runs = farm.host(host.0).1 == Power::Up && farm.standing(host.0) != Standing::Down;
        let held = store.server(directory, host).filter(|server| server.up);
        let own = farm.dynamic_of(host.0);
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
