//! The classes of farm events, one bit each.

/// A host's service started, or a paused host went on.
pub const HOST_UP: u32 = 1;
/// A host crashed, stopped or was paused.
pub const HOST_DOWN: u32 = 2;
/// A host could not reach its data collector.
pub const MASTER_UNREACHABLE: u32 = 4;
/// A host sent ELECT_MASTER to all that are ranked higher.
pub const ELECTION_STARTED: u32 = 8;
/// A host declared itself the data collector.
pub const MASTER_DECLARED: u32 = 16;
/// A data collector gave way to another.
pub const MASTER_RESIGNED: u32 = 32;
/// All running hosts of a zone agree on a live data collector.
pub const ZONE_AGREED: u32 = 64;
/// A host turned a stranger away: another magic number, or an unknown host.
pub const BINDING_REFUSED: u32 = 128;
/// A host takes another for its data collector from now on.
pub const MASTER_ACCEPTED: u32 = 256;
/// A candidate was told that somebody ranked higher takes over.
pub const ELECTION_ACKNOWLEDGED: u32 = 512;
/// A data collector takes a member for lost.
pub const MEMBER_LOST: u32 = 1024;
/// A data collector takes another zone's collector for lost.
pub const PEER_LOST: u32 = 2048;
/// Something has happened to a session of a host.
pub const SESSION_CHANGED: u32 = 4096;
/// A table to which a host subscribed has changed.
pub const TABLE_CHANGED: u32 = 8192;
/// A host that was asked where a session should run has an answer.
pub const RESOLVED: u32 = 1 << 20;
/// A host's service is about to start: it reads the data store.
pub const HOST_STARTING: u32 = 1 << 28;
/// A host's service started from its local host cache, since the data store is down.
pub const STARTED_FROM_CACHE: u32 = 1 << 21;
/// A host's service did not start, since the data store is down.
pub const START_REFUSED: u32 = 1 << 22;
/// A host's service still starts, and the service manager takes it for hung.
pub const SERVICE_TIMED_OUT: u32 = 1 << 23;
/// A host could not reach the data store, which it could before.
pub const STORE_UNREACHABLE: u32 = 1 << 24;
/// A change of the farm's configuration is in the data store.
pub const CHANGE_MADE: u32 = 1 << 25;
/// A change of the farm's configuration could not be written to the data store.
pub const CHANGE_REFUSED: u32 = 1 << 26;
/// A host's local host cache has a change that it did not have.
pub const CHANGE_LEARNT: u32 = 1 << 27;

/// Every class with its name, in the order of the bits.
pub const NAMES: [(u32, &str); 23] = [
    (HOST_UP, "HOST_UP"),
    (HOST_DOWN, "HOST_DOWN"),
    (MASTER_UNREACHABLE, "MASTER_UNREACHABLE"),
    (ELECTION_STARTED, "ELECTION_STARTED"),
    (MASTER_DECLARED, "MASTER_DECLARED"),
    (MASTER_RESIGNED, "MASTER_RESIGNED"),
    (ZONE_AGREED, "ZONE_AGREED"),
    (BINDING_REFUSED, "BINDING_REFUSED"),
    (MASTER_ACCEPTED, "MASTER_ACCEPTED"),
    (ELECTION_ACKNOWLEDGED, "ELECTION_ACKNOWLEDGED"),
    (MEMBER_LOST, "MEMBER_LOST"),
    (PEER_LOST, "PEER_LOST"),
    (SESSION_CHANGED, "SESSION_CHANGED"),
    (TABLE_CHANGED, "TABLE_CHANGED"),
    (RESOLVED, "RESOLVED"),
    (STARTED_FROM_CACHE, "STARTED_FROM_CACHE"),
    (START_REFUSED, "START_REFUSED"),
    (SERVICE_TIMED_OUT, "SERVICE_TIMED_OUT"),
    (STORE_UNREACHABLE, "STORE_UNREACHABLE"),
    (CHANGE_MADE, "CHANGE_MADE"),
    (CHANGE_REFUSED, "CHANGE_REFUSED"),
    (CHANGE_LEARNT, "CHANGE_LEARNT"),
    (HOST_STARTING, "HOST_STARTING"),
];

/// The place of a class among [`NAMES`].
#[inline]
pub const fn place(class: u32) -> i8 {
    const PLACES: [i8; 32] = {
        let (mut places, mut place) = ([-1; 32], 0);
        while place < NAMES.len() {
            places[NAMES[place].0.trailing_zeros() as usize] = place as i8;
            place += 1;
        }
        places
    };
    PLACES[class.trailing_zeros() as usize]
}

/// What goes to the event log.
pub const LOGGED: u32 = STARTED_FROM_CACHE | START_REFUSED | SERVICE_TIMED_OUT | STORE_UNREACHABLE;
