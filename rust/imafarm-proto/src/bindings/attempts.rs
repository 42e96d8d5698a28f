//! What is kept of a binding while it is in progress, and no longer: what waits for it.

use crate::few::Few;
use crate::message::Message;
use crate::time::Time;

/// The place of an attempt. Used again once the attempt has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptIndex(u32);

impl AttemptIndex {
    /// The binding is not in progress.
    pub const NONE: AttemptIndex = AttemptIndex(u32::MAX);
}

impl Default for AttemptIndex {
    fn default() -> Self {
        AttemptIndex::NONE
    }
}

/// One attempt to bind.
#[derive(Clone, Debug, Default)]
struct Attempt {
    /// When it was first tried for what waits; before it began, if an attempt before was in vain.
    first_try: Time,
    /// What goes out first as soon as the binding is active; mostly the only thing that waits.
    first: Option<Message>,
}

/// What has waited for an attempt, in order.
#[derive(Debug, Default)]
pub struct Waited {
    first: Option<Message>,
    later: Vec<Message>,
}

impl IntoIterator for Waited {
    type Item = Message;
    type IntoIter = core::iter::Chain<core::option::IntoIter<Message>, std::vec::IntoIter<Message>>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.later)
    }
}

impl Waited {
    /// Hands each on.
    #[inline]
    pub fn each(self, mut take: impl FnMut(Message)) {
        if let Some(first) = self.first {
            take(first);
        }
        for message in self.later {
            take(message);
        }
    }
}

/// The attempts of one host. A call that is answered is none: nothing of this host's waits for it, or else not before it
/// is known who calls.
#[derive(Debug, Default)]
pub struct Attempts {
    attempts: Few<Attempt, 1>,
    /// Places that are free. When all are, there are none: the next attempt is the first.
    free: Vec<u32>,
    /// What waits behind the first message. Mostly nothing does.
    later: Vec<(AttemptIndex, Message)>,
}

impl Attempts {
    /// A new attempt, with what waits for it.
    #[inline]
    pub fn begin(&mut self, first_try: Time, first: Option<Message>) -> AttemptIndex {
        let attempt = Attempt { first_try, first };
        match self.free.pop() {
            Some(index) => {
                self.attempts[index as usize] = attempt;
                AttemptIndex(index)
            }
            None => {
                self.attempts.push(attempt);
                AttemptIndex(self.attempts.len() as u32 - 1)
            }
        }
    }

    /// When it was first tried for what waits for this attempt.
    pub fn first_try(&self, index: AttemptIndex) -> Time {
        self.attempts[index.0 as usize].first_try
    }

    /// One more message waits, unless `limit` do already; whether it does.
    pub fn wait(&mut self, index: AttemptIndex, message: Message, limit: usize) -> bool {
        let attempt = &mut self.attempts[index.0 as usize];
        if attempt.first.is_none() {
            attempt.first = Some(message);
        } else if self.later.iter().filter(|(waits, _)| *waits == index).count() + 1 < limit {
            self.later.push((index, message));
        } else {
            return false;
        }
        true
    }

    /// An attempt has ended, if there was one; what waited for it.
    #[inline]
    pub fn end(&mut self, index: AttemptIndex) -> Waited {
        if index == AttemptIndex::NONE {
            return Waited::default();
        }
        let first = self.attempts[index.0 as usize].first.take();
        if self.free.len() + 1 < self.attempts.len() {
            self.free.push(index.0);
        } else {
            self.free.clear();
            self.attempts.clear();
        }
        let later = if self.later.is_empty() { Vec::new() } else { self.take_later(index) };
        Waited { first, later }
    }

    #[cold]
    fn take_later(&mut self, index: AttemptIndex) -> Vec<Message> {
        self.later.extract_if(.., |(waits, _)| *waits == index).map(|(_, message)| message).collect()
    }

    /// Shows where in memory an attempt is.
    #[inline]
    pub fn warm(&self, index: AttemptIndex, show: impl Fn(*const u8)) {
        if let Some(attempt) = self.attempts.get(index.0 as usize) {
            show(core::ptr::from_ref(attempt).cast());
        }
    }

    /// The bytes held.
    pub fn memory(&self) -> usize {
        self.attempts.memory() + self.later.capacity() * size_of::<(AttemptIndex, Message)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elect(round: u32) -> Message {
        Message::ElectMaster { round }
    }

    #[test]
    fn what_waits_comes_out_in_order_and_no_more_than_may() {
        let mut attempts = Attempts::default();
        let one = attempts.begin(Time(1), Some(elect(1)));
        let other = attempts.begin(Time(2), None);
        assert!(attempts.wait(one, elect(2), 3) && attempts.wait(other, elect(9), 3));
        assert!(attempts.wait(one, elect(3), 3) && !attempts.wait(one, elect(4), 3));
        assert_eq!(attempts.end(one).into_iter().collect::<Vec<_>>(), [elect(1), elect(2), elect(3)]);
        assert_eq!(attempts.end(other).into_iter().collect::<Vec<_>>(), [elect(9)]);
    }

    #[test]
    fn a_place_that_is_used_again_inherits_nothing() {
        let mut attempts = Attempts::default();
        let one = attempts.begin(Time(1), Some(elect(1)));
        attempts.wait(one, elect(2), 9);
        drop(attempts.end(one));
        let next = attempts.begin(Time(4), None);
        assert_eq!(attempts.first_try(next), Time(4));
        assert_eq!(attempts.end(next).into_iter().count(), 0);
    }
}
