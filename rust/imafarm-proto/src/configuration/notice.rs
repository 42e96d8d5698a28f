//! Directory change notifications (CTX114843, "Farm Communication").
//!
//! ```text
//! host -> its collector -> every member of the zone
//!                       -> every other zone's collector -> every member of that zone
//! ```
//!
//! The notice carries the change, so that nobody has to read the data store for it. It is not guaranteed: nothing is
//! repeated, and nobody keeps a list of who has it. Who misses it reads the change at the next poll.

use crate::bindings::{Audience, Bindings};
use crate::host_record::HostIndex;
use crate::host_resolver::EntryIndex;
use crate::local_host_cache::LocalHostCache;
use crate::message::{Filler, Message};
use crate::outbox::Notice;
use crate::turn::Turn;
use crate::zone::Allegiance;

use super::Neighbours;

/// How long the messages about one change are.
struct Lengths {
    /// From and to a collector.
    collector: u32,
    /// A collector's answer to another.
    answer: u32,
    /// To a member.
    member: u32,
}

impl Lengths {
    /// Those of publishing an application are published; any other notice is as long as the change.
    fn of(turn: &Turn<'_>, change: u32, bytes: u32) -> Lengths {
        if !turn.who.applications.is_publication(change) {
            return Lengths { collector: bytes, answer: 0, member: bytes };
        }
        let figures = turn.who.profile.console.publishing.figures();
        Lengths {
            collector: figures.transmitted,
            answer: figures.received.unwrap_or(0),
            member: turn.who.profile.publishing_notice_bytes(),
        }
    }
}

/// A change that was made on this host is in the data store: the farm hears of it, if it is not too long for that.
pub(super) fn broadcast(turn: &mut Turn<'_>, bindings: &mut Bindings, near: Neighbours<'_>, change: u32, bytes: u32) {
    if !turn.who.profile.broadcasts(bytes) {
        return;
    }
    match near.allegiance {
        Allegiance::Master(_) => {
            tell_peers(turn, bindings, near, change, bytes);
            tell_members(turn, bindings, change, bytes);
        }
        Allegiance::Member(collector) => {
            let length = Lengths::of(turn, change, bytes).collector;
            bindings.send(turn, collector, notice(change, bytes, length));
        }
        // There is no collector to spread it: everybody else finds it at the next poll.
        Allegiance::Nobody => {}
    }
}

/// A notice has come. A collector passes on what comes from its own zone to all, and what comes from another zone's
/// collector to its members; a member hears its collector, and nobody else. What a collector has already it does not pass
/// on: two collectors in one zone would else tell one another for ever.
pub(super) fn hear(
    turn: &mut Turn<'_>,
    bindings: &mut Bindings,
    cache: &mut LocalHostCache,
    near: Neighbours<'_>,
    (on, from): (EntryIndex, HostIndex),
    (change, bytes): (u32, u32),
) {
    match near.allegiance {
        Allegiance::Master(_) if turn.who.is_in_zone(from) => {
            if learn(turn, cache, change) {
                tell_peers(turn, bindings, near, change, bytes);
                tell_members(turn, bindings, change, bytes);
            }
        }
        Allegiance::Master(_) if near.peers.contains(&from) => {
            let is_new = learn(turn, cache, change);
            let answer = Message::ConfigChangeAck { change, filler: Filler(0) };
            let length = Lengths::of(turn, change, bytes).answer;
            bindings.reply(turn, on, from, answer.lengthened_to(length));
            if is_new {
                tell_members(turn, bindings, change, bytes);
            }
        }
        Allegiance::Member(collector) if collector == from => {
            learn(turn, cache, change);
        }
        Allegiance::Master(_) | Allegiance::Member(_) | Allegiance::Nobody => {}
    }
}

/// A change is known on this host from now on; whether it was not before.
pub(super) fn learn(turn: &mut Turn<'_>, cache: &mut LocalHostCache, change: u32) -> bool {
    let is_new = cache.hear(change);
    if is_new {
        turn.who.knows = cache.changes();
        turn.out.notify(Notice::ChangeLearnt(change));
    }
    is_new
}

fn tell_peers(turn: &mut Turn<'_>, bindings: &mut Bindings, near: Neighbours<'_>, change: u32, bytes: u32) {
    let length = Lengths::of(turn, change, bytes).collector;
    for &peer in near.peers {
        bindings.send(turn, peer, notice(change, bytes, length));
    }
}

fn tell_members(turn: &Turn<'_>, bindings: &mut Bindings, change: u32, bytes: u32) {
    let length = Lengths::of(turn, change, bytes).member;
    bindings.fan_out(turn, Audience::Zone, notice(change, bytes, length));
}

fn notice(change: u32, bytes: u32, length: u32) -> Message {
    Message::ConfigChange { change, bytes, filler: Filler(0) }.lengthened_to(length)
}
