//! Bodies and messages: any bytes are refused as the body of a kind, or are the only body of one message; and any message
//! comes back from its own bytes.

use imafarm_proto::message::Message;
use imafarm_proto::transport::{FrameError, Framer, HEADER_LEN, Limits};

use crate::choices::{Choices, frame};

/// One input: a kind and the bytes of a body, or a message.
pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    if choices.truth() { any_message(choices) } else { any_body(choices) }
}

/// The messages of a whole stream.
fn read(mut stream: &[u8]) -> Result<Vec<Message>, FrameError> {
    let mut framer = Framer::new(Limits::new(Limits::MOST_BODY_BYTES).expect("the most is in range"));
    let mut messages = Vec::new();
    while let Some(message) = framer.pull(&mut stream)? {
        messages.push(message);
    }
    framer.finish()?;
    Ok(messages)
}

fn any_body(mut choices: Choices<'_>) {
    let kind = choices.kind();
    let mut stream = Vec::new();
    frame(kind.number(), [0; 2], choices.0, &mut stream);
    match read(&stream) {
        Ok(messages) => {
            assert_eq!(messages.len(), 1);
            assert_eq!(messages[0].kind(), kind);
            assert_comes_back(&messages[0], &stream);
        }
        Err(error) => {
            assert_eq!(error.fault.part(), "body", "the frame around it is right: {error}");
            let within = HEADER_LEN as u64..=stream.len() as u64;
            assert!(within.contains(&error.offset), "{error:?}");
        }
    }
}

fn any_message(mut choices: Choices<'_>) {
    let message = choices.message();
    let mut stream = Vec::new();
    message.encode(&mut stream);
    assert_eq!(read(&stream).as_deref(), Ok(core::slice::from_ref(&message)));
    assert_comes_back(&message, &stream);
}

/// A message has these bytes and no others, and knows how many they are.
fn assert_comes_back(message: &Message, stream: &[u8]) {
    let mut again = Vec::new();
    message.encode(&mut again);
    assert_eq!(again, stream, "{message:?}");
    assert_eq!(message.encoded_len() as usize, stream.len(), "{message:?}");
}
