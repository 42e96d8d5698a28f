//! Bytes: framing and codec.
