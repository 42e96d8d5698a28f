//! What an administrator does to a farm's configuration, and to its data store; and who has heard of it.

use std::sync::Arc;

use imafarm_proto::input::{Answer, Ticket};
use imafarm_proto::time::Time;
use imafarm_records::Observed;
use imafarm_records::chronicle::What;
use imafarm_records::commanded::Publication;
use imafarm_records::totals::Order;

use crate::farm::Farm;
use crate::letter::{Letter, Parcel};
use crate::network::EndRef;
use crate::store_link::{Reply, Written};

impl Farm {
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
        let letter = Letter { target: host, to: EndRef::NONE, source: host, parcel };
        self.shard_mut(host).world.put_here(time, letter);
    }
}
