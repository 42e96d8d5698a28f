//! What observers are told: farm events, the story of each election, and on whom each zone agrees.
//!
//! Hosts' notices are heard at the end of the window in which they happened, in the order of time and host.

pub mod class;

use std::collections::BTreeMap;

use imafarm_proto::host_record::HostIndex;
use imafarm_proto::outbox::Notice;
use imafarm_proto::time::Time;

use crate::event_log::{EventLog, Row};

/// Something that observers may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FarmEvent {
    /// When it happened.
    pub time: Time,
    /// At which host; for [`What::ZoneAgreed`] the collector.
    pub host: u32,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The host's service started.
    Up,
    /// The host crashed or was switched off.
    Down,
    /// The host is frozen.
    Paused,
    /// The host goes on.
    Resumed,
    /// The host told so itself.
    Notice(Notice),
    /// All running hosts of the host's zone take it for their collector, and so does it.
    ZoneAgreed,
    /// The host knows where a session should run, for somebody outside.
    Resolved {
        /// The number of the question.
        request: u32,
        /// The server, if one can take the session.
        server: Option<HostIndex>,
        /// Its load.
        load: u32,
    },
    /// The host's service is about to start.
    Starting,
    /// A change that was made on this host is in the data store, under this number.
    ChangeMade(u32),
    /// A change that was made on this host could not be written.
    ChangeRefused,
}

impl What {
    /// The class, one bit each, for masks of what to wake up for.
    pub const fn class(self) -> u32 {
        match self {
            What::Up | What::Resumed | What::Notice(Notice::Started) => class::HOST_UP,
            What::Down | What::Paused | What::Notice(Notice::Stopped) => class::HOST_DOWN,
            What::Notice(Notice::MasterUnreachable(_)) => class::MASTER_UNREACHABLE,
            What::Notice(Notice::ElectionStarted) => class::ELECTION_STARTED,
            What::Notice(Notice::MasterDeclared) => class::MASTER_DECLARED,
            What::Notice(Notice::MasterResigned(_)) => class::MASTER_RESIGNED,
            What::ZoneAgreed => class::ZONE_AGREED,
            What::Notice(Notice::StrangerRefused) => class::BINDING_REFUSED,
            What::Notice(Notice::MasterAccepted(_)) => class::MASTER_ACCEPTED,
            What::Notice(Notice::ElectionAcknowledged) => class::ELECTION_ACKNOWLEDGED,
            What::Notice(Notice::MemberLost(_)) => class::MEMBER_LOST,
            What::Notice(Notice::PeerLost(_)) => class::PEER_LOST,
            What::Notice(Notice::SessionChanged(..)) => class::SESSION_CHANGED,
            What::Notice(Notice::TableChanged(_)) => class::TABLE_CHANGED,
            What::Resolved { .. } => class::RESOLVED,
            What::Starting => class::HOST_STARTING,
            What::Notice(Notice::StartedFromCache) => class::STARTED_FROM_CACHE,
            What::Notice(Notice::StartRefused) => class::START_REFUSED,
            What::Notice(Notice::ServiceTimedOut) => class::SERVICE_TIMED_OUT,
            What::Notice(Notice::StoreUnreachable) => class::STORE_UNREACHABLE,
            What::ChangeMade(_) => class::CHANGE_MADE,
            What::ChangeRefused => class::CHANGE_REFUSED,
            What::Notice(Notice::ChangeLearnt(_)) => class::CHANGE_LEARNT,
        }
    }

    /// The other host it concerns.
    pub const fn other(self) -> Option<HostIndex> {
        match self {
            What::Notice(
                Notice::MasterUnreachable(host)
                | Notice::MasterResigned(host)
                | Notice::MasterAccepted(host)
                | Notice::MemberLost(host)
                | Notice::PeerLost(host),
            ) => Some(host),
            What::Resolved { server, .. } => server,
            What::Up
            | What::Down
            | What::Paused
            | What::Resumed
            | What::ZoneAgreed
            | What::Starting
            | What::ChangeMade(_)
            | What::ChangeRefused => None,
            What::Notice(
                Notice::ElectionStarted
                | Notice::ElectionAcknowledged
                | Notice::MasterDeclared
                | Notice::StrangerRefused
                | Notice::Stopped
                | Notice::SessionChanged(..)
                | Notice::TableChanged(_)
                | Notice::Started
                | Notice::StartedFromCache
                | Notice::StartRefused
                | Notice::ServiceTimedOut
                | Notice::StoreUnreachable
                | Notice::ChangeLearnt(_),
            ) => None,
        }
    }
}

/// The story of one election of a zone, from the first doubt to the last host that agreed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Election {
    /// The zone.
    pub zone: u32,
    /// When a host first failed to reach the collector, and which. A zone without a collector starts without doubt.
    pub doubted: Option<(Time, u32)>,
    /// When the first host sent ELECT_MASTER, and which.
    pub started: Option<(Time, u32)>,
    /// When the first host was told that others take over.
    pub first_ack: Option<Time>,
    /// When the collector declared itself, and which; the last one, if several did.
    pub declared: Option<(Time, u32)>,
    /// When all running hosts of the zone had agreed.
    pub converged: Option<Time>,
    /// How often a host became a candidate.
    pub candidates: u64,
}

/// What a zone's hosts think.
#[derive(Clone, Debug, Default)]
struct Opinions {
    running: u32,
    /// How many running hosts take a host for their collector.
    votes: BTreeMap<u32, u32>,
    agreed: Option<u32>,
    /// The election under way, by its place in the chronicle.
    election: Option<usize>,
}

const NOBODY: u32 = u32::MAX;

/// The farm's story.
#[derive(Debug)]
pub struct Chronicle {
    zone_of: Vec<u32>,
    zones: Vec<Opinions>,
    running: Vec<bool>,
    /// Whom each host takes for its collector.
    opinion: Vec<u32>,
    elections: Vec<Election>,
    events: Vec<FarmEvent>,
    log: Vec<FarmEvent>,
    /// The classes of events that are kept for observers.
    kept: u32,
    /// Answers that nobody has taken.
    answers: BTreeMap<u32, (Option<HostIndex>, u32)>,
    /// Where events are written down, if they are to be.
    written: Option<Box<EventLog>>,
}

impl Chronicle {
    /// The chronicle of a farm in which host `h` is in zone `zone_of[h]`, and none runs yet.
    pub fn new(zone_of: Vec<u32>, zones: usize) -> Chronicle {
        let hosts = zone_of.len();
        Chronicle {
            zone_of,
            zones: vec![Opinions::default(); zones],
            running: vec![false; hosts],
            opinion: vec![NOBODY; hosts],
            elections: Vec::new(),
            events: Vec::new(),
            log: Vec::new(),
            kept: u32::MAX,
            answers: BTreeMap::new(),
            written: None,
        }
    }

    /// Writes down events of these classes from now on, instead of what it has written down so far.
    pub fn write_down(&mut self, classes: u32) {
        self.written = Some(Box::new(EventLog::new(classes)));
    }

    /// The events that were written down, if they were to be.
    pub fn written(&self) -> Option<&EventLog> {
        self.written.as_deref()
    }

    /// Keeps events of these classes for [`Chronicle::take_events`], and no others.
    pub const fn keep(&mut self, classes: u32) {
        self.kept = classes;
    }

    /// Hears what happened; the classes of it.
    pub fn hear(&mut self, notices: &mut Vec<FarmEvent>) -> u32 {
        notices.sort_by_key(|event| (event.time, event.host));
        let mut classes = 0;
        for event in notices.drain(..) {
            classes |= self.record(event);
            self.hear_one(event);
            classes |= self.agree(self.zone_of[event.host as usize], event.time);
        }
        classes
    }

    /// The events since they were last taken, in order.
    pub fn take_events(&mut self) -> Vec<FarmEvent> {
        core::mem::take(&mut self.events)
    }

    /// Takes the answer to a question from outside, if it is there.
    pub fn take_answer(&mut self, request: u32) -> Option<(Option<HostIndex>, u32)> {
        self.answers.remove(&request)
    }

    /// What hosts have written to their event logs, in order. A start that takes long is there as an error, which is benign
    /// (CTX114843, "Bandwidth of Server to Data Store Communication").
    pub fn event_log(&self) -> &[FarmEvent] {
        &self.log
    }

    /// The elections so far, in the order in which they began.
    pub fn elections(&self) -> &[Election] {
        &self.elections
    }

    /// The collector on whom a zone agrees.
    pub fn agreed(&self, zone: u32) -> Option<u32> {
        self.zones[zone as usize].agreed
    }

    /// The zone of a host.
    pub fn zone_of(&self, host: u32) -> u32 {
        self.zone_of[host as usize]
    }

    fn record(&mut self, event: FarmEvent) -> u32 {
        let class = event.what.class();
        if class & self.kept != 0 {
            self.events.push(event);
        }
        if class & class::LOGGED != 0 {
            self.log.push(event);
        }
        if let Some(log) = &mut self.written
            && class & log.classes != 0
        {
            let FarmEvent { time, host, what } = event;
            let other = what.other().map(|other| other.0);
            log.push(Row { time: time.0, kind: class::place(class), host, other, zone: self.zone_of[host as usize] });
        }
        class
    }

    fn hear_one(&mut self, event: FarmEvent) {
        let FarmEvent { time, host, what } = event;
        match what {
            What::Up | What::Resumed | What::Notice(Notice::Started) => self.set_running(host, true),
            What::Down | What::Paused | What::Notice(Notice::Stopped) => {
                self.set_running(host, false);
                if what != What::Paused {
                    self.set_opinion(host, NOBODY);
                }
            }
            What::Notice(Notice::MasterUnreachable(_)) => {
                self.set_opinion(host, NOBODY);
                self.election(host).doubted.get_or_insert((time, host));
            }
            What::Notice(Notice::ElectionStarted) => {
                self.set_opinion(host, NOBODY);
                let election = self.election(host);
                election.candidates += 1;
                election.started.get_or_insert((time, host));
            }
            What::Notice(Notice::ElectionAcknowledged) => {
                // A host that joins while others elect waits with them, but begins nothing.
                let zone = self.zone_of[host as usize];
                if let Some(under_way) = self.zones[zone as usize].election {
                    self.elections[under_way].first_ack.get_or_insert(time);
                }
            }
            What::Notice(Notice::MasterDeclared) => {
                self.set_opinion(host, host);
                self.election(host).declared = Some((time, host));
            }
            What::Notice(Notice::MasterAccepted(master)) => self.set_opinion(host, master.0),
            What::Notice(
                Notice::MasterResigned(_)
                | Notice::StrangerRefused
                | Notice::MemberLost(_)
                | Notice::PeerLost(_)
                | Notice::SessionChanged(..)
                | Notice::TableChanged(_)
                | Notice::StartedFromCache
                | Notice::StartRefused
                | Notice::ServiceTimedOut
                | Notice::StoreUnreachable
                | Notice::ChangeLearnt(_),
            )
            | What::ZoneAgreed
            | What::Starting
            | What::ChangeMade(_)
            | What::ChangeRefused => {}
            What::Resolved { request, server, load } => drop(self.answers.insert(request, (server, load))),
        }
    }

    /// The election under way in a host's zone; a new one if there is none.
    fn election(&mut self, host: u32) -> &mut Election {
        let zone = self.zone_of[host as usize];
        let elections = &mut self.elections;
        let place = *self.zones[zone as usize].election.get_or_insert_with(|| {
            elections.push(Election { zone, ..Election::default() });
            elections.len() - 1
        });
        &mut self.elections[place]
    }

    fn set_running(&mut self, host: u32, running: bool) {
        let opinion = self.opinion[host as usize];
        if core::mem::replace(&mut self.running[host as usize], running) == running {
            return;
        }
        let zone = &mut self.zones[self.zone_of[host as usize] as usize];
        if running {
            zone.running += 1;
            count(&mut zone.votes, opinion, true);
        } else {
            zone.running -= 1;
            count(&mut zone.votes, opinion, false);
        }
    }

    fn set_opinion(&mut self, host: u32, opinion: u32) {
        let before = core::mem::replace(&mut self.opinion[host as usize], opinion);
        if self.running[host as usize] {
            let zone = &mut self.zones[self.zone_of[host as usize] as usize];
            count(&mut zone.votes, before, false);
            count(&mut zone.votes, opinion, true);
        }
    }

    /// Finds out whether a zone agrees now, and records it if it does anew.
    fn agree(&mut self, zone: u32, time: Time) -> u32 {
        let opinions = &self.zones[zone as usize];
        let agreed = opinions
            .votes
            .iter()
            .next()
            .filter(|&(&master, &votes)| {
                votes == opinions.running && self.running[master as usize] && self.opinion[master as usize] == master
            })
            .map(|(&master, _)| master);
        if agreed == opinions.agreed {
            return 0;
        }
        self.zones[zone as usize].agreed = agreed;
        let Some(master) = agreed else { return 0 };
        if let Some(place) = self.zones[zone as usize].election.take() {
            self.elections[place].converged = Some(time);
        }
        self.record(FarmEvent { time, host: master, what: What::ZoneAgreed })
    }
}

fn count(votes: &mut BTreeMap<u32, u32>, master: u32, more: bool) {
    if master == NOBODY {
        return;
    }
    let vote = votes.entry(master).or_default();
    if more {
        *vote += 1;
    } else {
        *vote -= 1;
        if *vote == 0 {
            votes.remove(&master);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: u64, host: u32, what: What) -> FarmEvent {
        FarmEvent { time: Time(time), host, what }
    }

    #[test]
    fn an_election_is_told_from_doubt_to_agreement() {
        let mut chronicle = Chronicle::new(vec![0; 3], 1);
        let accepted = |master| What::Notice(Notice::MasterAccepted(HostIndex(master)));
        chronicle.hear(&mut vec![
            at(0, 0, What::Up),
            at(0, 1, What::Up),
            at(0, 2, What::Up),
            at(1, 2, What::Notice(Notice::ElectionStarted)),
            at(2, 2, What::Notice(Notice::MasterDeclared)),
            at(3, 0, accepted(2)),
            at(4, 1, accepted(2)),
        ]);
        assert_eq!(chronicle.agreed(0), Some(2));
        let classes = chronicle.hear(&mut vec![
            at(9, 1, What::Notice(Notice::MasterDeclared)),
            at(5, 2, What::Down),
            at(6, 0, What::Notice(Notice::MasterUnreachable(HostIndex(2)))),
            at(7, 0, What::Notice(Notice::ElectionStarted)),
            at(8, 0, What::Notice(Notice::ElectionAcknowledged)),
            at(10, 0, accepted(1)),
        ]);
        assert_eq!(classes & What::ZoneAgreed.class(), What::ZoneAgreed.class());
        let second = chronicle.elections()[1];
        assert_eq!(second.doubted, Some((Time(6), 0)));
        assert_eq!(second.first_ack, Some(Time(8)));
        assert_eq!(second.declared, Some((Time(9), 1)));
        assert_eq!(second.converged, Some(Time(10)));
        assert_eq!(chronicle.agreed(0), Some(1));
    }

    #[test]
    fn a_zone_that_has_lost_its_collector_agrees_on_nobody() {
        let mut chronicle = Chronicle::new(vec![0; 2], 1);
        chronicle.hear(&mut vec![
            at(0, 0, What::Up),
            at(0, 1, What::Up),
            at(1, 1, What::Notice(Notice::MasterDeclared)),
            at(2, 0, What::Notice(Notice::MasterAccepted(HostIndex(1)))),
        ]);
        assert_eq!(chronicle.agreed(0), Some(1));
        chronicle.hear(&mut vec![at(3, 1, What::Down)]);
        assert_eq!(chronicle.agreed(0), None);
    }

    #[test]
    fn only_what_is_asked_for_is_kept() {
        let mut chronicle = Chronicle::new(vec![0], 1);
        chronicle.keep(What::Down.class());
        chronicle.hear(&mut vec![at(0, 0, What::Up), at(1, 0, What::Down)]);
        assert_eq!(chronicle.take_events(), [at(1, 0, What::Down)]);
    }

    #[test]
    fn every_class_has_its_place() {
        let bits = class::NAMES.map(|(class, _)| class);
        assert!(bits.is_sorted() && bits.iter().all(|class| class.is_power_of_two()));
        for (place, class) in (0..).zip(bits) {
            assert_eq!(class::place(class), place);
        }
    }

    #[test]
    fn events_are_written_down_if_they_are_to_be() {
        let mut chronicle = Chronicle::new(vec![0, 0, 1], 2);
        chronicle.hear(&mut vec![at(0, 0, What::Up)]);
        assert!(chronicle.written().is_none());
        chronicle.write_down(!class::HOST_UP);
        let lost = What::Notice(Notice::MemberLost(HostIndex(1)));
        chronicle.hear(&mut vec![at(3, 0, lost), at(1, 2, What::Up), at(2, 2, What::Down)]);
        let chunks = chronicle.written().expect("it was told to").chunks();
        let [chunk] = &chunks[..] else { panic!("two rows are one chunk") };
        assert_eq!((&chunk.times[..], &chunk.hosts[..], &chunk.zones[..]), (&[2, 3][..], &[2, 0][..], &[1, 0][..]));
        assert_eq!(chunk.kinds, [class::HOST_DOWN, class::MEMBER_LOST].map(class::place));
        assert_eq!((&chunk.others[..], &chunk.has_other[..]), (&[0, 1][..], &[0b10][..]));
    }
}
