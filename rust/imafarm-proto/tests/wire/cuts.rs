//! Bytes that are cut: what comes out of a stream does not depend on the pieces in which it arrives, nor on what they
//! mean (IMA Information, first answer).

use imafarm_proto::message::{Kind, Message};
use imafarm_proto::transport::{Fault, Framer, HEADER_LEN};
use proptest::prelude::*;

use crate::{all_of, chosen, encoded, one_of_each};

pub fn messages() -> impl Strategy<Value = Vec<Message>> {
    let message = (proptest::sample::select(Kind::ALL.to_vec()), any::<u64>()).prop_map(|(k, n)| chosen(k, n).0);
    proptest::collection::vec(message, 0..20)
}

/// Pieces of `bytes`, cut at these places.
pub fn cut<'a>(bytes: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect()
}

proptest! {
    #[test]
    fn messages_come_out_of_any_cut(
        messages in messages(),
        places in proptest::collection::vec(any::<prop::sample::Index>(), 0..30),
    ) {
        let stream = encoded(&messages);
        let mut framer = Framer::default();
        prop_assert_eq!(all_of(&mut framer, cut(&stream, &places)), (messages, Ok(())));
        prop_assert_eq!(framer.offset(), stream.len() as u64);
    }

    /// The messages before the fault, the fault and its place are the same whatever the cut.
    #[test]
    fn a_damaged_stream_fails_alike_in_any_cut(
        messages in messages(),
        damages in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
        places in proptest::collection::vec(any::<prop::sample::Index>(), 0..30),
    ) {
        let mut stream = encoded(&messages);
        stream.push(b'I');
        for (place, byte) in damages {
            *place.get_mut(&mut stream) = byte;
        }
        let at_once = all_of(&mut Framer::default(), [&stream[..]]);
        prop_assert!(at_once.1.is_err(), "the stream ends within a frame at the latest");
        prop_assert_eq!(all_of(&mut Framer::default(), cut(&stream, &places)), at_once);
    }
}

#[test]
fn every_truncation_gives_the_whole_frames_and_says_where_it_ends() {
    let messages = one_of_each();
    let stream = encoded(&messages);
    let mut ends = vec![0];
    ends.extend((1..=messages.len()).map(|n| encoded(&messages[..n]).len()));
    for len in 0..=stream.len() {
        let mut framer = Framer::default();
        let (came, end) = all_of(&mut framer, [&stream[..len]]);
        let whole = ends.iter().filter(|&&end| end <= len).count() - 1;
        assert_eq!(came, messages[..whole], "{len} bytes");
        match end {
            Ok(()) => assert_eq!(len, ends[whole]),
            Err(error) => {
                let kept = len - ends[whole];
                let next = match kept {
                    ..HEADER_LEN => HEADER_LEN,
                    HEADER_LEN.. => ends[whole + 1] - ends[whole],
                };
                assert_eq!(error.fault, Fault::Truncated { kept: kept as u32, missing: (next - kept) as u32 });
                assert_eq!(error.offset, len as u64);
            }
        }
    }
}

#[test]
fn whole_frames_are_read_where_they_lie() {
    let stream = encoded(&one_of_each());
    let mut framer = Framer::default();
    assert_eq!(all_of(&mut framer, [&stream[..]]).1, Ok(()));
    assert_eq!(framer.capacity(), 0);
}
