//! Why a host drops a connection, for the log.

use imafarm_proto::message::Kind;
use imafarm_proto::transport::FrameError;

/// What the other side of a connection is to blame for, if the host drops it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Blame {
    /// Nothing: two hosts have called one another at once, and one connection is enough.
    Nothing,
    /// What it has said is no frame of this farm.
    Fault(FrameError),
    /// It has shown another farm's magic number, or is no host of this farm.
    Stranger,
    /// It has said this when something else was due.
    OutOfTurn(Kind),
}

impl Blame {
    /// A line for the log.
    pub(super) fn told(self) -> Option<String> {
        match self {
            Blame::Nothing => None,
            Blame::Fault(error) => Some(error.to_string()),
            Blame::Stranger => Some("it shows another farm's magic number, or is no host of this farm".to_owned()),
            Blame::OutOfTurn(kind) => Some(format!("{} is out of turn", kind.name())),
        }
    }
}
