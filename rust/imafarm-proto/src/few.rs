//! A list and a queue whose first values lie in themselves: a host that has few of a thing keeps them where it is, and
//! not in a place of memory of their own, which is slow to come.

use core::ops::{Index, IndexMut};
use std::collections::VecDeque;

/// A list that holds `N` values itself, and what is beyond them elsewhere.
#[derive(Clone, Debug)]
pub struct Few<T, const N: usize> {
    len: usize,
    /// Void from `len` on.
    first: [T; N],
    rest: Vec<T>,
}

impl<T: Default, const N: usize> Default for Few<T, N> {
    fn default() -> Self {
        Few { len: 0, first: core::array::from_fn(|_| T::default()), rest: Vec::new() }
    }
}

impl<T: Default, const N: usize> Few<T, N> {
    /// How many values there are.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether all values lie in the list itself.
    #[inline]
    pub const fn is_few(&self) -> bool {
        self.len <= N
    }

    /// One more value, at the end.
    #[inline]
    pub fn push(&mut self, value: T) {
        match self.first.get_mut(self.len) {
            Some(place) => *place = value,
            None => {
                // By a quarter: a host that has many of a thing mostly has as many as others do.
                if self.rest.len() == self.rest.capacity() {
                    self.rest.reserve_exact((self.rest.len() / 4).max(4));
                }
                self.rest.push(value);
            }
        }
        self.len += 1;
    }

    /// Forgets all values; the room of those elsewhere is given back.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
        if self.rest.capacity() > 0 {
            self.rest = Vec::new();
        }
    }

    /// The value at a place.
    #[inline]
    pub fn get(&self, place: usize) -> Option<&T> {
        if place < self.len { Some(&self[place]) } else { None }
    }

    /// The value at a place.
    #[inline]
    pub fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        if place < self.len { Some(&mut self[place]) } else { None }
    }

    /// All values, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.first[..self.len.min(N)].iter().chain(&self.rest)
    }

    /// All values, in order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.first[..self.len.min(N)].iter_mut().chain(&mut self.rest)
    }

    /// The bytes held elsewhere.
    pub const fn memory(&self) -> usize {
        self.rest.capacity() * size_of::<T>()
    }
}

impl<T, const N: usize> Index<usize> for Few<T, N> {
    type Output = T;

    #[inline]
    fn index(&self, place: usize) -> &T {
        debug_assert!(place < self.len, "{place} of {}", self.len);
        if place < N { &self.first[place] } else { &self.rest[place - N] }
    }
}

impl<T, const N: usize> IndexMut<usize> for Few<T, N> {
    #[inline]
    fn index_mut(&mut self, place: usize) -> &mut T {
        debug_assert!(place < self.len, "{place} of {}", self.len);
        if place < N { &mut self.first[place] } else { &mut self.rest[place - N] }
    }
}

/// A queue that holds its first value itself.
#[derive(Clone, Debug)]
pub struct Queue<T> {
    /// If there is none, nothing is behind it either.
    first: Option<T>,
    behind: VecDeque<T>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Queue { first: None, behind: VecDeque::new() }
    }
}

impl<T> Queue<T> {
    /// Whether nothing waits.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// One more, at the end.
    #[inline]
    pub fn push_back(&mut self, value: T) {
        if self.first.is_none() {
            self.first = Some(value);
        } else {
            self.behind.push_back(value);
        }
    }

    /// The first.
    #[inline]
    pub const fn front(&self) -> Option<&T> {
        self.first.as_ref()
    }

    /// The first.
    #[inline]
    pub const fn front_mut(&mut self) -> Option<&mut T> {
        self.first.as_mut()
    }

    /// Takes the first.
    #[inline]
    pub fn pop_front(&mut self) -> Option<T> {
        let first = self.first.take();
        self.first = self.behind.pop_front();
        first
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.behind)
    }

    /// Keeps what is to stay, in order.
    pub fn retain(&mut self, mut stays: impl FnMut(&T) -> bool) {
        self.behind.retain(&mut stays);
        if self.first.as_ref().is_some_and(|first| !stays(first)) {
            self.first = self.behind.pop_front();
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.first = None;
        self.behind.clear();
    }

    /// The bytes held elsewhere.
    pub fn memory(&self) -> usize {
        self.behind.capacity() * size_of::<T>()
    }
}

impl<T> Extend<T> for Queue<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.push_back(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list_wherever_its_values_lie() {
        let mut few = Few::<u32, 2>::default();
        assert!(few.is_empty() && few.get(0).is_none());
        for value in 10..15 {
            assert_eq!(few.is_few(), few.len() <= 2);
            few.push(value);
        }
        few[1] += 100;
        few[3] += 200;
        few.iter_mut().for_each(|value| *value *= 2);
        assert_eq!(few.iter().copied().collect::<Vec<_>>(), [20, 222, 24, 426, 28]);
        assert_eq!((few.len(), few.get(4), few.get(5)), (5, Some(&28), None));
        assert_eq!(few.get_mut(5), None);
    }

    #[test]
    fn a_list_that_was_cleared_holds_nothing_and_begins_anew() {
        let mut few = Few::<u32, 2>::default();
        (0..9).for_each(|value| few.push(value));
        assert!(few.memory() >= 28);
        few.clear();
        assert_eq!((few.iter().count(), few.memory(), few.get(0)), (0, 0, None));
        few.push(7);
        assert_eq!(few.iter().collect::<Vec<_>>(), [&7]);
    }

    #[test]
    fn a_queue_gives_back_what_was_put_in_in_that_order() {
        let mut queue = Queue::default();
        assert_eq!((queue.pop_front(), queue.front()), (None, None));
        queue.extend([1, 2, 3]);
        assert_eq!((queue.pop_front(), queue.front()), (Some(1), Some(&2)));
        queue.push_back(4);
        *queue.front_mut().expect("two waits") += 10;
        assert_eq!(core::iter::from_fn(|| queue.pop_front()).collect::<Vec<_>>(), [12, 3, 4]);
        assert!(queue.is_empty());
    }

    #[test]
    fn what_is_dropped_from_a_queue_leaves_no_gap() {
        let mut queue = Queue::default();
        queue.extend(1..=6);
        queue.retain(|value| value % 3 != 1);
        assert_eq!(core::iter::from_fn(|| queue.pop_front()).collect::<Vec<_>>(), [2, 3, 5, 6]);
        queue.extend(1..=3);
        queue.clear();
        assert!(queue.is_empty() && queue.pop_front().is_none());
    }
}
