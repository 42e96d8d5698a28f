//! A live farm as any farm: what can be asked of it and done to it.

use std::sync::Arc;

use imafarm_proto::applications::Catalogue;
use imafarm_proto::host::Host;
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::input::Input;
use imafarm_proto::message::{Kind, MagicNumber, Preference, Question};
use imafarm_proto::settings::Settings;
use imafarm_proto::time::Time;
use imafarm_records::chronicle::{Chronicle, What};
use imafarm_records::commanded::Publication;
use imafarm_records::digest::{Chain, Digest};
use imafarm_records::ledger::{Count, Ledger};
use imafarm_records::totals::{Order, Power, Totals};
use imafarm_records::{Commanded, Observed};

use super::LiveFarm;

impl Observed for LiveFarm {
    fn directory(&self) -> &Arc<Directory> {
        &self.world.directory
    }

    fn now(&self) -> Time {
        self.world.now
    }

    fn host(&self, host: u32) -> (&Host, Power) {
        let station = &self.stations[host as usize];
        (&station.host, station.power)
    }

    fn host_totals(&self, host: u32) -> Totals {
        self.stations[host as usize].totals(self.world.now)
    }

    fn chronicle(&self) -> &Chronicle {
        &self.chronicle
    }

    fn ledger(&self) -> Ledger {
        let mut ledger = self.world.ledger.clone();
        ledger.merge(&self.world.abroad);
        ledger
    }

    /// Of messages to and from elsewhere only one half is known here: they are left out.
    fn accounts(&self) -> Ledger {
        self.world.ledger.clone()
    }

    fn in_flight(&self) -> [Count; Kind::COUNT] {
        let mut counts = [Count::default(); Kind::COUNT];
        self.world.each_flight(|flight| flight.count(&mut counts));
        counts
    }

    fn event_count(&self) -> u64 {
        self.world.events
    }

    /// Of what each host has heard, and when: no two live runs are the same.
    fn digest(&self) -> Digest {
        let chains: Vec<Chain> = self.stations.iter().map(|station| station.chain).collect();
        Digest::of_farm(&chains, &self.ledger(), self.world.now)
    }

    fn applications(&self) -> &Arc<Catalogue> {
        &self.applications
    }

    fn settings(&self, host: u32) -> &Arc<Settings> {
        &self.stations[host as usize].settings
    }

    fn magic(&self, host: u32) -> MagicNumber {
        self.stations[host as usize].magic
    }

    fn latest_change(&self) -> u32 {
        self.world.latest
    }

    fn order_state(&self, order: u32) -> Option<Order> {
        self.orders.get(order as usize).map(|(state, _)| *state)
    }
}

impl Commanded for LiveFarm {
    fn act(&mut self, host: u32, input: Input) {
        self.stations[host as usize].act(&mut self.world, &mut self.out, input);
        self.hear();
    }

    fn tell(&mut self) {
        self.hear();
    }

    fn chronicle_mut(&mut self) -> &mut Chronicle {
        &mut self.chronicle
    }

    /// Their connections are forgotten at once: whoever carries them has to drop them.
    fn crash(&mut self, hosts: &[u32]) {
        for &host in hosts {
            let station = &mut self.stations[host as usize];
            if matches!(station.power, Power::Up | Power::Paused) {
                self.world.note(host, What::Down);
            }
            station.power = Power::Crashed;
            station.renew(&mut self.world);
        }
        self.hear();
    }

    fn pause(&mut self, hosts: &[u32]) {
        for &host in hosts {
            let station = &mut self.stations[host as usize];
            if station.power == Power::Up {
                station.power = Power::Paused;
                station.note_deadline(&mut self.world);
                self.world.note(host, What::Paused);
            }
        }
        self.hear();
    }

    fn resume(&mut self, hosts: &[u32]) {
        for &host in hosts {
            let station = &mut self.stations[host as usize];
            if station.power == Power::Paused {
                station.power = Power::Up;
                let deferred = core::mem::take(&mut station.deferred);
                station.note_deadline(&mut self.world);
                self.world.note(host, What::Resumed);
                for report in deferred {
                    self.report(host, report);
                }
            }
        }
        self.hear();
    }

    fn resolve(&mut self, host: u32, app: u32, preference: Preference) -> u32 {
        self.requests = self.requests.wrapping_add(1);
        let request = self.requests;
        if self.stations[host as usize].power == Power::Up {
            self.stations[host as usize].asked.push(request);
            self.act(host, Input::Resolve(Question { request, app, preference }));
        } else {
            self.world.note(host, What::Resolved { request, server: None, load: 0 });
        }
        self.hear();
        request
    }

    fn order(&mut self, publication: Option<Publication>) -> u32 {
        self.orders.push((Order::Open, publication));
        self.orders.len() as u32 - 1
    }

    fn give_settings(&mut self, host: u32, settings: Arc<Settings>) {
        let station = &mut self.stations[host as usize];
        station.settings = settings;
        if matches!(station.power, Power::Off | Power::Crashed) {
            station.renew(&mut self.world);
        }
    }

    fn set_magic(&mut self, hosts: &[u32], magic: MagicNumber) {
        for &host in hosts {
            let station = &mut self.stations[host as usize];
            station.magic = magic;
            if matches!(station.power, Power::Off | Power::Crashed) {
                station.renew(&mut self.world);
            }
        }
    }
}
