//! One host on streams, and a test at the other end of each of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use imafarm_live::act::{Act, Conn, End, Wish};
use imafarm_live::farm::{LiveFarm, Plan};
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::message::Message;
use imafarm_proto::outbox::Consult;
use imafarm_proto::time::{Span, Time};
use imafarm_proto::transport::seal::{Keyring, Seals, Side};
use imafarm_proto::transport::{Framer, Limits};

use crate::bench::{MAGIC, id, plan, settings};

/// The host that is tested: of six in its zone, the lowest-ranked.
pub const ME: u32 = 1;
/// Whoever is at the other end of what a test is about.
pub const PEER: u32 = 3;
/// Somebody else, with whom all is well.
pub const OTHER: u32 = 2;

/// The test's end of a connection.
#[derive(Debug)]
pub struct Tip {
    seals: Option<Seals>,
    framer: Framer,
    /// How many bytes were said on it.
    pub said: u64,
}

pub struct ByHand {
    pub farm: LiveFarm,
    pub now: Time,
    keyring: Option<Keyring>,
    tips: BTreeMap<Conn, Tip>,
    /// What the host has said on each connection since that was asked for.
    heard: BTreeMap<Conn, Vec<Message>>,
    nonces: u8,
}

impl ByHand {
    /// A host whose service has started. With `StartElection` it calls all that are ranked higher, the lowest first.
    pub fn new(turned: &[(&str, u64)], keyring: Option<Keyring>) -> ByHand {
        let directory = Arc::new(Directory::generate(6, 1));
        let plan = Plan { settings: settings(turned), keyring: keyring.clone(), ..plan(&directory, &[]) };
        let farm = LiveFarm::new(plan);
        let (tips, heard) = (BTreeMap::new(), BTreeMap::new());
        let mut host = ByHand { farm, now: Time::ZERO, keyring, tips, heard, nonces: 100 };
        host.farm.start(&[ME]);
        host
    }

    /// The data store answers the start; what the host wants at once.
    pub fn started(&mut self) -> Vec<Wish> {
        let [Wish::Consult(ticket, Consult::Start { .. })] = self.acts()[..] else { panic!("it asks the data store") };
        self.farm.answered(ME, ticket, 0, 1_000, self.now);
        self.acts()
    }

    /// What the host wants. What it writes is read, too.
    pub fn acts(&mut self) -> Vec<Wish> {
        let acts: Vec<Wish> = self
            .farm
            .take_acts()
            .into_iter()
            .map(|Act { host, what }| {
                assert_eq!(host, ME, "no other host lives here");
                what
            })
            .collect();
        for act in &acts {
            match act {
                Wish::Open { conn, .. } => self.tip(*conn, Side::Acceptor),
                Wish::Accept(conn) => self.tip(*conn, Side::Opener),
                Wish::Write(conn, bytes) => self.read(*conn, bytes),
                Wish::Refuse(_) | Wish::Close(_) | Wish::Abort(..) | Wish::Bound(..) => {}
                Wish::Consult(..) | Wish::Heard(_) | Wish::Started | Wish::Stopped => {}
            }
        }
        acts
    }

    fn tip(&mut self, conn: Conn, side: Side) {
        self.nonces = self.nonces.wrapping_add(1);
        let nonce = [self.nonces; 32];
        let seals = self.keyring.clone().map(|keyring| Seals::new(Arc::new(keyring), side, nonce));
        let tip = Tip { seals, framer: Framer::new(Limits::default()), said: 0 };
        assert!(self.tips.insert(conn, tip).is_none(), "no number is used twice");
    }

    fn read(&mut self, conn: Conn, mut bytes: &[u8]) {
        let tip = self.tips.get_mut(&conn).expect("nothing is said where nobody is connected");
        let heard = self.heard.entry(conn).or_default();
        loop {
            let next = match &mut tip.seals {
                Some(seals) => tip.framer.pull_sealed(&mut bytes, seals),
                None => tip.framer.pull(&mut bytes),
            };
            match next.expect("a host speaks well") {
                Some(message) => heard.push(message),
                None => return,
            }
        }
    }

    /// What the host has said on a connection since it was last asked.
    pub fn heard(&mut self, conn: Conn) -> Vec<Message> {
        self.heard.remove(&conn).unwrap_or_default()
    }

    /// How many bytes were said to the host on a connection.
    pub fn said(&self, conn: Conn) -> u64 {
        self.tips.get(&conn).map_or(0, |tip| tip.said)
    }

    /// Says something well; what the host wants then.
    pub fn say(&mut self, conn: Conn, message: &Message) -> Vec<Wish> {
        let bytes = self.frame(conn, message);
        self.say_bytes(conn, &bytes)
    }

    /// A message's frame, as it has to be next on this connection.
    pub fn frame(&mut self, conn: Conn, message: &Message) -> Vec<u8> {
        let tip = self.tips.get_mut(&conn).expect("a connection");
        let mut bytes = Vec::new();
        match &mut tip.seals {
            Some(seals) => message.encode_sealed(&mut bytes, seals).expect("in turn"),
            None => message.encode(&mut bytes),
        }
        bytes
    }

    pub fn say_bytes(&mut self, conn: Conn, bytes: &[u8]) -> Vec<Wish> {
        if let Some(tip) = self.tips.get_mut(&conn) {
            tip.said += bytes.len() as u64;
        }
        self.farm.receive(conn, bytes, self.now);
        self.acts()
    }

    /// A connection is at its end.
    pub fn end(&mut self, conn: Conn, end: End) -> Vec<Wish> {
        self.farm.ended(conn, end, self.now);
        self.acts()
    }

    pub fn wait(&mut self, span: Span) -> Vec<Wish> {
        self.now += span;
        self.farm.advance(self.now);
        self.acts()
    }

    // ---- bindings ----------------------------------------------------------------------------------------------

    pub fn request(host: u32) -> Message {
        Message::BindRequest { magic: MAGIC, host: id(u64::from(host) + 1) }
    }

    pub fn response(host: u32) -> Message {
        Message::BindResponse { magic: MAGIC, host: id(u64::from(host) + 1) }
    }

    /// Somebody calls.
    pub fn call(&mut self) -> (Conn, Vec<Wish>) {
        let conn = self.farm.incoming(ME, None, self.now);
        (conn, self.acts())
    }

    /// This host calls and is bound.
    pub fn called_by(&mut self, host: u32) -> Conn {
        let (conn, acts) = self.call();
        assert!(acts.contains(&Wish::Accept(conn)), "{acts:?}");
        let acts = self.say(conn, &ByHand::response(host));
        assert!(acts.contains(&Wish::Bound(conn, host)), "{acts:?}");
        conn
    }

    /// The host's call is answered by whom it called.
    pub fn answer(&mut self, conn: Conn, host: u32) -> Vec<Wish> {
        self.say(conn, &ByHand::request(host));
        let acts = self.say(conn, &Message::BindCommit);
        assert!(acts.contains(&Wish::Bound(conn, host)), "{acts:?}");
        acts
    }

    /// Nobody answers these calls, nor those that follow.
    pub fn refuse_all(&mut self, acts: &[Wish], but: u32) -> Option<Conn> {
        let (mut calls, mut kept) = (opened(acts), None);
        while let Some((conn, to)) = calls.pop() {
            if to == but && kept.is_none() {
                kept = Some(conn);
            } else {
                calls.extend(opened(&self.end(conn, End::Refused)));
            }
        }
        kept
    }
}

/// Whom the host calls, and on which connections.
pub fn opened(acts: &[Wish]) -> Vec<(Conn, u32)> {
    let call = |act: &Wish| if let Wish::Open { conn, to } = act { Some((*conn, *to)) } else { None };
    acts.iter().filter_map(call).collect()
}

/// The connections that acts are about.
pub fn about(acts: &[Wish]) -> Vec<Conn> {
    let conn = |act: &Wish| match act {
        Wish::Open { conn, .. } | Wish::Accept(conn) | Wish::Refuse(conn) | Wish::Write(conn, _) => Some(*conn),
        Wish::Close(conn) | Wish::Abort(conn, _) | Wish::Bound(conn, _) => Some(*conn),
        Wish::Consult(..) | Wish::Heard(_) | Wish::Started | Wish::Stopped => None,
    };
    acts.iter().filter_map(conn).collect()
}

/// Whether the host dropped this connection, and why.
pub fn dropped(acts: &[Wish], conn: Conn) -> Option<Option<&str>> {
    let aborts = acts.iter().filter_map(|act| if let Wish::Abort(on, why) = act { Some((*on, why)) } else { None });
    aborts.filter(|(on, _)| *on == conn).map(|(_, why)| why.as_deref()).next()
}
