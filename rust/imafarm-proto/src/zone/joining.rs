//! A host that has come on-line looks for the collector.
//!
//! IMA Information, detailed election, step 1, has it elect at once. Departure, unless `StartElection` is 1: it first
//! contacts hosts, highest rank first, until one is up and says who the collector is, and elects if it learns of none,
//! or outranks the one it learns of. Without that, every start in a zone of n hosts would set off n^2/2 messages.

use crate::bindings::Bindings;
use crate::host_record::HostIndex;
use crate::message::{Kind, Message};
use crate::time::Time;
use crate::turn::Turn;

use super::{Role, Zone};

/// How many hosts are asked at once, at most. Our guess: one at first, doubled while nobody is up.
const BATCH_MAX: u32 = 8;

/// How far the search is.
#[derive(Debug)]
pub(super) struct Joining {
    /// Hosts at this position of the zone's order and above have been asked.
    asked_down_to: u32,
    /// Hosts at this position and above were asked in an earlier batch.
    batch_end: u32,
    batch: u32,
    /// How many of the batch may still answer.
    outstanding: u32,
    /// When the batch is given up.
    pub(super) until: Time,
}

impl Joining {
    /// A search that goes on, from the highest rank down, at `until`.
    fn from_the_top(turn: &Turn<'_>, until: Time) -> Joining {
        let hosts = turn.who.directory.zone_hosts(turn.who.directory.zone(turn.who.me)).len() as u32;
        Joining { asked_down_to: hosts, batch_end: hosts, batch: 1, outstanding: 0, until }
    }

    /// Notes that a host cannot be contacted; whether it was the last of its batch.
    pub(super) fn is_out(&mut self, host: HostIndex, turn: &Turn<'_>) -> bool {
        let position = turn.who.directory.position(host) as u32;
        if (self.asked_down_to..self.batch_end).contains(&position) && self.outstanding > 0 {
            self.outstanding -= 1;
            return self.outstanding == 0;
        }
        false
    }
}

impl Zone {
    /// The service starts.
    pub(crate) fn start(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings) {
        debug_assert!(matches!(self.role, Role::Down), "a host starts from down");
        if turn.who.settings.start_election {
            self.become_candidate(turn, bindings);
            return;
        }
        self.role = Role::Joining(Joining::from_the_top(turn, turn.now));
        self.ask_next(turn, bindings);
    }

    /// Somebody else sees to it: asks again, from the top, if no DECLARE_MASTER comes in time.
    fn ask_later(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings) {
        bindings.cancel(Kind::QueryMaster);
        let settings = turn.who.settings;
        let patience = settings.declare_master_timeout.doubled(self.retries, settings.election_timeout_ceiling);
        self.retries += 1;
        self.role = Role::Joining(Joining::from_the_top(turn, turn.now + patience));
    }

    /// Asks the next hosts, from the top of the zone's order; with nobody left, there is no collector.
    pub(super) fn ask_next(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings) {
        let Role::Joining(joining) = &mut self.role else { return };
        let directory = turn.who.directory;
        let order = directory.zone_hosts(directory.zone(turn.who.me));
        joining.batch_end = joining.asked_down_to;
        joining.outstanding = 0;
        while joining.asked_down_to > 0 && joining.outstanding < joining.batch {
            joining.asked_down_to -= 1;
            let host = order[joining.asked_down_to as usize];
            if host != turn.who.me {
                joining.outstanding += 1;
                bindings.send(turn, host, Message::QueryMaster);
            }
        }
        if joining.outstanding == 0 {
            self.become_candidate(turn, bindings);
            return;
        }
        joining.batch = (joining.batch * 2).min(BATCH_MAX);
        joining.until = turn.now + turn.who.settings.keep_alive_timeout;
    }

    /// The first host that is up has answered.
    pub(super) fn on_master_is(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        from: HostIndex,
        master: Option<HostIndex>,
    ) {
        if !matches!(self.role, Role::Joining(_)) {
            return;
        }
        match master {
            Some(master) if master != turn.who.me => self.accept_or_challenge(turn, bindings, master),
            // Whoever outranks us and knows no collector is looking for one too: it will see to it, and we hear of it
            // or ask again.
            None if turn.who.directory.rank(from) > turn.rank() => self.ask_later(turn, bindings),
            Some(_) | None => self.become_candidate(turn, bindings),
        }
    }
}
