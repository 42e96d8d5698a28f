//! Changes that were made in another process: their numbers come in notices, and what they are from the data store.

use std::sync::Arc;

use imafarm_proto::applications::Servers;
use imafarm_proto::host_record::HostIndex;
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::time::Span;
use imafarm_records::{Commanded, Observed};

use crate::bench::{part, plan};
use crate::carrier::{Carrier, Weather};
use crate::elections::masters;

const AT_WORK: Span = Span::from_secs(30);

#[test]
fn a_process_hears_once_of_what_another_has_changed() {
    let plan = plan(&Arc::new(Directory::generate(6, 1)), &[]);
    let farms = (0..2).map(|number| part(&plan, number, None)).collect();
    let mut farm = Carrier::new(farms, 3, Weather::FAIR, |host| host as usize % 2);
    let all = farm.hosts();
    farm.start(&all);
    farm.run(AT_WORK);
    assert_eq!(masters(&farm), [Some(0); 6]);
    farm.each(&[2], |farm, host| assert_eq!(farm.publish(host, "Calc", Servers::All), Some(0)));
    farm.run(AT_WORK);
    let [(first, 1)] = farm.heard[..] else { panic!("{:?}", farm.heard) };
    assert_eq!(first % 2, 1, "of the process that did not make the change");
    for home in &farm.farms {
        assert_eq!(home.latest_change(), 1);
    }
    let names = |farm: &Carrier| farm.farms.iter().map(|home| home.applications().by_name("Calc")).collect::<Vec<_>>();
    assert_eq!(names(&farm), [Some(1), None]);
    // Whoever drives it has read the store.
    farm.farms[1].learn("Calc", Servers::only(vec![HostIndex(5)]), 1);
    assert_eq!(names(&farm), [Some(1), Some(1)]);
    let known = farm.at_home(3).host(3).0.cache().changes();
    assert_eq!(farm.farms[1].applications().servers(1, known), Some(&Servers::only(vec![HostIndex(5)])));
}
