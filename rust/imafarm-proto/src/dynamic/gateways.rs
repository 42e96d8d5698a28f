//! The other zones' collectors: finding them, keeping them, telling them.
//!
//! Collectors keep open connections to one another (IMA Information, "What is a Zone Data Collector"). How one finds the
//! others is our guess: it asks each zone's hosts, highest rank first, who their collector is, and announces itself.
//!
//! ```text
//! asking       QUERY_MASTER goes to one host of the zone after the other
//! announced    GATEWAY_UPDATE is on its way to the collector
//! up           it has answered; each has told the other all, and each change is relayed
//! lost         it was silent: left alone for GatewayValidationInterval, then looked for again
//! ```

use crate::bindings::Bindings;
use crate::dynamic_store::DynamicStore;
use crate::host_record::{HostId, HostIndex, ZoneIndex};
use crate::host_resolver::EntryIndex;
use crate::message::{Filler, Message, ServerUpdate, SessionEvent, SessionUpdate};
use crate::outbox::Notice;
use crate::time::Time;
use crate::turn::Turn;

use super::DynamicCounts;
use super::update::{gateway_figures, registration, server_message, session_message, shares_load};

/// The collectors of all zones but this one.
#[derive(Debug)]
pub(super) struct Gateways {
    /// In the order of the zones.
    peers: Vec<Peer>,
    /// The least of the peers' `look`.
    look: Time,
}

#[derive(Debug)]
struct Peer {
    zone: ZoneIndex,
    reach: Reach,
    /// When to see to it again.
    look: Time,
    /// Whether it was asked for all, and has not begun yet.
    asked: bool,
    /// How often in a row an announcement was not answered in time: over a narrow link answers stand behind updates, and
    /// to hurry would only send more of those.
    unanswered: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// The hosts at this position of its zone's order and above have been asked.
    Asking {
        position: u32,
    },
    Announced {
        collector: HostIndex,
    },
    Up {
        collector: HostIndex,
        pinged: bool,
    },
    Lost,
}

impl Gateways {
    /// Every other zone, its collector yet to be found.
    pub(super) fn new(turn: &Turn<'_>) -> Gateways {
        let directory = turn.who.directory;
        let mine = directory.zone(turn.who.me);
        let others = (0..directory.zone_count() as u32).map(ZoneIndex).filter(|&zone| zone != mine);
        let peers = others.filter(|&zone| !directory.zone_hosts(zone).is_empty()).map(|zone| {
            let position = directory.zone_hosts(zone).len() as u32;
            Peer { zone, reach: Reach::Asking { position }, look: turn.now, asked: false, unanswered: 0 }
        });
        Gateways { peers: peers.collect(), look: turn.now }
    }

    pub(super) fn peers(&self) -> impl Iterator<Item = HostIndex> + '_ {
        self.peers.iter().filter_map(Peer::collector)
    }

    pub(super) fn next_deadline(&self) -> Option<(Time, &'static str)> {
        if self.peers.is_empty() { None } else { Some((self.look, "another zone's collector")) }
    }

    /// Whether this host is known as the collector of the server's zone.
    pub(super) fn speaks_for(&self, turn: &Turn<'_>, host: HostIndex, server: HostIndex) -> bool {
        let zone = turn.who.directory.zone(server);
        self.peers.iter().any(|peer| peer.zone == zone && peer.collector() == Some(host))
    }

    /// Whether this host is known as its zone's collector.
    pub(super) fn is_peer(&self, turn: &Turn<'_>, host: HostIndex) -> bool {
        self.speaks_for(turn, host, host)
    }

    /// Another zone's collector speaks for its zone: it is asked for all it has.
    pub(super) fn meet(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, on: EntryIndex, host: HostIndex) {
        let look = turn.now + turn.who.settings.peer_ping_interval;
        let Some(peer) = self.peer_of(turn, host) else { return };
        peer.reach = Reach::Up { collector: host, pinged: false };
        peer.look = look;
        (peer.asked, peer.unanswered) = (true, 0);
        bindings.reply(turn, on, host, Message::FullUpdateRequest);
        self.find_next_look();
    }

    /// Another zone's collector has answered an announcement. Two that announce themselves to one another have met by
    /// then, and the answer of one that was found no collector any more comes too late.
    pub(super) fn on_answer(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, on: EntryIndex, host: HostIndex) {
        match self.peer_of(turn, host).map(|peer| peer.reach) {
            Some(Reach::Asking { .. } | Reach::Lost) => self.meet(turn, bindings, on, host),
            Some(Reach::Announced { collector }) if collector == host => self.meet(turn, bindings, on, host),
            Some(Reach::Announced { .. } | Reach::Up { .. }) | None => {}
        }
    }

    /// A peer begins to tell all it has.
    pub(super) fn begin_receiving(&mut self, turn: &Turn<'_>, host: HostIndex) {
        if let Some(peer) = self.peer_of(turn, host) {
            peer.asked = false;
        }
    }

    /// Whether a known peer was asked for all.
    pub(super) fn asked_mut(&mut self, turn: &Turn<'_>, host: HostIndex) -> Option<&mut bool> {
        self.peer_of(turn, host).filter(|peer| peer.collector() == Some(host)).map(|peer| &mut peer.asked)
    }

    /// A peer says anything at all: it is there. Over a narrow link the answer to a ping may stand behind a full update.
    pub(super) fn heard(&mut self, turn: &Turn<'_>, host: HostIndex) {
        let waited = Reach::Up { collector: host, pinged: true };
        if let Some(peer) = self.peer_of(turn, host).filter(|peer| peer.reach == waited) {
            peer.reach = Reach::Up { collector: host, pinged: false };
            peer.look = turn.now + turn.who.settings.peer_ping_interval;
            self.find_next_look();
        }
    }

    /// A peer pings, and sums up what it holds of its zone: if that is not what is held here, it is asked for all. One that
    /// is not known yet is met.
    pub(super) fn on_ping(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        store: &DynamicStore,
        (on, host): (EntryIndex, HostIndex),
        sum: u32,
    ) {
        let Some(peer) = self.peer_of(turn, host) else { return };
        if peer.collector() != Some(host) {
            if turn.who.directory.stands(host) {
                self.announce(turn, bindings, host);
            }
        } else if store.sum(turn.who.directory, peer.zone) != sum {
            bindings.reply(turn, on, host, Message::FullUpdateRequest);
        }
    }

    /// A host of another zone says who its collector is.
    pub(super) fn on_master_is(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        from: HostIndex,
        master: Option<HostId>,
    ) {
        let directory = turn.who.directory;
        let zone = directory.zone(from);
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.zone == zone) else { return };
        let can_be = |&host: &HostIndex| directory.zone(host) == zone && directory.stands(host);
        let master = master.and_then(|id| directory.by_id(id)).filter(can_be);
        match peer.reach {
            // An answer to a question of long ago.
            Reach::Up { collector, .. } | Reach::Announced { collector }
                if collector != from || master == Some(collector) =>
            {
                return;
            }
            // It was taken for the collector, and is none (any more).
            Reach::Asking { .. } | Reach::Up { .. } | Reach::Announced { .. } | Reach::Lost => {}
        }
        match master {
            Some(master) => self.announce(turn, bindings, master),
            None => {
                peer.reach = Reach::Asking { position: directory.zone_hosts(zone).len() as u32 };
                peer.look = turn.now + turn.who.settings.keep_alive_timeout;
                self.find_next_look();
            }
        }
    }

    /// A host cannot be contacted: if it was asked, the next one is; if it was the peer, it is lost.
    pub(super) fn on_unreachable(
        &mut self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        store: &DynamicStore,
        host: HostIndex,
    ) {
        let directory = turn.who.directory;
        let zone = directory.zone(host);
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.zone == zone) else { return };
        match peer.reach {
            Reach::Asking { position } if directory.zone_hosts(zone).get(position as usize) == Some(&host) => {
                peer.look = turn.now;
                self.mind(turn, bindings, store);
            }
            Reach::Announced { collector } | Reach::Up { collector, .. } if collector == host => {
                peer.lose(turn);
                self.find_next_look();
            }
            Reach::Asking { .. } | Reach::Announced { .. } | Reach::Up { .. } | Reach::Lost => {}
        }
    }

    /// Sees to every peer whose time has come.
    pub(super) fn mind(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, store: &DynamicStore) {
        for peer in &mut self.peers {
            if peer.look <= turn.now {
                peer.mind(turn, bindings, store);
            }
        }
        self.find_next_look();
    }

    /// This collector tells another zone's that it speaks for its zone.
    fn announce(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, collector: HostIndex) {
        let message = Message::GatewayUpdate { filler: Filler(0) };
        bindings.send(turn, collector, message.lengthened_to(gateway_figures(turn).transmitted));
        if let Some(peer) = self.peer_of(turn, collector) {
            let settings = turn.who.settings;
            let patience = settings.keep_alive_timeout.doubled(peer.unanswered, settings.gateway_validation_interval);
            peer.reach = Reach::Announced { collector };
            peer.look = turn.now + patience;
            peer.unanswered += 1;
        }
        self.find_next_look();
    }

    // ---- telling them ------------------------------------------------------------------------------------------

    /// A change goes to every peer that is there: in a farm of Z zones, Z - 1 times (CTX114843, "Initial Boot").
    pub(super) fn relay(
        &self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        counts: &mut DynamicCounts,
        message: &Message,
    ) {
        for peer in &self.peers {
            if let Reach::Up { collector, .. } = peer.reach {
                count(counts, message);
                bindings.send(turn, collector, message.clone());
            }
        }
    }

    /// A peer has asked for all that is known of this zone.
    pub(super) fn send_all(
        &self,
        turn: &mut Turn<'_>,
        bindings: &mut Bindings,
        counts: &mut DynamicCounts,
        store: &DynamicStore,
        on: EntryIndex,
        to: HostIndex,
    ) {
        let directory = turn.who.directory;
        let mine = directory.zone(turn.who.me);
        let shares = shares_load(turn);
        if !self.is_peer(turn, to) {
            return;
        }
        bindings.reply(turn, on, to, Message::FullUpdate);
        for &host in directory.zone_hosts(mine) {
            let Some(known) = store.server(directory, host).filter(|known| known.up) else { continue };
            let active = known.sessions.iter().filter(|session| session.active).count() as u32;
            // The rows count backwards from the number that the server's next report follows on: each came with one.
            let first = known.seq.saturating_sub(known.sessions.len() as u32);
            let server = ServerUpdate {
                server: directory.id(host),
                seq: first,
                up: true,
                load: known.load,
                sessions: active,
                disconnected: known.sessions.len() as u32 - active,
                applications: known.applications,
                filler: Filler(0),
            };
            let message = server_message(&registration(turn, server, false), shares);
            count(counts, &message);
            bindings.reply(turn, on, to, message);
            for (session, before) in known.sessions.iter().zip(first..) {
                let event = if session.active { SessionEvent::Present } else { SessionEvent::PresentDisconnected };
                let row = SessionUpdate {
                    server: directory.id(host),
                    seq: before + 1,
                    event,
                    session: session.number,
                    user: session.user,
                    app: session.app,
                    load: known.load,
                    filler: Filler(0),
                };
                let message = session_message(turn, row, shares);
                count(counts, &message);
                bindings.reply(turn, on, to, message);
            }
        }
    }

    fn peer_of(&mut self, turn: &Turn<'_>, host: HostIndex) -> Option<&mut Peer> {
        let zone = turn.who.directory.zone(host);
        self.peers.iter_mut().find(|peer| peer.zone == zone)
    }

    fn find_next_look(&mut self) {
        self.look = self.peers.iter().map(|peer| peer.look).min().unwrap_or(Time::NEVER);
    }
}

impl Peer {
    const fn collector(&self) -> Option<HostIndex> {
        match self.reach {
            Reach::Up { collector, .. } => Some(collector),
            Reach::Asking { .. } | Reach::Announced { .. } | Reach::Lost => None,
        }
    }

    /// A silent peer is not pinged again and again (IMA Information, "How does the ZDC keep track").
    fn lose(&mut self, turn: &mut Turn<'_>) {
        if let Reach::Up { collector, .. } = self.reach {
            turn.out.notify(Notice::PeerLost(collector));
        }
        self.reach = Reach::Lost;
        self.look = turn.now + turn.who.settings.gateway_validation_interval;
    }

    fn mind(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, store: &DynamicStore) {
        let settings = turn.who.settings;
        match self.reach {
            Reach::Up { pinged: true, .. } => self.lose(turn),
            Reach::Up { collector, pinged: false } => {
                let directory = turn.who.directory;
                let sum = store.sum(directory, directory.zone(turn.who.me));
                bindings.send(turn, collector, Message::PeerPing { sum });
                self.reach = Reach::Up { collector, pinged: true };
                self.look = turn.now + settings.keep_alive_timeout;
            }
            Reach::Asking { position } => self.ask(turn, bindings, position),
            Reach::Announced { .. } | Reach::Lost => {
                let hosts = turn.who.directory.zone_hosts(self.zone).len() as u32;
                self.ask(turn, bindings, hosts);
            }
        }
    }

    /// Asks the next lower host of the zone; after the lowest the zone is left alone for a while, as a lost peer is.
    fn ask(&mut self, turn: &mut Turn<'_>, bindings: &mut Bindings, above: u32) {
        let order = turn.who.directory.zone_hosts(self.zone);
        let settings = turn.who.settings;
        if above == 0 {
            self.reach = Reach::Asking { position: order.len() as u32 };
            self.look = turn.now + settings.gateway_validation_interval;
            return;
        }
        self.reach = Reach::Asking { position: above - 1 };
        self.look = turn.now + settings.keep_alive_timeout;
        bindings.send(turn, order[above as usize - 1], Message::QueryMaster);
    }
}

fn count(counts: &mut DynamicCounts, message: &Message) {
    counts.gateway_updates += 1;
    counts.gateway_bytes += u64::from(message.encoded_len());
}
