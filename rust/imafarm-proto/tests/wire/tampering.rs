//! Somebody on the way between two sides that have bound: whatever is done to the stream, what was said before it is heard,
//! the first frame that is not the next one sent is refused, and nothing behind it is read.

use imafarm_proto::message::{Kind, Message};
use imafarm_proto::transport::{Fault, FrameError, Side};
use proptest::prelude::*;

use crate::cuts::{cut, messages};
use crate::seals::{End, OLD, bound, request, response};

/// What one side says, message by message, to the other, who has heard nothing of it yet.
#[derive(Debug)]
struct Talk {
    said: Vec<Message>,
    frames: Vec<Vec<u8>>,
    hearer: End,
    /// Where in the hearer's stream the talk begins.
    begins: u64,
}

impl Talk {
    fn of(said: Vec<Message>, by_opener: bool) -> Talk {
        let (opener, acceptor) = bound();
        let (mut speaker, hearer) = if by_opener { (opener, acceptor) } else { (acceptor, opener) };
        let frames = said.iter().map(|message| speaker.say(message)).collect();
        let begins = hearer.framer.offset();
        Talk { said, frames, hearer, begins }
    }

    /// The messages before frame `bad` are heard, and at that frame a seal does not fit, the last 16 bytes of `found`.
    fn fails_at(mut self, frames: &[Vec<u8>], bad: usize, found: &[u8]) -> Result<(), TestCaseError> {
        let before: usize = frames[..bad].iter().map(Vec::len).sum();
        let at = found.len() as u32 - 16;
        let error = FrameError { offset: self.begins + before as u64 + u64::from(at), fault: Fault::Forged { at } };
        let stream = frames.concat();
        prop_assert_eq!(self.hearer.hear([&stream[..]]), (self.said[..bad].to_vec(), Err(error)));
        prop_assert_eq!(self.hearer.framer.capacity(), 0);
        Ok(())
    }
}

/// Two messages or more, of kinds that may pass once two sides have bound.
fn talk() -> impl Strategy<Value = Talk> {
    let greets = |message: &Message| [Kind::BindRequest, Kind::BindResponse].contains(&message.kind());
    let said = messages().prop_map(move |mut said| {
        said.retain(|message| !greets(message));
        said.extend([Message::ImaPing, Message::ImaPing]);
        said
    });
    (said, any::<bool>()).prop_map(|(said, by_opener)| Talk::of(said, by_opener))
}

proptest! {
    #[test]
    fn sealed_messages_come_out_of_any_cut(
        talk in talk(),
        places in proptest::collection::vec(any::<prop::sample::Index>(), 0..30),
    ) {
        let Talk { said, frames, mut hearer, begins } = talk;
        let stream = frames.concat();
        prop_assert_eq!(hearer.hear(cut(&stream, &places)), (said, Ok(())));
        prop_assert_eq!(hearer.framer.finish(), Ok(()));
        prop_assert_eq!(hearer.framer.offset(), begins + stream.len() as u64);
    }

    /// A bit of the length may make the frame end in another place: then it does not fit there, or never ends.
    #[test]
    fn a_flipped_bit_is_refused_in_its_frame_whatever_the_cut(
        talk in talk(),
        place in any::<prop::sample::Index>(),
        places in proptest::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let Talk { said, frames, mut hearer, begins } = talk;
        let mut stream = frames.concat();
        let bit = place.index(stream.len() * 8);
        stream[bit / 8] ^= 1 << (bit % 8);
        let mut ends = frames.iter().scan(0, |end, frame| { *end += frame.len(); Some(*end) });
        let bad = ends.position(|end| bit / 8 < end).expect("the bit is in a frame");
        let starts: usize = frames[..bad].iter().map(Vec::len).sum();

        let mut in_pieces = hearer.clone();
        let (heard, end) = hearer.hear([&stream[..]]);
        prop_assert_eq!(&heard[..], &said[..bad]);
        let error = end.and_then(|()| hearer.framer.finish()).expect_err("a flipped bit");
        match error.fault {
            Fault::Truncated { .. } => prop_assert_eq!(error.offset, begins + stream.len() as u64),
            Fault::Magic { .. } | Fault::Version { .. } | Fault::Seal { .. } | Fault::Kind { .. } | Fault::Length { .. }
            | Fault::Checksum { .. } | Fault::Forged { .. } | Fault::Body { .. } => {
                let within = begins + starts as u64..begins + (starts + frames[bad].len()) as u64;
                prop_assert!(within.contains(&error.offset), "{error} is not in {within:?}");
            }
        }
        prop_assert!(!matches!(error.fault, Fault::Body { .. }), "the body was read before the seal: {error}");
        let (heard_in_pieces, end) = in_pieces.hear(cut(&stream, &places));
        prop_assert_eq!(heard_in_pieces, heard);
        prop_assert_eq!(end.and_then(|()| in_pieces.framer.finish()), Err(error));
    }

    #[test]
    fn a_frame_that_is_left_out_is_missed_at_the_next(talk in talk(), place in any::<prop::sample::Index>()) {
        let mut frames = talk.frames.clone();
        let gone = place.index(frames.len() - 1);
        frames.remove(gone);
        let next = frames[gone].clone();
        talk.fails_at(&frames, gone, &next)?;
    }

    #[test]
    fn a_frame_that_comes_again_is_refused(
        talk in talk(),
        which in any::<prop::sample::Index>(),
        later in any::<prop::sample::Index>(),
    ) {
        let mut frames = talk.frames.clone();
        let which = which.index(frames.len());
        let (again, at) = (frames[which].clone(), which + 1 + later.index(frames.len() - which));
        frames.insert(at, again.clone());
        talk.fails_at(&frames, at, &again)?;
    }

    #[test]
    fn frames_in_another_order_are_refused(
        talk in talk(),
        one in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
    ) {
        let mut frames = talk.frames.clone();
        let first = one.index(frames.len() - 1);
        let second = first + 1 + other.index(frames.len() - 1 - first);
        frames.swap(first, second);
        let early = frames[first].clone();
        talk.fails_at(&frames, first, &early)?;
    }

    /// One byte of the three bind frames is another: the side that hears it refuses it, and the binding never stands.
    #[test]
    fn no_bind_frame_is_altered_unseen(
        altered in 0..3usize,
        place in any::<prop::sample::Index>(),
        flips in 1..=u8::MAX,
    ) {
        let (mut opener, mut acceptor) = (End::new(Side::Opener, &[OLD], 1), End::new(Side::Acceptor, &[OLD], 2));
        for (number, message) in [request(), response(), Message::BindCommit].into_iter().enumerate() {
            let (speaker, hearer) = match number {
                1 => (&mut opener, &mut acceptor),
                _ => (&mut acceptor, &mut opener),
            };
            let mut frame = speaker.say(&message);
            if number == altered {
                *place.get_mut(&mut frame) ^= flips;
                let (heard, end) = hearer.hear([&frame[..]]);
                prop_assert_eq!(heard, []);
                prop_assert!(end.and_then(|()| hearer.framer.finish()).is_err());
                return Ok(());
            }
            prop_assert_eq!(hearer.hear([&frame[..]]), (vec![message], Ok(())));
        }
    }

    #[test]
    fn no_seal_is_guessed(talk in talk(), guess in any::<[u8; 16]>()) {
        let mut frames = talk.frames.clone();
        let seal_at = frames[0].len() - 16;
        prop_assume!(frames[0][seal_at..] != guess);
        frames[0][seal_at..].copy_from_slice(&guess);
        let found = frames[0].clone();
        talk.fails_at(&frames, 0, &found)?;
    }
}
