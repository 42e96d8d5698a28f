//! The handles of host bindings (HBINDING): the third way to refer to a host, and the one that sending needs (IMA
//! Information, "Mapping connections for traffic sending").
//!
//! Departure: handles and hosts are both dense, so arrays do here what the product does with a hash table.

use core::num::NonZeroU64;

use crate::host_record::HostIndex;

/// The handle of a binding to a host. Never 0; given out again only after its slot was used 2^32 times.
///
/// The low half is a slot, from 1; the high half counts how often the slot was used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostBinding(NonZeroU64);

impl HostBinding {
    const fn new(slot: u32, turn: u32) -> Option<HostBinding> {
        match NonZeroU64::new((turn as u64) << 32 | (slot as u64 + 1)) {
            Some(handle) => Some(HostBinding(handle)),
            None => None,
        }
    }

    /// The plain number.
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

/// The bindings of one host, by handle and by the host at the other end. A host has one binding at most.
#[derive(Clone, Debug, Default)]
pub struct HostBindings {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// By host: the handle, as far as the array reaches.
    by_host: Vec<Option<HostBinding>>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    turn: u32,
    host: Option<HostIndex>,
}

impl HostBindings {
    /// How many bindings there are.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The handle of the binding to `host`, which is made if there is none.
    pub fn bind(&mut self, host: HostIndex) -> HostBinding {
        if let Some(bound) = self.binding_of(host) {
            return bound;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { turn: 0, host: None });
            self.slots.len() as u32 - 1
        });
        self.slots[slot as usize].host = Some(host);
        let binding = HostBinding::new(slot, self.slots[slot as usize].turn).expect("slots count from 1");
        if self.by_host.len() <= host.at() {
            self.by_host.resize(host.at() + 1, None);
        }
        self.by_host[host.at()] = Some(binding);
        binding
    }

    /// Ends the binding with this handle; gives back the host at its other end, or nothing when there is none.
    pub fn unbind(&mut self, handle: u64) -> Option<HostIndex> {
        let host = self.host_of(handle)?;
        let place = handle as u32 - 1;
        let slot = &mut self.slots[place as usize];
        slot.host = None;
        slot.turn = slot.turn.wrapping_add(1);
        self.by_host[host.at()] = None;
        self.free.push(place);
        Some(host)
    }

    /// The host at the other end of the binding with this handle.
    #[inline]
    pub fn host_of(&self, handle: u64) -> Option<HostIndex> {
        let slot = self.slots.get((handle as u32).wrapping_sub(1) as usize)?;
        if slot.turn == (handle >> 32) as u32 { slot.host } else { None }
    }

    /// The handle of the binding to `host`, if there is one.
    #[inline]
    pub fn binding_of(&self, host: HostIndex) -> Option<HostBinding> {
        self.by_host.get(host.at()).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_one_binding_and_a_handle_one_host() {
        let mut bindings = HostBindings::default();
        let seven = bindings.bind(HostIndex(7));
        let three = bindings.bind(HostIndex(3));
        assert_eq!(bindings.bind(HostIndex(7)), seven);
        assert_ne!(seven, three);
        assert_eq!(bindings.host_of(seven.get()), Some(HostIndex(7)));
        assert_eq!(bindings.binding_of(HostIndex(3)), Some(three));
        assert_eq!((bindings.binding_of(HostIndex(4)), bindings.binding_of(HostIndex(900))), (None, None));
        assert_eq!(bindings.len(), 2);
    }

    #[test]
    fn a_handle_that_ended_means_nobody_even_when_its_slot_is_used_again() {
        let mut bindings = HostBindings::default();
        let first = bindings.bind(HostIndex(1));
        assert_eq!(bindings.unbind(first.get()), Some(HostIndex(1)));
        assert!(bindings.is_empty());
        assert_eq!((bindings.unbind(first.get()), bindings.binding_of(HostIndex(1))), (None, None));
        let second = bindings.bind(HostIndex(2));
        assert_eq!(bindings.host_of(first.get()), None);
        assert_eq!(bindings.host_of(second.get()), Some(HostIndex(2)));
    }

    #[test]
    fn handles_nobody_gave_out_mean_nobody() {
        let mut bindings = HostBindings::default();
        bindings.bind(HostIndex(0));
        for handle in [0, 2, 1 << 32, (1 << 32) + 1, u64::MAX] {
            assert_eq!((bindings.host_of(handle), bindings.unbind(handle)), (None, None), "{handle}");
        }
    }
}
