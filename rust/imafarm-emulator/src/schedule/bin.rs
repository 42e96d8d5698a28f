//! The events of one window, as they were put in: in chunks that are never moved, and used again for other windows.

use crate::event::Event;

/// How many events a chunk holds. Our guess: much less than a storm's window has, much more than a quiet one.
const CHUNK: usize = 4096;
/// How much room is kept for reuse of those that never held much: so many, of so many events each.
const SPARE_SMALL: usize = 1024;
const SMALL: usize = 16;

/// The events of one window.
#[derive(Debug, Default)]
pub struct Bin {
    full: Vec<Vec<Event>>,
    /// The chunk that is being filled; less than a chunk while there is no other.
    last: Vec<Event>,
}

/// Room that was given back.
#[derive(Debug, Default)]
pub struct Spare {
    chunks: Vec<Vec<Event>>,
    small: Vec<Vec<Event>>,
}

impl Bin {
    /// A chunk, to be given back.
    const fn of(events: Vec<Event>) -> Bin {
        Bin { full: Vec::new(), last: events }
    }

    /// How many events there are.
    #[inline]
    pub const fn len(&self) -> usize {
        self.full.len() * CHUNK + self.last.len()
    }

    /// Whether there are none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    /// One more, behind all others.
    #[inline]
    pub fn push(&mut self, event: Event, spare: &mut Spare) {
        if self.last.len() == self.last.capacity() {
            self.make_room(spare);
        }
        self.last.push(event);
    }

    #[cold]
    fn make_room(&mut self, spare: &mut Spare) {
        match self.last.capacity() {
            0 => self.last = spare.small.pop().unwrap_or_else(|| Vec::with_capacity(4)),
            some if some < CHUNK => match spare.chunks.pop_if(|_| some >= SMALL) {
                Some(mut chunk) => {
                    chunk.append(&mut self.last);
                    spare.take_back(Bin::of(core::mem::replace(&mut self.last, chunk)));
                }
                None => self.last.reserve_exact(some.min(CHUNK - some)),
            },
            _ => {
                let next = spare.chunks.pop().unwrap_or_else(|| Vec::with_capacity(CHUNK));
                self.full.push(core::mem::replace(&mut self.last, next));
            }
        }
    }

    /// The events, if they lie in one piece.
    #[inline]
    pub const fn one_piece(&mut self) -> Option<&mut Vec<Event>> {
        if self.full.is_empty() { Some(&mut self.last) } else { None }
    }

    /// Takes the events out, if they are no more than `few` has room for; their number.
    #[inline]
    pub fn take_few(&mut self, few: &mut [Event], spare: &mut Spare) -> Option<usize> {
        let count = self.last.len();
        if !self.full.is_empty() || count > few.len() {
            return None;
        }
        few[..count].copy_from_slice(&self.last);
        if self.last.capacity() <= SMALL && spare.small.len() < SPARE_SMALL {
            self.last.clear();
            spare.small.push(core::mem::take(&mut self.last));
        } else {
            spare.take_back(core::mem::take(self));
        }
        Some(count)
    }

    /// The first event.
    #[inline]
    pub fn first(&self) -> Option<&Event> {
        self.full.first().unwrap_or(&self.last).first()
    }

    /// All events, in the order in which they were put in.
    pub fn iter(&self) -> impl Iterator<Item = &Event> {
        self.full.iter().chain([&self.last]).flatten()
    }

    /// The bytes held.
    pub fn memory(&self) -> usize {
        let chunks = self.full.iter().map(Vec::capacity).sum::<usize>();
        (chunks + self.last.capacity()) * size_of::<Event>()
    }
}

impl Spare {
    /// Gives back the room of a bin that has been worked through.
    #[inline]
    pub fn take_back(&mut self, bin: Bin) {
        let Bin { full, last } = bin;
        for mut chunk in full.into_iter().chain([last]) {
            chunk.clear();
            match chunk.capacity() {
                0 => {}
                ..=SMALL if self.small.len() < SPARE_SMALL => self.small.push(chunk),
                CHUNK.. => self.chunks.push(chunk),
                // Of a size of its own: neither many nor of use to others.
                _ => {}
            }
        }
    }

    /// The bytes held.
    pub fn memory(&self) -> usize {
        self.chunks.iter().chain(&self.small).map(Vec::capacity).sum::<usize>() * size_of::<Event>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_as_they_went_in_however_many() {
        let mut spare = Spare::default();
        for count in [1, 16, 17, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let mut bin = Bin::default();
            (0..count).for_each(|host| bin.push(Event::wake(host as u32), &mut spare));
            assert_eq!((bin.len(), bin.one_piece().is_some()), (count, count <= CHUNK));
            assert!(bin.iter().map(Event::target).eq(0..count as u32));
            assert_eq!(bin.first().map(Event::target), Some(0));
            spare.take_back(bin);
        }
    }

    /// What many windows have used one after the other is no more than the largest of them had.
    #[test]
    fn room_is_used_again() {
        let mut spare = Spare::default();
        for _ in 0..9 {
            let mut bin = Bin::default();
            (0..5 * CHUNK as u32).for_each(|host| bin.push(Event::wake(host), &mut spare));
            spare.take_back(bin);
        }
        assert_eq!(spare.chunks.len(), 5);
    }
}
