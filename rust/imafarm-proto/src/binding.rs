//! The state machine of one binding (IMA Information, "Connection State Information").
//!
//! ```text
//! opener                                acceptor
//! CONNECTING                            CONNECTING
//! WAIT_BIND_REQUEST   <-[BIND_REQUEST]  WAIT_BIND_RESPONSE      the acceptor speaks first
//! WAIT_BIND_COMMIT    [BIND_RESPONSE]->
//! ACTIVE              <-[BIND_COMMIT]   ACTIVE
//! ```
//!
//! [`State::on`] is the whole table; what a step does to caches, queues and wires is its caller's business.

/// Where a binding stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Outgoing: the connection is being made.
    #[default]
    Connecting,
    /// Outgoing: connected; the acceptor has to say who it is.
    WaitBindRequest,
    /// Outgoing: both have said who they are; the acceptor has to agree.
    WaitBindCommit,
    /// Incoming: a caller waits to be answered. Left as soon as it is entered.
    Answering,
    /// Incoming: the caller has to say who it is.
    WaitBindResponse,
    /// Messages pass, both ways.
    Active,
    /// This side has closed; what the other side sent before it knew still arrives.
    Closing,
}

/// The three states in which a binding is seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not usable yet.
    Connecting,
    /// Usable.
    Active,
    /// Torn down on this side.
    Closing,
}

/// What can happen to a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The connection stands.
    Connected,
    /// BIND_REQUEST from a host of our farm: the one we called.
    BindRequest,
    /// BIND_RESPONSE from a host of our farm.
    BindResponse,
    /// BIND_COMMIT.
    BindCommit,
    /// A bind packet with another farm's magic number, or from a host we do not know or did not call; or what is not the
    /// speech of our farm at all.
    Stranger,
    /// Any other message.
    Message,
    /// We close.
    Close,
    /// The other side closed, or the connection broke.
    Closed,
    /// It has been in progress for too long.
    TimedOut,
}

/// What a step asks of the binding's owner, besides the new state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing.
    Nothing,
    /// Send BIND_REQUEST.
    Request,
    /// Send BIND_RESPONSE.
    Respond,
    /// Send BIND_COMMIT; the binding is active, and what waits for it may go.
    Commit,
    /// The binding is active, and what waits for it may go.
    Activate,
    /// Hand the message on.
    Deliver,
    /// Close it in good order: what was sent arrives.
    Finish,
    /// Drop the connection at once: the other side broke the protocol, is a stranger, or does not answer.
    Abort,
    /// Forget it: there is nothing left at the other end.
    Forget,
}

impl State {
    /// All states, for tables.
    pub const ALL: [State; 7] = [
        State::Connecting,
        State::WaitBindRequest,
        State::WaitBindCommit,
        State::Answering,
        State::WaitBindResponse,
        State::Active,
        State::Closing,
    ];

    /// The state as seen from outside: a binding attempt is connecting, active or closing.
    pub const fn phase(self) -> Phase {
        match self {
            State::Connecting
            | State::WaitBindRequest
            | State::WaitBindCommit
            | State::Answering
            | State::WaitBindResponse => Phase::Connecting,
            State::Active => Phase::Active,
            State::Closing => Phase::Closing,
        }
    }

    /// Whether the binding was opened by this host, as far as the state tells: it does while in progress.
    pub const fn is_outgoing_in_progress(self) -> bool {
        match self {
            State::Connecting | State::WaitBindRequest | State::WaitBindCommit => true,
            State::Answering | State::WaitBindResponse | State::Active | State::Closing => false,
        }
    }

    /// One step: the new state (`None`: the binding is gone) and what it asks for.
    #[inline]
    pub const fn on(self, event: Event) -> (Option<State>, Act) {
        use Event::{BindCommit, BindRequest, BindResponse, Close, Closed, Connected, Message, Stranger, TimedOut};
        match (self, event) {
            // The outgoing way.
            (State::Connecting, Connected) => (Some(State::WaitBindRequest), Act::Nothing),
            (State::WaitBindRequest, BindRequest) => (Some(State::WaitBindCommit), Act::Respond),
            (State::WaitBindCommit, BindCommit) => (Some(State::Active), Act::Activate),

            // The incoming way.
            (State::Answering, Connected) => (Some(State::WaitBindResponse), Act::Request),
            (State::WaitBindResponse, BindResponse) => (Some(State::Active), Act::Commit),

            (State::Active, Message) => (Some(State::Active), Act::Deliver),

            // Closing is graceful: the other side's last messages are heard until it has closed too.
            (State::Active, Close) => (Some(State::Closing), Act::Finish),
            (State::Closing, Message) => (Some(State::Closing), Act::Deliver),
            (State::Closing, Close | TimedOut) => (Some(State::Closing), Act::Nothing),

            // A binding in progress has sent nothing that must arrive.
            (
                State::Connecting
                | State::WaitBindRequest
                | State::WaitBindCommit
                | State::Answering
                | State::WaitBindResponse,
                Close | TimedOut | Stranger,
            ) => (None, Act::Abort),
            (State::Active, TimedOut) => (Some(State::Active), Act::Nothing),

            (
                State::Connecting
                | State::WaitBindRequest
                | State::WaitBindCommit
                | State::Answering
                | State::WaitBindResponse
                | State::Active
                | State::Closing,
                Closed,
            ) => (None, Act::Forget),

            // Everything else breaks the protocol.
            (State::Connecting | State::Answering, BindRequest | BindResponse | BindCommit | Message)
            | (State::WaitBindRequest, Connected | BindResponse | BindCommit | Message)
            | (State::WaitBindCommit, Connected | BindRequest | BindResponse | Message)
            | (State::WaitBindResponse, Connected | BindRequest | BindCommit | Message)
            | (State::Active | State::Closing, Connected | BindRequest | BindResponse | BindCommit | Stranger) => {
                (None, Act::Abort)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    const EVENTS: [Event; 9] = [
        Event::Connected,
        Event::BindRequest,
        Event::BindResponse,
        Event::BindCommit,
        Event::Stranger,
        Event::Message,
        Event::Close,
        Event::Closed,
        Event::TimedOut,
    ];

    /// The whole machine, for people to read and for changes to show.
    #[test]
    fn the_whole_table() {
        let mut table = String::new();
        for state in State::ALL {
            for event in EVENTS {
                let (next, act) = state.on(event);
                let next = next.map_or_else(|| "gone".to_owned(), |s| format!("{s:?}"));
                let row = format!("{:<17} {:<13} -> {next:<17} {act:?}", format!("{state:?}"), format!("{event:?}"));
                writeln!(table, "{}", row.trim_end()).expect("a string takes all");
            }
        }
        insta::assert_snapshot!(table);
    }

    fn walk(from: State, events: &[Event]) -> Vec<(Option<State>, Act)> {
        let mut state = from;
        events
            .iter()
            .map(|&event| {
                let step = state.on(event);
                state = step.0.unwrap_or(state);
                step
            })
            .collect()
    }

    /// IMA Information, "Connection State Information": the outgoing connection.
    #[test]
    fn an_outgoing_binding_waits_for_request_answers_and_waits_for_commit() {
        let steps = walk(State::Connecting, &[Event::Connected, Event::BindRequest, Event::BindCommit]);
        assert_eq!(
            steps,
            [
                (Some(State::WaitBindRequest), Act::Nothing),
                (Some(State::WaitBindCommit), Act::Respond),
                (Some(State::Active), Act::Activate),
            ]
        );
    }

    /// IMA Information, "Connection State Information": the incoming connection.
    #[test]
    fn an_incoming_binding_requests_waits_for_response_and_commits() {
        let steps = walk(State::Answering, &[Event::Connected, Event::BindResponse]);
        assert_eq!(steps, [(Some(State::WaitBindResponse), Act::Request), (Some(State::Active), Act::Commit)]);
    }

    /// IMA Information, "Connection State Information": always one of three.
    #[test]
    fn a_binding_is_connecting_active_or_closing() {
        let phases = State::ALL.map(State::phase);
        assert_eq!(phases.iter().filter(|p| **p == Phase::Active).count(), 1);
        assert_eq!(phases.iter().filter(|p| **p == Phase::Closing).count(), 1);
    }

    #[test]
    fn nobody_leaves_a_binding_in_progress_by_a_message() {
        for state in State::ALL.into_iter().filter(|s| s.phase() == Phase::Connecting) {
            assert_eq!(state.on(Event::Message), (None, Act::Abort), "{state:?}");
        }
    }
}
