//! What an administrator does to a farm's configuration, and to its data store; and who has heard of it.

use std::sync::Arc;

use imafarm_proto::applications::{Catalogue, Servers};
use imafarm_proto::input::{Answer, Change, Input, Ticket};
use imafarm_proto::settings::Settings;
use imafarm_proto::time::Time;
use imafarm_proto::zone::Standing;

use crate::chronicle::What;
use crate::farm::{Farm, Power};
use crate::network::EndRef;
use crate::schedule::{Event, Parcel};
use crate::store_link::{Order, Publication, Reply, Written};

impl Farm {
    /// Publishes an application on these servers, in a console on a running host; the number of the wish, or `None` if
    /// the host does not run.
    ///
    /// How long such a change is has not been published. Our guess: as long as what one collector tells another of it.
    pub fn publish(&mut self, host: u32, name: &str, servers: Servers) -> Option<u32> {
        let bytes = self.host(host).0.profile().console.publishing.figures().transmitted;
        self.order(host, bytes, Some(Publication { name: name.into(), servers }))
    }

    /// Changes something that nobody here looks at, for the sake of its length; otherwise as [`Farm::publish`].
    pub fn change_configuration(&mut self, host: u32, bytes: u32) -> Option<u32> {
        self.order(host, bytes, None)
    }

    fn order(&mut self, host: u32, bytes: u32, publication: Option<Publication>) -> Option<u32> {
        if !self.runs(host) {
            return None;
        }
        let order = self.store.order(publication);
        self.act(host, Input::Change(Change { order, bytes }));
        Some(order)
    }

    /// What became of a wish; `None` if there is none of this number.
    pub fn order_state(&self, order: u32) -> Option<Order> {
        self.store.order_state(order)
    }

    /// Takes the data store down, or up again. Whoever waits for an answer when it goes down hears so at once.
    pub fn set_store_up(&mut self, up: bool) {
        if self.store.is_up() == up {
            return;
        }
        self.store.set_up(up);
        self.show_store();
        if up {
            return;
        }
        let waiting: Vec<(u32, Ticket)> = (0..self.directory().len() as u32)
            .flat_map(|host| self.host(host).0.configuration().open_tickets().map(move |ticket| (host, ticket)))
            .collect();
        for (host, ticket) in waiting {
            self.answer(self.now, host, ticket, Answer::Down);
        }
    }

    /// Whether the data store is up.
    pub fn is_store_up(&self) -> bool {
        self.store.is_up()
    }

    /// The settings that a host has, or will have from its next start on.
    pub fn settings(&self, host: u32) -> &Settings {
        &self.seat(host).settings
    }

    /// Every application that was published so far.
    pub const fn applications(&self) -> &Arc<Catalogue> {
        &self.applications
    }

    /// The number of the last change that is in the data store.
    pub fn latest_change(&self) -> u32 {
        self.store.latest()
    }

    /// The number of the change up to which a host's local host cache has all.
    pub fn change_of(&self, host: u32) -> u32 {
        self.host(host).0.cache().changes().up_to()
    }

    /// Whether a host's local host cache has a change.
    pub fn knows_change(&self, host: u32, change: u32) -> bool {
        self.host(host).0.cache().changes().has(change)
    }

    /// Whether a host runs and is not frozen: its service has started.
    pub fn runs(&self, host: u32) -> bool {
        self.host(host).1 == Power::Up && self.standing(host) != Standing::Down
    }

    /// Whether a host's service is about to start.
    pub fn is_starting(&self, host: u32) -> bool {
        let (host, power) = self.host(host);
        matches!(power, Power::Up | Power::Paused) && host.configuration().is_starting()
    }

    /// A host whose service is about to start, if there is one; from `first` on, and round.
    pub fn next_starting(&self, first: u32) -> Option<u32> {
        let hosts = self.directory().len() as u32;
        (first..hosts).chain(0..first.min(hosts)).find(|&host| self.is_starting(host))
    }

    /// Checks that every running host's local host cache has all that the data store has; what does not hold. While a
    /// change is under way, and until the next poll of a host that has missed its notice, it need not.
    pub fn check_caches(&self) -> Vec<String> {
        let latest = self.latest_change();
        let behind = self.directory().hosts().filter(|host| self.runs(host.0) && self.change_of(host.0) != latest);
        let said = behind.map(|host| {
            let name = &self.directory().record(host).name;
            format!("{name} knows of the changes up to {}, the data store has {latest}", self.change_of(host.0))
        });
        said.collect()
    }

    // ---- between windows ---------------------------------------------------------------------------------------

    /// Lets the data store work until `end`: what hosts have asked it, it answers.
    pub(crate) fn settle_store(&mut self, end: Time) {
        for shard in &mut self.shards {
            for question in shard.world.questions.drain(..) {
                let zone = shard.world.network.zone(question.host);
                self.store.ask(question, zone);
            }
        }
        while let Some(Reply { time, host, ticket, answer, written }) = self.store.settle(end) {
            if let Some(written) = written {
                self.note_written(host, written);
            }
            self.answer(time, host, ticket, answer);
        }
    }

    /// A change is in, or could not be made: observers hear of it, and hosts see the store as it is now.
    fn note_written(&mut self, host: u32, written: Written) {
        let what = match written.order {
            Order::Made(change) => {
                if let Some(Publication { name, servers }) = written.publication {
                    Arc::make_mut(&mut self.applications).publish(&name, servers, change);
                    for shard in &mut self.shards {
                        shard.seats.iter_mut().for_each(|seat| seat.host.set_applications(&self.applications));
                    }
                }
                self.show_store();
                What::ChangeMade(change)
            }
            Order::Open | Order::Refused => What::ChangeRefused,
        };
        self.shard_mut(host).world.note(written.at, host, what);
    }

    /// Shows all hosts the store as it is now.
    fn show_store(&mut self) {
        for shard in &mut self.shards {
            shard.world.store = Arc::clone(self.store.view());
        }
    }

    fn answer(&mut self, time: Time, host: u32, ticket: Ticket, answer: Answer) {
        let parcel = Parcel::Consulted(Box::new((ticket, answer)));
        let event = Event { offset: 0, target: host, to: EndRef::NONE, source: host, parcel };
        self.shard_mut(host).world.schedule.push(time, event);
    }
}
