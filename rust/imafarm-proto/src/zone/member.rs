//! A member and its collector: the heartbeat check (IMA Information, "Communication Events").

use crate::bindings::Bindings;
use crate::dice::Purpose;
use crate::host_record::HostIndex;
use crate::message::Message;
use crate::outbox::Notice;
use crate::time::Time;
use crate::turn::Turn;

use super::{Role, Zone, election};

/// What a member keeps of its collector.
#[derive(Debug)]
pub(super) struct Member {
    /// The zone's data collector.
    pub(super) collector: HostIndex,
    /// Since when it is ours.
    pub(super) accepted_at: Time,
    next_heartbeat: Time,
    /// When the collector must have answered, while a heartbeat is out.
    answer_by: Option<Time>,
}

impl Member {
    /// A member from now on. Its heartbeats get a phase of their own, so that a zone's do not come all at once.
    pub(super) fn of(turn: &Turn<'_>, collector: HostIndex) -> Member {
        let phase = turn.draw(turn.who.settings.keep_alive_interval, Purpose::Phase);
        Member { collector, accepted_at: turn.now, next_heartbeat: turn.now + phase, answer_by: None }
    }

    pub(super) fn next_deadline(&self) -> (Time, &'static str) {
        match self.answer_by {
            Some(answer_by) if answer_by <= self.next_heartbeat => (answer_by, "no HEARTBEAT_ACK"),
            Some(_) | None => (self.next_heartbeat, "heartbeat"),
        }
    }

    /// A heartbeat outside or inside its rhythm; the rhythm stays.
    pub(super) fn send_heartbeat(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        (to, seq): (Option<HostIndex>, u32),
    ) {
        if self.answer_by.is_none() {
            self.answer_by = Some(turn.now + turn.who.settings.keep_alive_timeout);
            let seq = if to == Some(self.collector) { seq } else { 0 };
            bindings.send(turn, self.collector, Message::Heartbeat { seq });
        }
    }

    /// The collector has declared itself again. If its reign began after we accepted it, it has forgotten us.
    pub(super) fn reassured(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        reign_ms: u32,
        reported: (Option<HostIndex>, u32),
    ) {
        if reign_ms < election::reign_ms(self.accepted_at, turn.now) {
            self.accepted_at = turn.now;
            self.send_heartbeat(turn, bindings, reported);
        }
    }
}

impl Zone {
    /// A heartbeat is due, or one was not answered.
    pub(super) fn mind_collector(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings) {
        let Role::Member(member) = &mut self.role else { return };
        if member.answer_by.is_some_and(|by| by <= turn.now) {
            self.collector_unreachable(turn, bindings);
        } else if member.next_heartbeat <= turn.now {
            member.next_heartbeat += turn.who.settings.keep_alive_interval;
            member.send_heartbeat(turn, bindings, self.reported);
        }
    }

    /// A host that fails to contact the collector starts an election (IMA Information, detailed election, step 1).
    pub(super) fn collector_unreachable(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings) {
        if let Role::Member(member) = &self.role {
            turn.out.notify(Notice::MasterUnreachable(member.collector));
            self.become_candidate(turn, bindings);
        }
    }

    /// The collector has answered, if this is it and the host a member; whether it is.
    #[inline]
    pub(crate) fn is_answered(&mut self, by: HostIndex) -> bool {
        match &mut self.role {
            Role::Member(member) if member.collector == by => {
                member.answer_by = None;
                true
            }
            Role::Down
            | Role::Joining(_)
            | Role::Candidate { .. }
            | Role::Acknowledged { .. }
            | Role::Member(_)
            | Role::Master(_)
            | Role::HandingOver(_) => false,
        }
    }

    pub(super) fn on_heartbeat_ack(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        from: HostIndex,
        collector: bool,
    ) {
        match &mut self.role {
            Role::Member(member) if member.collector == from && collector => member.answer_by = None,
            // It is there, but no collector any more.
            Role::Member(member) if member.collector == from => self.collector_unreachable(turn, bindings),
            Role::Down
            | Role::Joining(_)
            | Role::Candidate { .. }
            | Role::Acknowledged { .. }
            | Role::Member(_)
            | Role::Master(_)
            | Role::HandingOver(_) => {}
        }
    }
}
