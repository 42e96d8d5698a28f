//! A stream through a [`Framer`], in any cut: what comes out does not depend on the cut, memory is bounded by what
//! arrived, what was read is all there was, and an error stays.

use imafarm_proto::message::Message;
use imafarm_proto::transport::{FrameError, Framer, HEADER_LEN, Limits};

use crate::choices::Choices;

/// The longest stream that is also read byte by byte.
const BY_BYTES: usize = 4_096;

/// All that is read of a stream: its messages, and how it ends.
#[derive(Debug, PartialEq)]
struct Read {
    messages: Vec<Message>,
    offset: u64,
    end: Result<(), FrameError>,
}

/// One input: a choice of limits, where the stream is cut, and the stream.
pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let limits = if choices.truth() { Limits::default() } else { least() };
    let cuts: Vec<usize> = (0..choices.among(8)).map(|_| 1 + usize::from(choices.byte())).collect();
    let mut stream = Vec::new();
    while !choices.is_over() {
        choices.piece(&mut stream);
    }

    let whole = read(limits, [&stream[..]]);
    assert_eq!(read(limits, pieces(&stream, &cuts)), whole, "cut after {cuts:?} bytes");
    if stream.len() <= BY_BYTES {
        assert_eq!(read(limits, stream.chunks(1)), whole, "byte by byte");
    }

    let longest = HEADER_LEN as u32 + limits.max_body_bytes();
    assert!(whole.messages.iter().all(|message| message.encoded_len() <= longest), "{limits:?}");
    let mut again = Vec::new();
    whole.messages.iter().for_each(|message| message.encode(&mut again));
    assert_eq!(again.len() as u64, whole.offset);
    assert_eq!(again, stream[..again.len()], "one message has one frame");
    if let Err(error) = whole.end {
        assert!(error.offset >= whole.offset && error.offset <= stream.len() as u64, "{error:?}");
    } else {
        assert_eq!(again.len(), stream.len(), "what is no error is read to the end");
    }
}

fn least() -> Limits {
    Limits::new(Limits::LEAST_BODY_BYTES).expect("the least is in range")
}

/// The stream in pieces of these lengths, over and over.
fn pieces<'a>(stream: &'a [u8], lengths: &[usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut lengths = lengths.iter().cycle();
    let mut rest = stream;
    core::iter::from_fn(move || {
        let length = lengths.next().map_or(rest.len(), |length| (*length).min(rest.len()));
        let (piece, later) = rest.split_at(length);
        rest = later;
        (!piece.is_empty()).then_some(piece)
    })
}

fn read<'a>(limits: Limits, pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let mut framer = Framer::new(limits);
    let mut messages = Vec::new();
    let (mut arrived, mut end) = (0, Ok(()));
    for mut piece in pieces {
        arrived += piece.len();
        loop {
            match framer.pull(&mut piece) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => {
                    assert!(piece.is_empty(), "a framer that wants more has read all there is");
                    break;
                }
                Err(error) => {
                    assert_that_it_stays(&mut framer, error);
                    end = Err(error);
                    break;
                }
            }
        }
        assert!(framer.offset() as usize + framer.kept_bytes() <= arrived);
        assert!(framer.kept_bytes() < HEADER_LEN + limits.max_body_bytes() as usize, "never more than one frame");
        assert!(framer.capacity() <= 2 * arrived.max(8), "{} bytes for {arrived}", framer.capacity());
        if end.is_err() {
            break;
        }
    }
    let offset = framer.offset();
    Read { messages, offset, end: end.and_then(|()| framer.finish()) }
}

/// A framer that failed reads no more, keeps nothing, and says the same again.
fn assert_that_it_stays(framer: &mut Framer, error: FrameError) {
    let mut good = Vec::new();
    Message::BindCommit.encode(&mut good);
    let mut more = &good[..];
    assert_eq!(framer.pull(&mut more), Err(error));
    assert_eq!(framer.finish(), Err(error));
    assert_eq!((more.len(), framer.kept_bytes(), framer.capacity()), (good.len(), 0, 0));
}
