//! A column of numbers most of which are small: a collector keeps some of every server of the farm.

/// Numbers by place, a byte each until one of them needs more.
#[derive(Clone, Debug, Default)]
pub(super) struct Column {
    narrow: Vec<u8>,
    /// All of them, once they do not fit.
    wide: Vec<u32>,
}

impl Column {
    /// So many zeros.
    pub(super) fn zeros(len: usize) -> Column {
        Column { narrow: vec![0; len], wide: Vec::new() }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) const fn len(&self) -> usize {
        self.narrow.len() + self.wide.len()
    }

    /// The number at a place; `None` beyond the last.
    #[inline]
    pub(super) fn get(&self, place: usize) -> Option<u32> {
        match self.narrow.get(place) {
            Some(number) => Some(u32::from(*number)),
            None => self.wide.get(place).copied(),
        }
    }

    /// Puts a number at a place, which must not lie beyond the last.
    #[inline]
    pub(super) fn set(&mut self, place: usize, number: u32) {
        match (u8::try_from(number), self.narrow.get_mut(place)) {
            (Ok(number), Some(old)) => *old = number,
            (Err(_), Some(_)) => {
                self.wide = core::mem::take(&mut self.narrow).into_iter().map(u32::from).collect();
                self.wide[place] = number;
            }
            (_, None) => self.wide[place] = number,
        }
    }

    /// All numbers, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.narrow.iter().map(|number| u32::from(*number)).chain(self.wide.iter().copied())
    }

    /// Shows where in memory a number is.
    #[inline]
    pub(super) fn warm(&self, place: usize, show: impl Fn(*const u8)) {
        match (self.narrow.get(place), self.wide.get(place)) {
            (Some(number), _) => show(core::ptr::from_ref(number)),
            (None, Some(number)) => show(core::ptr::from_ref(number).cast()),
            (None, None) => {}
        }
    }

    /// The bytes held.
    pub(super) const fn memory(&self) -> usize {
        self.narrow.capacity() + self.wide.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against the obvious list.
        #[test]
        fn a_column_is_a_list(acts in proptest::collection::vec((0..9usize, prop_oneof![0..300u32, any::<u32>()]), 0..20)) {
            let (mut column, mut list) = (Column::zeros(9), [0; 9]);
            for (place, number) in acts {
                column.set(place, number);
                list[place] = number;
                prop_assert_eq!(column.iter().collect::<Vec<_>>(), list);
                prop_assert_eq!(column.get(place), Some(number));
                prop_assert_eq!((column.get(9), column.is_empty()), (None, false));
            }
        }
    }

    #[test]
    fn small_numbers_take_a_byte() {
        let mut column = Column::zeros(1_000);
        column.set(7, 255);
        assert_eq!(column.memory(), 1_000);
        column.set(7, 256);
        assert_eq!(column.memory(), 4_000);
    }
}
