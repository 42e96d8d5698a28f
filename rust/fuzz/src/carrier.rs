//! A live host, and whoever carries its bytes: connections without a socket, a data store that always answers, and peers
//! that speak as hosts do. It sees that the host asks for nothing that could not be done to a connection.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use imafarm_live::act::{Act, Conn, End, Wish};
use imafarm_live::farm::{LiveFarm, Plan};
use imafarm_proto::host_record::HostIndex;
use imafarm_proto::message::Message;
use imafarm_proto::profile::Product;
use imafarm_proto::settings::Settings;
use imafarm_proto::time::Time;
use imafarm_proto::transport::seal::{FarmKey, Keyring, Seals, Side};
use imafarm_proto::transport::{FrameError, Framer};
use imafarm_proto::zone::Standing;
use imafarm_records::Observed;

use crate::cast::{HOSTS, MAGIC, applications, directory, id};

/// A connection of the host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Somebody calls, and is not answered.
    Calling,
    /// Bytes go both ways.
    Open { to: Option<HostIndex> },
    /// The host has closed it, and says no more on it.
    Closed,
}

/// One host of a live farm; the others are whoever calls it.
pub struct Carrier {
    /// The farm, in which this host alone runs.
    pub farm: LiveFarm,
    me: HostIndex,
    now: Time,
    keyed: bool,
    ways: BTreeMap<Conn, Way>,
    /// What the host has said on each connection, and nobody has heard.
    said: BTreeMap<Conn, Vec<u8>>,
    /// The connections that it dropped and blamed for it, and what it would write into its log.
    pub blamed: Vec<(Conn, String)>,
    /// Challenges drawn by its peers.
    nonce: u8,
}

/// A peer's end of a connection: it speaks and hears as a host does.
pub struct Voice {
    framer: Framer,
    seals: Option<Seals>,
}

fn keyring() -> Keyring {
    Keyring { spoken: FarmKey::new([7; 32]), accepted: None }
}

impl Carrier {
    /// A host that has started, and calls whom it wants to.
    pub fn new(me: HostIndex, settings: Settings, keyed: bool) -> Carrier {
        let plan = Plan {
            directory: Arc::new(directory()),
            seed: 7,
            magic: MAGIC,
            host_magic: Vec::new(),
            product: Product::Ps45,
            settings: Arc::new(settings),
            host_settings: Vec::new(),
            applications: applications(),
            latest_change: 0,
            keyring: keyed.then(keyring),
            entropy: [9; 32],
        };
        let (ways, said, blamed) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let farm = LiveFarm::new(plan);
        let mut carrier = Carrier { farm, me, now: Time::ZERO, keyed, ways, said, blamed, nonce: 0 };
        carrier.farm.start(&[me.0]);
        carrier.carry();
        carrier
    }

    /// Whether a connection is one of the host's.
    pub fn is_live(&self, conn: Conn) -> bool {
        self.ways.contains_key(&conn)
    }

    /// Whether the host has not closed a connection.
    pub fn is_open(&self, conn: Conn) -> bool {
        matches!(self.ways.get(&conn), Some(Way::Open { .. }))
    }

    /// The connection on which the host calls this one.
    pub fn call_to(&self, peer: HostIndex) -> Option<Conn> {
        let mut ways = self.ways.iter();
        ways.find(|(_, way)| **way == Way::Open { to: Some(peer) }).map(|(conn, _)| *conn)
    }

    /// One end of a connection, for whoever has the farm's key if there is one.
    pub fn voice(&mut self, side: Side) -> Voice {
        self.nonce = self.nonce.wrapping_add(1);
        let seals = self.keyed.then(|| Seals::new(Arc::new(keyring()), side, [self.nonce; 32]));
        Voice { framer: Framer::default(), seals }
    }

    /// Somebody calls.
    pub fn call(&mut self) -> Conn {
        let conn = self.farm.incoming(self.me.0, None, self.now);
        assert_eq!(self.ways.insert(conn, Way::Calling), None);
        self.carry();
        conn
    }

    /// A host calls and says who it is; its end of the connection.
    pub fn called_by(&mut self, peer: HostIndex) -> (Conn, Voice) {
        let conn = self.call();
        let mut voice = self.voice(Side::Opener);
        let asked = self.heard(conn, &mut voice);
        assert_eq!(asked, Ok(vec![Message::BindRequest { magic: MAGIC, host: id(self.me) }]), "a caller is answered");
        self.speak(conn, &mut voice, &Message::BindResponse { magic: MAGIC, host: id(peer) });
        let agreed = self.heard(conn, &mut voice);
        assert_eq!(agreed.as_ref().map(|messages| messages.first()), Ok(Some(&Message::BindCommit)));
        (conn, voice)
    }

    /// A peer says something.
    pub fn speak(&mut self, conn: Conn, voice: &mut Voice, message: &Message) {
        let mut frame = Vec::new();
        voice.encode(message, &mut frame);
        self.receive(conn, &frame);
    }

    /// Bytes arrive. Whether they end within a frame.
    pub fn receive(&mut self, conn: Conn, bytes: &[u8]) -> bool {
        let cut = self.farm.receive(conn, bytes, self.now);
        self.carry();
        assert!(!cut || self.is_live(conn), "nothing more is awaited on a connection that is gone");
        cut
    }

    /// What a peer hears of what the host has said on a connection.
    ///
    /// Errors: the host says what is no speech.
    pub fn heard(&mut self, conn: Conn, voice: &mut Voice) -> Result<Vec<Message>, FrameError> {
        let said = self.said.remove(&conn).unwrap_or_default();
        voice.hear(&said)
    }

    /// A connection ends, if it still is one.
    pub fn end(&mut self, conn: Conn, how: End) {
        if self.ways.remove(&conn).is_some() {
            self.farm.ended(conn, how, self.now);
            self.carry();
        }
    }

    /// The host's next deadline comes.
    pub fn next_deadline(&mut self) {
        if let Some(when) = self.farm.next_deadline() {
            self.now = self.now.max(when);
            self.farm.advance(self.now);
            self.carry();
        }
    }

    /// Every connection breaks that there is now.
    pub fn hang_up(&mut self) {
        for conn in self.ways.keys().copied().collect::<Vec<Conn>>() {
            self.end(conn, End::Broken);
        }
    }

    /// Everybody is gone. In time the host has to be its zone's collector, and to answer whoever calls.
    pub fn heal(&mut self) {
        const ROUNDS: u32 = 2_000;
        for _ in 0..ROUNDS {
            if let Some((&conn, &way)) = self.ways.first_key_value() {
                self.end(conn, if way == Way::Closed { End::Broken } else { End::Refused });
            } else if self.farm.standing(self.me.0) == Standing::Master {
                return self.assert_sound();
            } else {
                self.next_deadline();
            }
        }
        panic!("the host does not heal: {:?}", self.farm.standing(self.me.0));
    }

    fn assert_sound(&mut self) {
        let caller = HostIndex((self.me.0 + 3) % HOSTS);
        let (conn, mut voice) = self.called_by(caller);
        self.assert_answers(conn, &mut voice);
    }

    /// A peer asks who the collector is, and is told.
    pub fn assert_answers(&mut self, conn: Conn, voice: &mut Voice) {
        self.speak(conn, voice, &Message::QueryMaster);
        let (host, _) = self.farm.host(self.me.0);
        let answer = Message::MasterIs { master: host.master().map(id) };
        let heard = self.heard(conn, voice);
        assert!(heard.as_ref().is_ok_and(|messages| messages.contains(&answer)), "{heard:?}");
    }

    /// Carries out what the host wants.
    fn carry(&mut self) {
        let mut acts = VecDeque::new();
        loop {
            // More follows from what the data store answers.
            acts.extend(self.farm.take_acts());
            let Some(Act { host, what }) = acts.pop_front() else { return };
            assert_eq!(host, self.me.0, "nobody else runs here");
            match what {
                Wish::Open { conn, to } => {
                    let way = Way::Open { to: Some(HostIndex(to)) };
                    assert_eq!(self.ways.insert(conn, way), None, "a number is used twice");
                }
                Wish::Accept(conn) => {
                    assert_eq!(self.ways.insert(conn, Way::Open { to: None }), Some(Way::Calling));
                }
                Wish::Refuse(conn) => assert_eq!(self.ways.remove(&conn), Some(Way::Calling)),
                Wish::Write(conn, bytes) => {
                    assert!(matches!(self.ways.get(&conn), Some(Way::Open { .. })), "{conn:?}");
                    self.said.entry(conn).or_default().extend(bytes);
                }
                Wish::Close(conn) => {
                    let before = self.ways.insert(conn, Way::Closed);
                    assert!(matches!(before, Some(Way::Open { .. })), "{conn:?}: {before:?}");
                }
                Wish::Abort(conn, why) => {
                    let before = self.ways.remove(&conn);
                    assert!(matches!(before, Some(Way::Open { .. } | Way::Closed)), "{conn:?}: {before:?}");
                    self.blamed.extend(why.map(|why| (conn, why)));
                }
                Wish::Bound(conn, _) => assert!(self.is_live(conn)),
                Wish::Consult(ticket, _) => self.farm.answered(host, ticket, 0, 0, self.now),
                Wish::Heard(_) | Wish::Started => {}
                Wish::Stopped => panic!("nobody has stopped it"),
            }
        }
    }
}

impl Voice {
    /// Appends a message, sealed if there is a key; nothing if a host could not say it now.
    pub fn encode(&mut self, message: &Message, out: &mut Vec<u8>) {
        match &mut self.seals {
            None => message.encode(out),
            Some(seals) => drop(message.encode_sealed(out, seals)),
        }
    }

    fn hear(&mut self, mut bytes: &[u8]) -> Result<Vec<Message>, FrameError> {
        let mut messages = Vec::new();
        loop {
            let next = match &mut self.seals {
                None => self.framer.pull(&mut bytes)?,
                Some(seals) => self.framer.pull_sealed(&mut bytes, seals)?,
            };
            match next {
                Some(message) => messages.push(message),
                None => return Ok(messages),
            }
        }
    }
}
