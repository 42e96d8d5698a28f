//! What a host has done with its bindings.

/// What a host has done with its bindings since it was made. `opened = evicted + closed + active`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BindingCounts {
    /// Bindings that became active, either direction.
    pub opened: u64,
    /// Messages for which an open binding stood ready.
    pub hit: u64,
    /// Active bindings torn down to make room.
    pub evicted: u64,
    /// Active bindings that ended for any other reason.
    pub closed: u64,
    /// Callers turned away, and calls of ours that nobody answered or that met a stranger.
    pub refused: u64,
    /// Messages dropped because too many waited for one binding already.
    pub overflowed: u64,
}

impl BindingCounts {
    /// Nothing yet.
    pub const ZERO: BindingCounts =
        BindingCounts { opened: 0, hit: 0, evicted: 0, closed: 0, refused: 0, overflowed: 0 };

    /// Adds what others have done, or the same host later.
    pub const fn merge(&mut self, other: &BindingCounts) {
        self.opened += other.opened;
        self.hit += other.hit;
        self.evicted += other.evicted;
        self.closed += other.closed;
        self.refused += other.refused;
        self.overflowed += other.overflowed;
    }

    /// What was done since it was `before`.
    #[must_use]
    pub const fn since(&self, before: &BindingCounts) -> BindingCounts {
        BindingCounts {
            opened: self.opened - before.opened,
            hit: self.hit - before.hit,
            evicted: self.evicted - before.evicted,
            closed: self.closed - before.closed,
            refused: self.refused - before.refused,
            overflowed: self.overflowed - before.overflowed,
        }
    }
}
