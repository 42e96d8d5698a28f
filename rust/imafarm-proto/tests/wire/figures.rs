//! Messages and the lengths that CTX114843 prints of them: a filler makes a message longer, and never shorter. So one
//! that is too long by itself would be off, however small the farm in which it was compared.

use imafarm_proto::host_record::HostId;
use imafarm_proto::message::{Filler, Kind, Message, SessionEvent, SessionUpdate};
use imafarm_proto::profile::{Figures, Product};
use imafarm_proto::transport::{Framer, HEADER_LEN, Limits};

use crate::{all_of, edge_cases, encoded, one_of_each};

const HIGHEST_ID: u64 = (1 << 48) - 1;

/// The longest message about a session in a farm with no host id above `id`, and no other number above `number`.
fn session_update(event: SessionEvent, id: u64, number: u32, load: Option<u32>) -> Message {
    Message::SessionUpdate(Box::new(SessionUpdate {
        server: HostId::new(id).expect("a host id"),
        seq: number,
        event,
        session: number,
        user: number,
        // A session that runs no application has the greatest number of all for it.
        app: u32::MAX,
        load,
        filler: Filler(0),
    }))
}

/// Where a filler begins to say its own length in two bytes, one length is out of reach.
fn assert_length(message: Message, bytes: u32) {
    let length = message.lengthened_to(bytes).encoded_len();
    assert!(length == bytes || length + 1 == bytes, "{length} bytes, and {bytes} are published");
}

/// CTX114843, "Bandwidth of Data Collector Communication", the tables of session events.
#[test]
fn no_session_event_and_no_answer_is_longer_than_published() {
    for product in Product::ALL {
        for sharing in [true, false] {
            let table = product.profile().sessions(sharing);
            let rows = [
                (SessionEvent::Connect, table.connect),
                (SessionEvent::Disconnect, table.disconnect),
                (SessionEvent::Reconnect, table.reconnect),
                (SessionEvent::Logoff, table.logoff),
            ];
            for (event, exchange) in rows {
                let Figures { transmitted, received } = exchange.figures();
                let load = sharing.then_some(u32::MAX);
                assert_length(session_update(event, HIGHEST_ID, u32::MAX, load), transmitted);
                if let Some(received) = received {
                    assert_length(Message::SessionUpdateAck { seq: u32::MAX, filler: Filler(0) }, received);
                }
            }
        }
    }
}

/// The vendor's figures of a full update, in whose rows there is less room: in farms of up to 65,536 hosts, users and
/// reports of a server.
#[test]
fn no_row_of_a_full_update_is_longer_than_published_in_farms_that_there_are() {
    for product in Product::ALL {
        for (event, active) in [(SessionEvent::Present, true), (SessionEvent::PresentDisconnected, false)] {
            let Figures { transmitted, .. } = product.profile().session_row(active);
            assert_length(session_update(event, 0xffff, 0xffff, Some(0xffff)), transmitted);
        }
    }
}

/// CTX114843, "Bandwidth of Data Collector Communication", the rows of console operations: what is told of a change and
/// of a collector's change, and the answers.
#[test]
fn no_console_operation_is_longer_than_published() {
    for product in Product::ALL {
        let profile = product.profile();
        let change = || Message::ConfigChange { change: u32::MAX, bytes: u32::MAX, filler: Filler(0) };
        let publishing = profile.console.publishing.figures();
        assert_length(change(), publishing.transmitted);
        assert_length(change(), profile.publishing_notice_bytes());
        let gateway = profile.console.changing_collector.figures();
        assert_length(Message::GatewayUpdate { filler: Filler(0) }, gateway.transmitted);
        for (answer, figures) in [
            (Message::ConfigChangeAck { change: u32::MAX, filler: Filler(0) }, publishing),
            (Message::GatewayUpdateAck { filler: Filler(0) }, gateway),
        ] {
            if let Some(received) = figures.received {
                assert_length(answer, received);
            }
        }
    }
}

/// Some figures grow with a number that whoever reports may claim. However long a message is to be, it is sent as a frame
/// that every host takes unless it is told to take less.
#[test]
fn no_figure_makes_a_message_longer_than_hosts_take() {
    let longest = |message: Message| message.lengthened_to(u32::MAX);
    for message in Kind::ALL.into_iter().flat_map(edge_cases).map(longest) {
        assert!(message.encoded_len() <= HEADER_LEN as u32 + Limits::DEFAULT_BODY_BYTES, "{message:?}");
    }
    let messages: Vec<Message> = one_of_each().into_iter().map(longest).collect();
    assert_eq!(all_of(&mut Framer::default(), [&encoded(&messages)[..]]), (messages, Ok(())));
}
