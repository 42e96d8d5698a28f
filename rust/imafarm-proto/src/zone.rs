//! The Zone Manager of one host: who the zone's data collector is, and what follows when that is in doubt.
//!
//! A host is always in one [`Role`]. The ways between them:
//!
//! ```text
//! Down -> Joining -> Member            a collector is known, and this host does not outrank it
//! Joining, Member -> Candidate         no collector, an unreachable one, or one that this host outranks
//! Candidate -> Acknowledged            a higher-ranked host takes over
//! Candidate -> Master                  nobody ranked higher answers
//! Candidate, Acknowledged -> Member    somebody declared itself
//! Acknowledged -> Candidate            nobody declared itself in time
//! Master -> Member                     another collector has the better claim
//! Master -> HandingOver -> Down        a graceful stop
//! ```
//!
//! A session-host-only server never becomes Master: it asks those that can be, and asks again. Nobody asks it, and
//! nobody believes it if it declares itself. The product's later versions have such servers, the texts do not know them:
//! that they take part in elections in this way only is our guess.

mod collector;
mod election;
mod hand_over;
mod joining;
mod member;

use crate::bindings::Bindings;
use crate::host_record::HostIndex;
use crate::host_resolver::EntryIndex;
use crate::message::Message;
use crate::time::Time;
use crate::turn::Turn;

use collector::Collector;
pub use election::Stance;
use hand_over::HandOver;
use joining::Joining;
use member::Member;

/// The Zone Manager's state.
#[derive(Debug, Default)]
pub struct Zone {
    role: Role,
    /// How many elections this host has begun; the number is on its ELECT_MASTERs.
    round: u32,
    /// How often in a row an election ended without a collector.
    retries: u32,
    counts: ElectionCounts,
    /// The number of this host's last report, and to whom it went: what its heartbeats tell.
    reported: (Option<HostIndex>, u32),
    /// Members that the collector has given up, until somebody asks.
    lost: Vec<HostIndex>,
}

/// Whose a host is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Allegiance {
    /// It has no collector.
    #[default]
    Nobody,
    /// It is a member of this collector's.
    Member(HostIndex),
    /// It is the collector, for the so many-th time.
    Master(u64),
}

/// What a host is to its zone.
#[derive(Debug, Default)]
enum Role {
    /// The service does not run.
    #[default]
    Down,
    /// It looks for the collector.
    Joining(Joining),
    /// It has sent ELECT_MASTER and has no answer yet.
    Candidate {
        /// When it takes the silence for consent.
        until: Time,
    },
    /// Somebody ranked higher has taken over.
    Acknowledged {
        /// When it loses patience.
        until: Time,
    },
    /// It has a collector.
    Member(Member),
    /// It is the collector.
    Master(Box<Collector>),
    /// It was the collector, and looks for somebody to elect another before it goes.
    HandingOver(HandOver),
}

/// What a host is to its zone, for observers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The service does not run.
    Down,
    /// It looks for the collector.
    Joining,
    /// It has sent ELECT_MASTER and has no answer yet.
    Candidate,
    /// It waits for a DECLARE_MASTER.
    Acknowledged,
    /// It has a collector.
    Member,
    /// It is the collector.
    Master,
    /// It is going down and hands its role over.
    Stopping,
}

impl Standing {
    /// All that a host can be.
    pub const ALL: [Standing; 7] = [
        Standing::Down,
        Standing::Joining,
        Standing::Candidate,
        Standing::Acknowledged,
        Standing::Member,
        Standing::Master,
        Standing::Stopping,
    ];

    /// One lower-case word.
    pub const fn name(self) -> &'static str {
        match self {
            Standing::Down => "down",
            Standing::Joining => "joining",
            Standing::Candidate => "candidate",
            Standing::Acknowledged => "acknowledged",
            Standing::Member => "member",
            Standing::Master => "master",
            Standing::Stopping => "stopping",
        }
    }
}

/// Elections as the product's counters `ZoneElections` and `ZoneElectionsWon` see them, for one host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ElectionCounts {
    /// Elections this host took part in as a candidate.
    pub started: u64,
    /// Elections after which it declared itself.
    pub won: u64,
}

impl Zone {
    /// What the host is to its zone.
    pub const fn standing(&self) -> Standing {
        match self.role {
            Role::Down => Standing::Down,
            Role::Joining(_) => Standing::Joining,
            Role::Candidate { .. } => Standing::Candidate,
            Role::Acknowledged { .. } => Standing::Acknowledged,
            Role::Member(_) => Standing::Member,
            Role::Master(_) => Standing::Master,
            Role::HandingOver(_) => Standing::Stopping,
        }
    }

    /// Elections so far.
    pub const fn counts(&self) -> ElectionCounts {
        self.counts
    }

    /// The collector that the host `me` takes for its zone's.
    pub const fn master(&self, me: HostIndex) -> Option<HostIndex> {
        match &self.role {
            Role::Member(member) => Some(member.collector),
            Role::Master(_) => Some(me),
            Role::Down
            | Role::Joining(_)
            | Role::Candidate { .. }
            | Role::Acknowledged { .. }
            | Role::HandingOver(_) => None,
        }
    }

    /// Whose the host is.
    #[inline]
    pub const fn allegiance(&self) -> Allegiance {
        match &self.role {
            Role::Member(member) => Allegiance::Member(member.collector),
            Role::Master(_) => Allegiance::Master(self.counts.won),
            Role::Down
            | Role::Joining(_)
            | Role::Candidate { .. }
            | Role::Acknowledged { .. }
            | Role::HandingOver(_) => Allegiance::Nobody,
        }
    }

    /// Notes the number of this host's last report, and to whom it went.
    #[inline]
    pub const fn set_reported(&mut self, reported: (Option<HostIndex>, u32)) {
        self.reported = reported;
    }

    /// A member that the collector has given up; each is told of once.
    #[inline]
    pub fn take_lost(&mut self) -> Option<HostIndex> {
        self.lost.pop()
    }

    /// Shows where in memory what a collector keeps of a member is.
    #[inline]
    pub fn warm(&self, position: usize, show: impl Fn(*const u8)) {
        if let Role::Master(collector) = &self.role {
            collector.warm(position, show);
        }
    }

    /// Whether an ELECT_MASTER_ACK of this round would change anything.
    #[inline]
    pub const fn heeds_ack(&self, round: u32) -> bool {
        match self.role {
            Role::Candidate { .. } => round == self.round,
            Role::HandingOver(_) => true,
            Role::Down | Role::Joining(_) | Role::Acknowledged { .. } | Role::Member(_) | Role::Master(_) => false,
        }
    }

    /// The bytes held besides this itself.
    pub fn memory(&self) -> usize {
        match &self.role {
            Role::Master(collector) => collector.memory(),
            Role::Down
            | Role::Joining(_)
            | Role::Candidate { .. }
            | Role::Acknowledged { .. }
            | Role::Member(_)
            | Role::HandingOver(_) => 0,
        }
    }

    /// When this room next has something to do by itself, and why.
    #[inline]
    pub fn next_deadline(&self) -> Option<(Time, &'static str)> {
        match &self.role {
            Role::Down => None,
            Role::Joining(joining) => Some((joining.until, "no host has said who the collector is")),
            Role::Candidate { until } => Some((*until, "no ELECT_MASTER_ACK")),
            Role::Acknowledged { until } => Some((*until, "no DECLARE_MASTER")),
            Role::Member(member) => Some(member.next_deadline()),
            Role::Master(collector) => collector.next_deadline(),
            Role::HandingOver(hand_over) => Some((hand_over.until, "nobody has taken the election over")),
        }
    }

    /// The deadline has come.
    pub fn on_deadline(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings) {
        match &mut self.role {
            Role::Down => {}
            Role::Joining(joining) if joining.until <= turn.now => self.ask_next(turn, bindings),
            Role::Candidate { until } if *until <= turn.now && turn.who.directory.stands(turn.who.me) => {
                self.become_master(turn, bindings);
            }
            // A session-host-only server that nobody answers asks again, with more patience; so does whoever waits for a
            // declaration in vain.
            Role::Candidate { until } | Role::Acknowledged { until } if *until <= turn.now => {
                self.retries += 1;
                self.become_candidate(turn, bindings);
            }
            Role::Member(_) => self.mind_collector(turn, bindings),
            Role::Master(collector) => collector.on_deadline(turn, bindings, &mut self.lost),
            Role::HandingOver(hand_over) if hand_over.until <= turn.now => self.hand_over_next(turn, bindings),
            Role::Joining(_) | Role::Candidate { .. } | Role::Acknowledged { .. } | Role::HandingOver(_) => {}
        }
    }

    /// A message from `from`, on the binding `on`. A host that is down is deaf to it; elections are heard from hosts of
    /// the own zone alone, and a declaration only from the collector itself.
    #[inline]
    #[expect(clippy::wildcard_enum_match_arm, reason = "the host brings each room only the messages that concern it")]
    pub fn on_message(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        on: EntryIndex,
        from: HostIndex,
        message: Message,
    ) {
        if matches!(self.role, Role::Down) {
            return;
        }
        match message {
            Message::ElectMaster { .. } | Message::ElectMasterAck { .. } | Message::DeclareMaster { .. }
                if !turn.who.is_in_zone(from) => {}
            // Whoever never stands cannot take an election over, nor be its outcome.
            Message::ElectMaster { .. } if !turn.who.directory.stands(turn.who.me) => {}
            Message::DeclareMaster { .. } if !turn.who.directory.stands(from) => {}
            Message::ElectMaster { round } => self.on_elect_master(turn, bindings, on, from, round),
            Message::ElectMasterAck { round } => self.on_elect_master_ack(turn, bindings, from, round),
            Message::DeclareMaster { master, reign_ms } => {
                if master == turn.who.directory.id(from) {
                    self.on_declare_master(turn, bindings, from, reign_ms);
                }
            }
            Message::QueryMaster => {
                // Another zone's collector asks when it cannot reach ours. IMA Information, "New Data Collector Election
                // Process": that, too, begins an election in the zone; it does if we cannot reach it either.
                if !turn.who.is_in_zone(from)
                    && let Role::Member(member) = &mut self.role
                {
                    member.send_heartbeat(turn, bindings, self.reported);
                }
                let master = self.master(turn.who.me).map(|host| turn.who.directory.id(host));
                bindings.reply(turn, on, from, Message::MasterIs { master });
            }
            Message::MasterIs { master } => {
                let known = master.and_then(|id| turn.who.directory.by_id(id));
                let can_be = |&host: &HostIndex| turn.who.is_in_zone(host) && turn.who.directory.stands(host);
                let master = known.filter(can_be);
                self.on_master_is(turn, bindings, from, master);
            }
            Message::Heartbeat { .. } => {
                let collector = self.on_heartbeat(turn, from);
                bindings.reply(turn, on, from, Message::HeartbeatAck { collector });
            }
            Message::HeartbeatAck { collector } => self.on_heartbeat_ack(turn, bindings, from, collector),
            Message::ImaPing => {
                let member = self.master(turn.who.me) == Some(from);
                bindings.reply(turn, on, from, Message::ImaPingAck { member });
            }
            Message::ImaPingAck { member } => self.on_ping_ack(turn, bindings, from, member),
            _ => unreachable!("{message:?} does not concern the zone"),
        }
    }

    /// A host cannot be contacted.
    pub fn on_unreachable(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, host: HostIndex) {
        match &mut self.role {
            Role::Joining(joining) => {
                if joining.is_out(host, turn) {
                    self.ask_next(turn, bindings);
                }
            }
            Role::Member(member) if member.collector == host => self.collector_unreachable(turn, bindings),
            Role::Master(collector) => collector.unreachable(turn, host, &mut self.lost),
            Role::HandingOver(hand_over) if hand_over.asked == host => self.hand_over_next(turn, bindings),
            Role::Down
            | Role::Candidate { .. }
            | Role::Acknowledged { .. }
            | Role::Member(_)
            | Role::HandingOver(_) => {}
        }
    }

    /// An active binding to a host broke. Only the one to the collector matters: is it still there?
    pub fn on_broken(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, host: HostIndex) {
        if let Role::Member(member) = &mut self.role
            && member.collector == host
        {
            member.send_heartbeat(turn, bindings, self.reported);
        }
    }

    /// A message that is no heartbeat shows as well that a member is there: it gave the collector an update.
    #[inline]
    pub fn on_other_message(&mut self, turn: &Turn<'_>, from: HostIndex) {
        self.on_heartbeat(turn, from);
    }
}
