//! The events of a farm in columns, for whoever reads them as a table.
//!
//! Rows lie in chunks of one size. A chunk that is full never changes again, so it can be handed out while the log grows;
//! only the last one, which is open, has to be copied for that.

use std::sync::Arc;

/// How many rows a chunk holds.
pub const CHUNK_ROWS: usize = 1 << 16;

/// Some rows of an event log, column by column. Numbers are signed, as tables of all kinds take them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// When, in nanoseconds.
    pub times: Vec<i64>,
    /// What, by its place in [`class::NAMES`](crate::chronicle::class::NAMES).
    pub kinds: Vec<i8>,
    /// At which host.
    pub hosts: Vec<i32>,
    /// The other host; 0 where there is none.
    pub others: Vec<i32>,
    /// Whether there is another host: a bit for each row, the lowest first.
    pub has_other: Vec<u8>,
    /// The host's zone.
    pub zones: Vec<i32>,
}

impl Chunk {
    /// How many rows it has.
    pub const fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether it has none.
    pub const fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    #[inline]
    fn push(&mut self, row: Row) {
        let place = self.len();
        if place.is_multiple_of(8) {
            self.has_other.push(0);
        }
        if row.other.is_some() {
            self.has_other[place / 8] |= 1 << (place % 8);
        }
        self.times.push(row.time as i64);
        self.kinds.push(row.kind);
        self.hosts.push(row.host as i32);
        self.others.push(row.other.unwrap_or(0) as i32);
        self.zones.push(row.zone as i32);
    }
}

/// One event.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// When, in nanoseconds.
    pub time: u64,
    /// What, by its place in [`class::NAMES`](crate::chronicle::class::NAMES).
    pub kind: i8,
    /// At which host.
    pub host: u32,
    /// The other host.
    pub other: Option<u32>,
    /// The host's zone.
    pub zone: u32,
}

/// Events, as many as there were.
#[derive(Debug)]
pub struct EventLog {
    /// The classes that are written down.
    pub classes: u32,
    full: Vec<Arc<Chunk>>,
    open: Chunk,
}

impl EventLog {
    /// A log of events of these classes.
    pub fn new(classes: u32) -> EventLog {
        EventLog { classes, full: Vec::new(), open: Chunk::default() }
    }

    /// Writes down an event.
    #[inline]
    pub fn push(&mut self, row: Row) {
        self.open.push(row);
        if self.open.len() == CHUNK_ROWS {
            self.full.push(Arc::new(core::mem::take(&mut self.open)));
        }
    }

    /// All rows so far: the chunks that are full, and a copy of the one that is not, if it has any.
    pub fn chunks(&self) -> Vec<Arc<Chunk>> {
        let open = (!self.open.is_empty()).then(|| Arc::new(self.open.clone()));
        self.full.iter().cloned().chain(open).collect()
    }

    /// How many rows there are.
    pub const fn len(&self) -> usize {
        self.full.len() * CHUNK_ROWS + self.open.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u64) -> Row {
        let other = (number.is_multiple_of(3)).then_some(number as u32 + 1);
        Row { time: number, kind: (number % 23) as i8, host: number as u32, other, zone: (number % 5) as u32 }
    }

    #[test]
    fn full_chunks_are_shared_and_the_open_one_is_copied() {
        let mut log = EventLog::new(u32::MAX);
        (0..CHUNK_ROWS as u64 * 2 + 10).for_each(|number| log.push(row(number)));
        let (one, other) = (log.chunks(), log.chunks());
        assert_eq!(one.iter().map(|chunk| chunk.len()).collect::<Vec<_>>(), [CHUNK_ROWS, CHUNK_ROWS, 10]);
        assert_eq!(log.len(), CHUNK_ROWS * 2 + 10);
        assert!(Arc::ptr_eq(&one[0], &other[0]) && Arc::ptr_eq(&one[1], &other[1]));
        assert!(!Arc::ptr_eq(&one[2], &other[2]));
        log.push(row(0));
        assert_eq!((one[2].len(), log.chunks()[2].len()), (10, 11));
    }

    #[test]
    fn a_row_is_what_was_pushed() {
        let mut log = EventLog::new(u32::MAX);
        (0..1000).for_each(|number| log.push(row(number)));
        let chunk = &log.chunks()[0];
        for number in 0..1000 {
            let at = number as usize;
            let other = (chunk.has_other[at / 8] >> (at % 8) & 1 == 1).then_some(chunk.others[at] as u32);
            let wanted = row(number);
            assert_eq!((chunk.times[at], chunk.kinds[at]), (number as i64, wanted.kind));
            assert_eq!((chunk.hosts[at], chunk.zones[at]), (wanted.host as i32, wanted.zone as i32));
            assert_eq!(other, wanted.other);
        }
    }
}
