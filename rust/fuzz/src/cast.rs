//! Who is in the farm of the targets: seven hosts in three zones, and what they publish.

use std::sync::Arc;

use imafarm_proto::applications::{Catalogue, Servers};
use imafarm_proto::host_record::{HostId, HostIndex, HostRecord, Preference};
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::message::MagicNumber;

/// The farm's number.
pub const MAGIC: MagicNumber = MagicNumber(0xFA12);

/// How many hosts the farm has: four in `Z1`, two in `Z2`, one in `Z3`.
pub const HOSTS: u32 = 7;

/// The id of a host.
pub fn id(host: HostIndex) -> HostId {
    HostId::new(u64::from(host.0) + 1).expect("not 0, and small")
}

/// Every host of the farm. Host 0 is not preferred, host 1 serves sessions only, host 2 is preferred.
pub fn directory() -> Directory {
    let zones: [Arc<str>; 3] = ["Z1".into(), "Z2".into(), "Z3".into()];
    let record = |host: u32| {
        let zone = &zones[[0, 0, 0, 0, 1, 1, 2][host as usize]];
        let mut record = HostRecord::new(&format!("H{}", host + 1), Arc::clone(zone), id(HostIndex(host)));
        record.session_only = host == 1;
        record.preference = match host {
            0 => Preference::NotPreferred,
            2 => Preference::Preferred,
            _ => Preference::Default,
        };
        record
    };
    Directory::new((0..HOSTS).map(record).collect()).expect("distinct names and ids")
}

/// Two applications from the beginning, one of them on some servers, and another from change 2 on.
pub fn applications() -> Catalogue {
    let some = Servers::only([0, 2, 4].map(HostIndex).to_vec());
    let mut catalogue =
        Catalogue::new([("Desktop".into(), Servers::All), ("Word".into(), some.clone())]).expect("distinct names");
    catalogue.publish("Excel", some, 2);
    catalogue
}
