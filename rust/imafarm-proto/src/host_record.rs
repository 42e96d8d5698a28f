//! The host record and the rank that elections go by (IMA Information, "Mapping connections for traffic sending").

mod ranking;

use core::fmt;
use core::num::NonZeroU64;
use std::sync::Arc;

use thiserror::Error;

pub use ranking::highest_first;

/// The number that names a host in the farm: unique, never 0, at most 48 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(NonZeroU64);

impl HostId {
    /// The largest host id. Our guess: 48 bits, so that a rank fits one machine word.
    pub const MAX: u64 = (1 << 48) - 1;

    /// The host id `id`, unless it is 0 or above [`HostId::MAX`].
    pub const fn new(id: u64) -> Option<HostId> {
        match NonZeroU64::new(id) {
            Some(nonzero) if id <= HostId::MAX => Some(HostId(nonzero)),
            Some(_) | None => None,
        }
    }

    /// The plain number.
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// A host's place in the shared directory: dense, `0..hosts`. It never goes over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostIndex(pub u32);

impl HostIndex {
    /// As an index into arrays by host.
    #[inline]
    pub const fn at(self) -> usize {
        self.0 as usize
    }
}

/// A zone's place in the shared directory: dense, `0..zones`, in the order in which records first name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneIndex(pub u32);

impl ZoneIndex {
    /// As an index into arrays by zone.
    #[inline]
    pub const fn at(self) -> usize {
        self.0 as usize
    }
}

/// How much an administrator wants a host as its zone's data collector, best first.
///
/// The number is what `queryhr` prints as `Master Ranking`. Our guess: 1 to 4, lower is better; both published samples
/// show 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Preference {
    /// The zone's first server gets this one.
    MostPreferred = 1,
    /// A backup the administrator chose.
    Preferred = 2,
    /// What a server gets when nobody chooses.
    #[default]
    Default = 3,
    /// Stands in elections all the same, and can win.
    NotPreferred = 4,
}

impl Preference {
    /// All preferences, best first.
    pub const ALL: [Preference; 4] =
        [Preference::MostPreferred, Preference::Preferred, Preference::Default, Preference::NotPreferred];

    /// The preference with this number, 1 to 4.
    pub const fn from_number(number: u8) -> Option<Preference> {
        match number {
            1 => Some(Preference::MostPreferred),
            2 => Some(Preference::Preferred),
            3 => Some(Preference::Default),
            4 => Some(Preference::NotPreferred),
            _ => None,
        }
    }

    /// The number `queryhr` prints.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// What an election compares: version first, then preference, then host id, each higher before lower (IMA
/// Information, "What server is the boss").
///
/// One word holds all three in that order, so ranks compare as integers, here and nowhere else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank(u64);

impl Rank {
    /// The rank of a host with these three.
    #[inline]
    pub const fn new(version: u8, preference: Preference, host_id: HostId) -> Rank {
        Rank((version as u64) << 56 | ((u8::MAX - preference as u8) as u64) << 48 | host_id.get())
    }

    /// The rank of a session-host-only server: below every other server's, whatever their versions, and among its like
    /// by host id. It serves only to keep a zone's hosts in one order, because it never stands in an election.
    #[inline]
    pub const fn session_only(host_id: HostId) -> Rank {
        Rank(host_id.get())
    }

    /// Whether a host of this rank stands in elections. No version and preference leave this part of the word empty.
    #[inline]
    pub const fn stands(self) -> bool {
        self.0 >> 48 != 0
    }

    /// The rank as one word that compares as ranks do.
    #[inline]
    pub const fn key(self) -> u64 {
        self.0
    }

    /// The version, compared first.
    pub const fn version(self) -> u8 {
        (self.0 >> 56) as u8
    }

    /// The preference's number, compared second. A session-host-only server has none, and is read as Not Preferred.
    pub const fn preference_number(self) -> u8 {
        if self.stands() { u8::MAX - (self.0 >> 48) as u8 } else { Preference::NotPreferred.number() }
    }

    /// The host id, which breaks ties.
    pub const fn host_id(self) -> u64 {
        self.0 & HostId::MAX
    }

    /// Whether this host may take the role from a living collector of rank `incumbent`.
    ///
    /// A host id alone does not unseat anybody: the one in office stays unless it is less preferred (IMA Information,
    /// last answer). It only breaks ties among candidates.
    #[inline]
    pub const fn unseats(self, incumbent: Rank) -> bool {
        self.0 >> 48 > incumbent.0 >> 48
    }
}

impl fmt::Debug for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rank(version {}, preference {}, id {})", self.version(), self.preference_number(), self.host_id())
    }
}

/// All that the farm knows of one host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostRecord {
    /// The definitive name, which the host determines itself when it joins. Unicode, 1 to 255 bytes of UTF-8.
    pub name: Box<str>,
    /// The name of its zone. Unicode, 1 to 255 bytes of UTF-8.
    pub zone: Arc<str>,
    /// The port between servers; 2512 unless set.
    pub ima_port: u16,
    /// The Management Console's port; 2513 unless set.
    pub admin_port: u16,
    /// The number that names it.
    pub host_id: HostId,
    /// The product version as elections see it; 1 on every server of a sane farm.
    pub version: u8,
    /// The administrator's ranking.
    pub preference: Preference,
    /// Whether it serves sessions and nothing else: it listens for servers but not for the Management Console, and never
    /// stands in an election. Its `admin_port`, `version` and `preference` count for nothing then.
    pub session_only: bool,
}

/// The default port between servers (IMA Information, "Host Names").
pub const IMA_PORT: u16 = 2512;
/// The default port of the Management Console (IMA Information, sample of `queryhr`).
pub const ADMIN_PORT: u16 = 2513;
/// The longest name of a host or zone, in bytes of UTF-8. Our guess.
pub const NAME_MAX: usize = 255;

impl HostRecord {
    /// A record with the default ports, version 1 and the default preference.
    pub fn new(name: &str, zone: Arc<str>, host_id: HostId) -> HostRecord {
        HostRecord {
            name: name.into(),
            zone,
            ima_port: IMA_PORT,
            admin_port: ADMIN_PORT,
            host_id,
            version: 1,
            preference: Preference::default(),
            session_only: false,
        }
    }

    /// The host's rank.
    pub const fn rank(&self) -> Rank {
        if self.session_only {
            Rank::session_only(self.host_id)
        } else {
            Rank::new(self.version, self.preference, self.host_id)
        }
    }

    /// Checks what types alone cannot hold: names that are neither empty, nor too long, nor hold control characters.
    pub fn check(&self) -> Result<(), RecordError> {
        check_name("name", &self.name)?;
        check_name("zone", &self.zone)
    }
}

/// Checks the name of a host or a zone; `key` is the field that holds it.
pub(crate) fn check_name(key: &'static str, name: &str) -> Result<(), RecordError> {
    if name.is_empty() || name.len() > NAME_MAX {
        return Err(RecordError::NameLength { key, bytes: name.len() });
    }
    match name.chars().find(|c| c.is_control()) {
        Some(bad) => Err(RecordError::NameControl { key, bad }),
        None => Ok(()),
    }
}

/// A host record that no farm can hold. The caller's; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// A name is empty or too long.
    #[error("{key}: a name has 1 to {NAME_MAX} bytes of UTF-8, this one has {bytes}")]
    NameLength {
        /// Which field.
        key: &'static str,
        /// How long it is.
        bytes: usize,
    },
    /// A name holds a control character.
    #[error("{key}: a name holds no control characters, this one holds {bad:?}")]
    NameControl {
        /// Which field.
        key: &'static str,
        /// The first such character.
        bad: char,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(version: u8, preference: Preference, id: u64) -> Rank {
        Rank::new(version, preference, HostId::new(id).expect("a valid id"))
    }

    #[test]
    fn version_comes_before_preference_and_preference_before_host_id() {
        use Preference::{Default, MostPreferred, NotPreferred};
        assert!(rank(2, NotPreferred, 1) > rank(1, MostPreferred, 9));
        assert!(rank(1, MostPreferred, 1) > rank(1, Default, 9));
        assert!(rank(1, Default, 9) > rank(1, Default, 8));
    }

    #[test]
    fn a_rank_gives_back_what_it_was_made_of() {
        let r = rank(3, Preference::NotPreferred, HostId::MAX);
        assert_eq!((r.version(), r.preference_number(), r.host_id()), (3, 4, HostId::MAX));
    }

    #[test]
    fn a_host_id_alone_unseats_nobody() {
        use Preference::{Default, Preferred};
        assert!(!rank(1, Default, 9).unseats(rank(1, Default, 8)));
        assert!(rank(1, Preferred, 1).unseats(rank(1, Default, 8)));
        assert!(!rank(1, Default, 9).unseats(rank(1, Preferred, 8)));
    }

    /// Our guess: a session-host-only server has a place in its zone's order, below whoever can be elected.
    #[test]
    fn a_session_host_only_server_ranks_below_every_other_and_never_stands() {
        let id = |number| HostId::new(number).expect("a valid id");
        let mut record = HostRecord::new("H", "Z".into(), id(HostId::MAX));
        (record.version, record.preference, record.session_only) = (255, Preference::MostPreferred, true);
        let session_only = record.rank();
        let least = rank(0, Preference::NotPreferred, 1);
        assert!(session_only < least && session_only > Rank::session_only(id(5)));
        assert!(!session_only.stands() && least.stands());
        assert!(least.unseats(session_only) && !session_only.unseats(least));
        assert_eq!((session_only.version(), session_only.preference_number()), (0, 4));
    }

    #[test]
    fn host_ids_have_48_bits_and_are_never_zero() {
        assert_eq!(HostId::new(0), None);
        assert_eq!(HostId::new(HostId::MAX + 1), None);
        assert!(HostId::new(HostId::MAX).is_some());
    }

    #[test]
    fn names_are_checked() {
        let mut record = HostRecord::new("H1", "Z1".into(), HostId::new(1).expect("valid"));
        assert_eq!(record.check(), Ok(()));
        record.name = "a\u{7}".into();
        assert!(matches!(record.check(), Err(RecordError::NameControl { key: "name", .. })));
        record.name = "".into();
        assert!(matches!(record.check(), Err(RecordError::NameLength { key: "name", bytes: 0 })));
    }
}
