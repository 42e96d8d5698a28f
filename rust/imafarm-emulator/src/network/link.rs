//! What a link is like.

use imafarm_proto::dice::scale;
use imafarm_proto::time::Span;
use thiserror::Error;

/// A class of links: those inside a zone, or those between zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The least time under way.
    pub latency: Span,
    /// The most that chance adds to it.
    pub jitter: Span,
    /// Bits per second; 0 for a link that is never full. Inside a zone it slows each message by its length; between
    /// zones all messages of a direction share it, one after the other.
    pub bandwidth_bps: u64,
    /// Of a million transmissions, how many are lost and sent again.
    pub loss_ppm: u32,
}

impl Link {
    /// Our guess at a local network of the time: 0.3 to 0.4 ms one way, a gigabit.
    pub const INSIDE: Link =
        Link { latency: Span(300_000), jitter: Span(100_000), bandwidth_bps: 1_000_000_000, loss_ppm: 0 };
    /// Our guess at a wide one: 20 to 22 ms, never full.
    pub const BETWEEN: Link =
        Link { latency: Span(20_000_000), jitter: Span(2_000_000), bandwidth_bps: 0, loss_ppm: 0 };
    /// The least latency. Shorter windows than this would be all overhead.
    pub const LEAST_LATENCY: Span = Span(1_000);
    /// The greatest latency or jitter.
    pub const GREATEST_LATENCY: Span = Span::from_secs(60);

    /// Turns one figure, by name: `latency_ns`, `jitter_ns`, `bandwidth_bps` or `loss_ppm`.
    ///
    /// Errors: [`LinkError`]; nothing has changed then.
    pub fn set(&mut self, key: &str, value: i128) -> Result<(), LinkError> {
        let bounded = |key: &'static str, min: u64, max: u64| match u64::try_from(value) {
            Ok(v) if (min..=max).contains(&v) => Ok(v),
            Ok(_) | Err(_) => Err(LinkError::OutOfRange { key, value, min, max }),
        };
        let longest = Link::GREATEST_LATENCY.0;
        match key {
            "latency_ns" => self.latency = Span(bounded("latency_ns", Link::LEAST_LATENCY.0, longest)?),
            "jitter_ns" => self.jitter = Span(bounded("jitter_ns", 0, longest)?),
            "bandwidth_bps" => self.bandwidth_bps = bounded("bandwidth_bps", 0, 1_000_000_000_000_000)?,
            "loss_ppm" => self.loss_ppm = bounded("loss_ppm", 0, 999_999)? as u32,
            _ => return Err(LinkError::Unknown { key: key.to_owned() }),
        }
        Ok(())
    }

    /// What chance adds to the latency, by a word that was drawn for it.
    #[inline]
    pub(super) const fn drawn(&self, word: u32) -> Span {
        Span(scale((word as u64) << 32, self.jitter.0 + 1))
    }

    pub(super) fn transmission(&self, bytes: u32) -> Span {
        match self.bandwidth_bps {
            0 => Span::ZERO,
            bps => Span(u64::from(bytes) * 8_000_000_000 / bps),
        }
    }
}

/// A figure no link can have. The caller's; the link is as it was.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LinkError {
    /// No figure has this name.
    #[error("unknown link figure {key:?}; there are latency_ns, jitter_ns, bandwidth_bps and loss_ppm")]
    Unknown {
        /// What was asked for.
        key: String,
    },
    /// The value lies outside the figure's bounds.
    #[error("{key}: {value} is out of range, {min} to {max}")]
    OutOfRange {
        /// Which figure.
        key: &'static str,
        /// What was asked for.
        value: i128,
        /// The least value.
        min: u64,
        /// The greatest value.
        max: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_refuse_what_they_cannot_have() {
        let mut link = Link::INSIDE;
        assert!(link.set("latency_ns", 999).is_err());
        assert!(link.set("loss_ppm", 1_000_000).is_err());
        assert!(link.set("speed", 1).is_err());
        assert_eq!(link, Link::INSIDE);
        link.set("latency_ns", 1_000).expect("in range");
    }
}
