//! What has been sent from one host here to another and has not arrived: one queue for each direction of a connection.
//!
//! Both ends of such a connection are known here, so every message is followed from its sender to its receiver: what is
//! in flight is counted one by one, and a message that arrives without having been sent is found out.

use std::collections::VecDeque;

use imafarm_proto::message::Kind;
use imafarm_proto::transport::seal::Side;
use imafarm_records::ledger::Count;

/// What both ends of a connection know it by, say the address and port of the one that opened it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair(pub u64);

/// The place of an end among two.
const fn at(side: Side) -> usize {
    match side {
        Side::Opener => 0,
        Side::Acceptor => 1,
    }
}

const fn other(side: Side) -> Side {
    match side {
        Side::Opener => Side::Acceptor,
        Side::Acceptor => Side::Opener,
    }
}

/// One message under way: from which zone to which, what it is, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parcel {
    pub zones: (u32, u32),
    pub kind: Kind,
    pub bytes: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Presence {
    /// It has not been heard of.
    #[default]
    Awaited,
    Here,
    Gone,
}

/// What is under way on one connection.
#[derive(Debug, Default)]
pub struct Flight {
    /// By sender.
    queues: [VecDeque<Parcel>; 2],
    ends: [Presence; 2],
}

impl Flight {
    /// An end is there.
    pub fn join(&mut self, side: Side) {
        self.ends[at(side)] = Presence::Here;
    }

    /// A message goes out. Whether it can arrive: not if the other end is gone.
    pub fn send(&mut self, from: Side, parcel: Parcel) -> bool {
        let arrives = self.ends[at(other(from))] != Presence::Gone;
        if arrives {
            self.queues[at(from)].push_back(parcel);
        }
        arrives
    }

    /// A message of this kind has arrived at an end; as it was sent, if it was.
    pub fn arrive(&mut self, to: Side, kind: Kind, bytes: u32) -> Option<Parcel> {
        let queue = &mut self.queues[at(other(to))];
        let sent = *queue.front()?;
        (sent.kind == kind && sent.bytes == bytes).then(|| queue.pop_front()).flatten()
    }

    /// An end is gone, and hears nothing more. What was under way to it is lost; to the other end too, if that has never
    /// been there. Whether both ends are done with.
    pub fn leave(&mut self, side: Side, lost: &mut Vec<Parcel>) -> bool {
        self.ends[at(side)] = Presence::Gone;
        lost.extend(self.queues[at(other(side))].drain(..));
        let other = &mut self.ends[at(other(side))];
        if *other == Presence::Awaited {
            lost.extend(self.queues[at(side)].drain(..));
            *other = Presence::Gone;
        }
        *other == Presence::Gone
    }

    /// The bytes held besides the flight itself.
    pub fn memory(&self) -> usize {
        self.queues.iter().map(|queue| queue.capacity() * size_of::<Parcel>()).sum()
    }

    /// Adds what is under way, by [`Kind::index`].
    pub fn count(&self, counts: &mut [Count; Kind::COUNT]) {
        for parcel in self.queues.iter().flatten() {
            counts[parcel.kind.index()].add(parcel.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn parcel(kind: Kind) -> Parcel {
        Parcel { zones: (0, 0), kind, bytes: 20 }
    }

    #[test]
    fn messages_arrive_in_the_order_in_which_they_were_sent() {
        let mut flight = Flight::default();
        flight.join(Side::Acceptor);
        assert!(flight.send(Side::Acceptor, parcel(Kind::BindRequest)));
        assert!(flight.send(Side::Acceptor, parcel(Kind::BindCommit)));
        flight.join(Side::Opener);
        assert_eq!(flight.arrive(Side::Opener, Kind::BindCommit, 20), None, "not the next");
        assert_eq!(flight.arrive(Side::Opener, Kind::BindRequest, 20), Some(parcel(Kind::BindRequest)));
        assert_eq!(flight.arrive(Side::Opener, Kind::BindCommit, 21), None, "not as long");
        assert_eq!(flight.arrive(Side::Acceptor, Kind::BindCommit, 20), None, "not its own");
    }

    #[test]
    fn what_was_sent_before_the_sender_left_still_arrives() {
        let (mut flight, mut lost) = (Flight::default(), Vec::new());
        flight.join(Side::Opener);
        flight.join(Side::Acceptor);
        flight.send(Side::Opener, parcel(Kind::ElectMaster));
        flight.send(Side::Acceptor, parcel(Kind::HeartbeatAck));
        assert!(!flight.leave(Side::Opener, &mut lost));
        assert_eq!(lost, [parcel(Kind::HeartbeatAck)], "nobody is there to hear it");
        assert!(!flight.send(Side::Acceptor, parcel(Kind::HeartbeatAck)));
        assert!(flight.arrive(Side::Acceptor, Kind::ElectMaster, 20).is_some());
        assert!(flight.leave(Side::Acceptor, &mut lost));
    }

    #[test]
    fn what_was_sent_to_an_end_that_never_came_is_lost() {
        let (mut flight, mut lost) = (Flight::default(), Vec::new());
        flight.join(Side::Acceptor);
        flight.send(Side::Acceptor, parcel(Kind::BindRequest));
        let mut counts = [Count::default(); Kind::COUNT];
        flight.count(&mut counts);
        assert_eq!(counts[Kind::BindRequest.index()].messages, 1);
        assert!(flight.leave(Side::Acceptor, &mut lost));
        assert_eq!(lost, [parcel(Kind::BindRequest)]);
    }
}
