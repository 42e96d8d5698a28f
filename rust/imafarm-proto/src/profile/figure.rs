//! A published figure: as it is printed, and as the whole number that it stands for.

/// The bytes of a kilobyte. Our guess: both texts write `KB` and `Kb`, and neither says how much that is. CTX114843's
/// columns with and without load sharing differ by the 300 bytes that it states only if `Kb` is no kilobit.
pub const KILOBYTE: u32 = 1_024;

/// Figures have four digits behind the point at most.
const PARTS: u64 = 10_000;

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Printed as `KB`, `Kb` or `kilobytes`.
    Kilobytes,
    /// Bytes.
    Bytes,
    /// Hours.
    Hours,
    /// How many times something else.
    Times,
}

/// How well a figure is attested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confidence {
    /// The vendor's own text says so, of this product.
    Vendor,
    /// Others say so.
    Others,
    /// Nobody says so, of this product.
    OurGuess,
}

/// A published figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// The number as it is printed, its unit left out: as many digits as are known.
    pub printed: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// Where it stands: the text, and the table or section.
    pub source: &'static str,
    /// How well it is attested.
    pub confidence: Confidence,
    /// The number in ten-thousandths of its unit.
    parts: u64,
}

impl Figure {
    /// A number of the vendor's.
    pub(super) const fn new(printed: &'static str, unit: Unit, source: &'static str) -> Figure {
        Figure { printed, unit, source, confidence: Confidence::Vendor, parts: parse(printed) }
    }

    /// The same number, less well attested.
    pub(super) const fn by(self, confidence: Confidence) -> Figure {
        Figure { confidence, ..self }
    }

    /// So many of it, in whole bytes, the nearest; nothing if it counts no bytes.
    pub(super) const fn bytes_of(&self, times: u64) -> Option<u64> {
        let unit = match self.unit {
            Unit::Kilobytes => KILOBYTE as u64,
            Unit::Bytes => 1,
            Unit::Hours | Unit::Times => return None,
        };
        Some((self.parts * unit * times + PARTS / 2) / PARTS)
    }

    /// It in whole milliseconds; nothing if it counts no time.
    pub(super) const fn millis(&self) -> Option<u64> {
        match self.unit {
            Unit::Hours => Some(self.parts * 3_600_000 / PARTS),
            Unit::Kilobytes | Unit::Bytes | Unit::Times => None,
        }
    }

    /// What it adds to a number that it is times as much as; nothing if it is no factor.
    pub(super) const fn excess_over(&self, number: u32) -> Option<u32> {
        match self.unit {
            Unit::Times => Some((number as u64 * (self.parts - PARTS) / PARTS) as u32),
            Unit::Kilobytes | Unit::Bytes | Unit::Hours => None,
        }
    }
}

/// A number of bytes, from one that a table of this crate prints.
pub(super) const fn bytes(figure: &Figure) -> u32 {
    figure.bytes_of(1).expect("the tables keep bytes where bytes are asked for") as u32
}

/// A printed number in ten-thousandths. What is no number ends the build: all of them are constants.
const fn parse(printed: &str) -> u64 {
    let digits = printed.as_bytes();
    assert!(!digits.is_empty(), "a figure has digits");
    let (mut parts, mut scale, mut at) = (0, 0, 0);
    while at < digits.len() {
        match digits[at] {
            b'.' => {
                assert!(scale == 0, "a figure has one point");
                scale = PARTS;
            }
            digit => {
                assert!(digit.is_ascii_digit(), "a figure is made of digits and a point");
                parts = parts * 10 + (digit - b'0') as u64;
                assert!(scale != 1, "a figure has four digits behind the point at most");
                scale /= 10;
            }
        }
        at += 1;
    }
    match scale {
        0 => parts * PARTS,
        rest => parts * rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_number_is_read_to_its_last_digit() {
        for (printed, parts) in
            [("64", 640_000), ("416.8", 4_168_000), (".19", 1_900), ("0.07", 700), (".0013", 13), (".0", 0)]
        {
            assert_eq!(parse(printed), parts, "{printed}");
        }
    }

    #[test]
    #[should_panic(expected = "four digits")]
    fn more_digits_than_we_keep_are_refused() {
        parse(".00001");
    }

    #[test]
    fn a_kilobyte_figure_becomes_the_nearest_number_of_bytes() {
        let figure = |printed| Figure::new(printed, Unit::Kilobytes, "");
        assert_eq!(bytes(&figure(".19")), 195, "194.56");
        assert_eq!(bytes(&figure(".07")), 72, "71.68");
        assert_eq!(figure(".0013").bytes_of(1_000), Some(1_331));
        assert_eq!(Figure::new("466", Unit::Bytes, "").bytes_of(3), Some(1_398));
        assert_eq!(Figure::new("96", Unit::Hours, "").bytes_of(1), None);
        assert_eq!(Figure::new("1.5", Unit::Times, "").excess_over(51), Some(25));
    }
}
