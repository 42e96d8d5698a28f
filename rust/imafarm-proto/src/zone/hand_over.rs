//! A graceful stop: the collector sets off the election before it goes down (IMA Information, "New Data Collector
//! Election Process", 1).
//!
//! Our guess at how: it sends ELECT_MASTER to the highest-ranked other host, and goes as soon as that one has answered
//! that it takes over. If it does not answer, the next one is asked; with nobody left, the host just goes.

use crate::bindings::Bindings;
use crate::host_record::HostIndex;
use crate::message::Message;
use crate::outbox::Notice;
use crate::time::Time;
use crate::turn::Turn;

use super::{Role, Zone};

/// Who has been asked to take the election over.
#[derive(Debug)]
pub(super) struct HandOver {
    /// The host that was asked last.
    pub(super) asked: HostIndex,
    /// Its position in the zone's order.
    position: u32,
    /// When the next one is asked.
    pub(super) until: Time,
}

impl Zone {
    /// The service is asked to stop.
    pub(crate) fn stop(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings) {
        match self.role {
            Role::Down | Role::HandingOver(_) => {}
            Role::Joining(_) | Role::Candidate { .. } | Role::Acknowledged { .. } | Role::Member(_) => {
                self.become_down(turn, bindings);
            }
            Role::Master(_) => {
                let directory = turn.who.directory;
                let position = directory.zone_hosts(directory.zone(turn.who.me)).len() as u32;
                self.round += 1;
                self.role = Role::HandingOver(HandOver { asked: turn.who.me, position, until: turn.now });
                self.hand_over_next(turn, bindings);
            }
        }
    }

    /// Asks the next lower host to take over.
    pub(super) fn hand_over_next(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings) {
        let Role::HandingOver(hand_over) = &mut self.role else { return };
        let directory = turn.who.directory;
        let order = directory.zone_hosts(directory.zone(turn.who.me));
        let below = order[..hand_over.position as usize]
            .iter()
            .rposition(|&host| host != turn.who.me && directory.stands(host));
        match below {
            None => self.become_down(turn, bindings),
            Some(position) => {
                *hand_over = HandOver {
                    asked: order[position],
                    position: position as u32,
                    until: turn.now + turn.who.settings.elect_master_timeout,
                };
                bindings.send(turn, order[position], Message::ElectMaster { round: self.round });
            }
        }
    }

    /// The service has stopped.
    pub(super) fn become_down(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings) {
        self.role = Role::Down;
        bindings.hang_up(turn);
        turn.out.notify(Notice::Stopped);
    }
}
