//! What arrives at a host, and how a host's arrivals are ordered.

use imafarm_proto::input::{Answer, Ticket};
use imafarm_proto::message::{Kind, MagicNumber, Message};

use crate::network::EndRef;
use crate::users::Errand;

/// What arrives at a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parcel {
    /// The service is started.
    Start,
    /// The source calls.
    Connect {
        /// The caller's end of the connection.
        end: EndRef,
    },
    /// The call is answered, and the acceptor speaks first: its BIND_REQUEST.
    Greeting {
        /// The acceptor's end of the connection.
        end: EndRef,
        /// The acceptor's farm.
        magic: MagicNumber,
    },
    /// A message on an established connection.
    Message(Message),
    /// The other side closed in good order.
    Finish,
    /// The call was turned away.
    Refused,
    /// The connection broke. If the letter names no end of the target's, it is the one to this end of the source's.
    Broken {
        /// The source's end.
        end: EndRef,
    },
    /// The host has named a deadline that may be due.
    Wake,
    /// A user comes, or does something.
    User(Errand),
    /// The data store answers.
    Consulted(Box<(Ticket, Answer)>),
}

/// One arrival, as whoever handles it sees it. Millions of them wait as an [`Event`](crate::event::Event).
#[derive(Clone, Debug)]
pub struct Letter {
    /// Whom it concerns.
    pub target: u32,
    /// The target's end of the connection, if it has one.
    pub to: EndRef,
    /// Who caused it.
    pub source: u32,
    /// What arrives.
    pub parcel: Parcel,
}

impl Letter {
    /// The host named a deadline.
    pub const fn wake(target: u32) -> Letter {
        Letter { target, to: EndRef::NONE, source: target, parcel: Parcel::Wake }
    }

    /// Among what happens to a host at one instant after all else: users, then answers of the data store; class and who.
    /// No two that are equal in both are put in by different hosts.
    pub const fn late_order(&self) -> (u32, u32) {
        match &self.parcel {
            Parcel::User(errand) => errand.order(self.target),
            Parcel::Consulted(answer) => (8, answer.0.0),
            Parcel::Start
            | Parcel::Connect { .. }
            | Parcel::Greeting { .. }
            | Parcel::Message(_)
            | Parcel::Finish
            | Parcel::Refused
            | Parcel::Broken { .. }
            | Parcel::Wake => (0, self.source),
        }
    }

    /// The kind of the IMA message it carries, if it carries one.
    pub const fn kind(&self) -> Option<Kind> {
        match &self.parcel {
            Parcel::Greeting { .. } => Some(Kind::BindRequest),
            Parcel::Message(message) => Some(message.kind()),
            Parcel::Start
            | Parcel::Connect { .. }
            | Parcel::Finish
            | Parcel::Refused
            | Parcel::Broken { .. }
            | Parcel::Wake
            | Parcel::User(_)
            | Parcel::Consulted(_) => None,
        }
    }
}
