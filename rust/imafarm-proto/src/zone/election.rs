//! The election (IMA Information, "Detailed Election Process", steps 1 to 4).

use crate::bindings::{Audience, Bindings};
use crate::host_record::HostIndex;
use crate::host_resolver::EntryIndex;
use crate::message::{Kind, Message};
use crate::outbox::Notice;
use crate::time::{Span, Time};
use crate::turn::{Identity, Turn};

use super::{Collector, Member, Role, Zone};

/// What an ELECT_MASTER from a host of the zone that is ranked lower would mean to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stance {
    /// It is in the election: it answers, and nothing changes.
    Settled,
    /// It answers and becomes a candidate: after the first one it is settled, for [`Settings::elect_master_timeout`] at
    /// least.
    ///
    /// [`Settings::elect_master_timeout`]: crate::settings::Settings::elect_master_timeout
    Ready,
    /// Anything else.
    Other,
}

impl Zone {
    /// What an ELECT_MASTER would mean to this host, while it hears nothing else.
    pub(crate) fn stance(&self, who: &Identity<'_>, now: Time) -> Stance {
        let directory = who.directory;
        let is_highest = directory.position(who.me) + 1 == directory.zone_hosts(directory.zone(who.me)).len();
        match &self.role {
            Role::Candidate { .. } | Role::Acknowledged { .. } => Stance::Settled,
            Role::Joining(_) if !is_highest => Stance::Ready,
            Role::Member(member) if !is_highest && member.accepted_at + who.settings.elect_master_timeout <= now => {
                Stance::Ready
            }
            Role::Down | Role::Joining(_) | Role::Member(_) | Role::Master(_) | Role::HandingOver(_) => Stance::Other,
        }
    }

    /// Whether it waits for an answer to its ELECT_MASTERs of this round.
    pub(crate) const fn awaits_answer(&self, round: u32) -> bool {
        matches!(self.role, Role::Candidate { .. }) && self.round == round
    }

    /// An election is forced from outside (`querydc -e`).
    pub(crate) fn force_election(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings) {
        match self.role {
            Role::Joining(_) | Role::Member(_) | Role::Master(_) => self.become_candidate(turn, bindings),
            Role::Down | Role::Candidate { .. } | Role::Acknowledged { .. } | Role::HandingOver(_) => {}
        }
    }

    /// Step 1: ELECT_MASTER goes to each host of the zone that is ranked higher, and to no other.
    pub(super) fn become_candidate(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings) {
        bindings.cancel(Kind::ElectMaster);
        bindings.cancel(Kind::QueryMaster);
        bindings.cancel(Kind::DeclareMaster);
        self.round += 1;
        self.counts.started += 1;
        let (directory, settings) = (turn.who.directory, turn.who.settings);
        // Whoever stands takes one silence for consent; a session-host-only server can only wait longer each time.
        let patience = match directory.stands(turn.who.me) {
            true => settings.elect_master_timeout,
            false => settings.elect_master_timeout.doubled(self.retries, settings.election_timeout_ceiling),
        };
        self.role = Role::Candidate { until: turn.now + patience };
        turn.out.notify(Notice::ElectionStarted);
        let nobody_higher =
            directory.position(turn.who.me) + 1 == directory.zone_hosts(directory.zone(turn.who.me)).len();
        if nobody_higher && directory.stands(turn.who.me) {
            self.become_master(turn, bindings);
        } else {
            bindings.fan_out(turn, Audience::RankedAbove, Message::ElectMaster { round: self.round });
        }
    }

    /// Step 2: the receiver answers, and goes on with the election unless it is in one already.
    pub(super) fn on_elect_master(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        on: EntryIndex,
        from: HostIndex,
        round: u32,
    ) {
        match &self.role {
            // Going down, or not there: it cannot take the election over, so it must not say that it does.
            Role::Down | Role::HandingOver(_) => {}
            Role::Candidate { .. } | Role::Acknowledged { .. } => {
                bindings.reply(turn, on, from, Message::ElectMasterAck { round });
            }
            // Departure: the election that this host has just come out of is answered for, not begun again. Where some
            // hear the collector and cannot reach it, each would else set off all others as fast as messages go. The
            // collector itself is believed: it stands again, or is going.
            Role::Member(member)
                if from != member.collector
                    && turn.now < member.accepted_at + turn.who.settings.elect_master_timeout =>
            {
                bindings.reply(turn, on, from, Message::ElectMasterAck { round });
            }
            Role::Joining(_) | Role::Member(_) => {
                bindings.reply(turn, on, from, Message::ElectMasterAck { round });
                self.become_candidate(turn, bindings);
            }
            // Departure: a living collector does not stand again, because it is the answer that the sender waits for;
            // the original stays (IMA Information, last answer). It says so to the sender alone.
            Role::Master(collector) => {
                let declaration = collector.declaration(turn);
                bindings.reply(turn, on, from, Message::ElectMasterAck { round });
                bindings.reply(turn, on, from, declaration);
            }
        }
    }

    /// Step 4, first half: one answer is enough to leave it to others and wait for their DECLARE_MASTER.
    pub(super) fn on_elect_master_ack(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        from: HostIndex,
        round: u32,
    ) {
        match &self.role {
            Role::Candidate { .. } if round == self.round => self.become_acknowledged(turn),
            Role::HandingOver(hand_over) if hand_over.asked == from && round == self.round => {
                self.become_down(turn, bindings);
            }
            Role::Down
            | Role::Joining(_)
            | Role::Candidate { .. }
            | Role::Acknowledged { .. }
            | Role::Member(_)
            | Role::Master(_)
            | Role::HandingOver(_) => {}
        }
    }

    /// Step 4: the time-out grows with every election that ended without a collector.
    pub(super) fn become_acknowledged(&mut self, turn: &mut Turn<'_>) {
        let settings = turn.who.settings;
        let patience = settings.declare_master_timeout.doubled(self.retries, settings.election_timeout_ceiling);
        self.role = Role::Acknowledged { until: turn.now + patience };
        turn.out.notify(Notice::ElectionAcknowledged);
    }

    /// Step 3: nobody ranked higher has answered, so this host is the highest that is alive, and tells all others.
    pub(super) fn become_master(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings) {
        debug_assert!(matches!(self.role, Role::Candidate { .. }), "a collector is elected");
        bindings.cancel(Kind::ElectMaster);
        self.retries = 0;
        self.counts.won += 1;
        let collector = Collector::new(turn);
        let declaration = collector.declaration(turn);
        self.role = Role::Master(Box::new(collector));
        turn.out.notify(Notice::MasterDeclared);
        bindings.fan_out(turn, Audience::Zone, declaration);
    }

    /// The end of an election; or the first that a host hears of one.
    pub(super) fn on_declare_master(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        master: HostIndex,
        reign_ms: u32,
    ) {
        match &mut self.role {
            Role::Down | Role::HandingOver(_) => {}
            Role::Joining(_) | Role::Candidate { .. } | Role::Acknowledged { .. } => {
                self.accept_or_challenge(turn, bindings, master);
            }
            Role::Member(member) if member.collector == master => {
                member.reassured(turn, bindings, reign_ms, self.reported);
            }
            Role::Member(_) => self.accept_or_challenge(turn, bindings, master),
            Role::Master(collector) => {
                if collector.yields_to(turn, master, Span::from_millis(reign_ms.into())) {
                    // The other hears that there were two, and tells all members who is left.
                    let farewell = collector.declaration(turn);
                    turn.out.notify(Notice::MasterResigned(master));
                    self.become_member(turn, bindings, master);
                    bindings.send(turn, master, farewell);
                } else {
                    collector.stay(turn, bindings);
                }
            }
        }
    }

    /// A collector is known. Only one that is less preferred than this host, or of a lower version, is challenged.
    pub(super) fn accept_or_challenge(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, master: HostIndex) {
        if !turn.rank().unseats(turn.who.directory.rank(master)) {
            self.become_member(turn, bindings, master);
        } else if !matches!(self.role, Role::Candidate { .. } | Role::Acknowledged { .. }) {
            self.become_candidate(turn, bindings);
        }
    }

    /// A collector is found: what is left of an election, a search or a reign is void, and this host reports to it at
    /// once.
    pub(super) fn become_member(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, collector: HostIndex) {
        debug_assert_ne!(collector, turn.who.me, "nobody is a member of itself");
        bindings.cancel(Kind::ElectMaster);
        bindings.cancel(Kind::QueryMaster);
        bindings.cancel(Kind::DeclareMaster);
        self.retries = 0;
        turn.out.notify(Notice::MasterAccepted(collector));
        let mut member = Member::of(turn, collector);
        member.send_heartbeat(turn, bindings, self.reported);
        self.role = Role::Member(member);
    }
}

/// How long ago `since` was, as a declaration tells it.
pub(super) fn reign_ms(since: Time, now: Time) -> u32 {
    u32::try_from(now.since(since).0 / 1_000_000).unwrap_or(u32::MAX)
}
