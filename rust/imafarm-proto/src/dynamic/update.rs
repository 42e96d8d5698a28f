//! A report about a server, as it is told, answered and relayed.

use crate::host_record::HostId;
use crate::message::{Filler, LoadUpdate, Message, ServerUpdate, SessionEvent, SessionUpdate};
use crate::profile::Figures;
use crate::turn::Turn;

/// One report.
#[derive(Debug)]
pub(super) enum Update {
    /// A server is up or down.
    Server(Box<ServerUpdate>),
    /// Something has happened to a session.
    Session(Box<SessionUpdate>),
    /// A load has changed, or was asked for.
    Load(Box<LoadUpdate>),
}

impl Update {
    /// Whom it is about.
    pub(super) const fn server(&self) -> HostId {
        match self {
            Update::Server(update) => update.server,
            Update::Session(update) => update.server,
            Update::Load(update) => update.server,
        }
    }

    /// As a collector gets it, as long as the product's: with the load, or without where that is not shared.
    pub(super) fn told(&self, turn: &Turn<'_>, with_load: bool) -> Message {
        match self {
            Update::Server(update) => server_message(update, with_load),
            Update::Session(update) => session_message(turn, (**update).clone(), with_load),
            Update::Load(update) => Message::LoadUpdate(update.clone()),
        }
    }

    /// As other zones' collectors get it: not at all if it is nothing but a load, and that is not shared.
    pub(super) fn relayed(&self, turn: &Turn<'_>, shares: bool) -> Option<Message> {
        (shares || !matches!(self, Update::Load(_))).then(|| self.told(turn, shares))
    }

    /// What whoever gets it answers, as long as the product's answer; nothing to a load.
    pub(super) fn answer(&self, turn: &Turn<'_>) -> Option<Message> {
        match self {
            Update::Server(update) => {
                let figures = turn.who.profile.server_update(false, update.applications);
                let answer = Message::ServerUpdateAck { seq: update.seq, filler: Filler(0) };
                Some(answer.lengthened_to(if update.up { figures.received.unwrap_or(0) } else { 0 }))
            }
            Update::Session(update) => {
                let figures = session_figures(turn, update.event, shares_load(turn));
                let answer = Message::SessionUpdateAck { seq: update.seq, filler: Filler(0) };
                Some(answer.lengthened_to(figures.received.unwrap_or(0)))
            }
            Update::Load(_) => None,
        }
    }
}

/// Whether this collector tells loads to the other zones' collectors ("Share load information across zones").
pub(super) const fn shares_load(turn: &Turn<'_>) -> bool {
    turn.who.settings.share_load_information
}

/// A server's report of itself as another collector gets it: as long as it came, with or without the load.
pub(super) fn server_message(update: &ServerUpdate, with_load: bool) -> Message {
    let bytes = Message::ServerUpdate(Box::new(update.clone())).encoded_len();
    let load = update.load.filter(|_| with_load);
    let told = ServerUpdate { load, filler: Filler(0), ..update.clone() };
    Message::ServerUpdate(Box::new(told)).lengthened_to(bytes)
}

/// A session's event, with or without the load, as long as the product's.
pub(super) fn session_message(turn: &Turn<'_>, update: SessionUpdate, with_load: bool) -> Message {
    let figures = session_figures(turn, update.event, shares_load(turn));
    let load = update.load.filter(|_| with_load);
    Message::SessionUpdate(Box::new(SessionUpdate { load, filler: Filler(0), ..update }))
        .lengthened_to(figures.transmitted)
}

fn session_figures(turn: &Turn<'_>, event: SessionEvent, shared: bool) -> Figures {
    let table = turn.who.profile.sessions(shared);
    match event {
        SessionEvent::Present => turn.who.profile.session_row(true),
        SessionEvent::PresentDisconnected => turn.who.profile.session_row(false),
        SessionEvent::Connect => table.connect.figures(),
        SessionEvent::Disconnect => table.disconnect.figures(),
        SessionEvent::Reconnect => table.reconnect.figures(),
        SessionEvent::Logoff => table.logoff.figures(),
    }
}

/// A new collector's word to the others, and their answer.
pub(super) fn gateway_figures(turn: &Turn<'_>) -> Figures {
    turn.who.profile.console.changing_collector.figures()
}

/// A server's report of itself, as long as the product's; the first since it came on-line is longer than others.
pub(super) fn registration(turn: &Turn<'_>, update: ServerUpdate, first: bool) -> ServerUpdate {
    let figures = turn.who.profile.server_update(first, update.applications);
    let filler = figures.filler(Message::ServerUpdate(Box::new(update.clone())).encoded_len());
    ServerUpdate { filler: Filler(filler), ..update }
}
