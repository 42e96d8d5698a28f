//! The published figures, product by product, as they are printed.
//!
//! Nothing is computed here and nothing is left out: CTX114843's tables from the first row to the last, its formulas, and
//! the few numbers of the vendor's and of others that it lacks.

use crate::profile::figure::{Confidence, Figure, Unit};
use crate::profile::{Console, Exchange, FullUpdate, Product, Profile, Sessions, StoreReads};

const fn kb(printed: &'static str, source: &'static str) -> Figure {
    Figure::new(printed, Unit::Kilobytes, source)
}

const fn exchange(source: &'static str, transmitted: &'static str, received: &'static str) -> Exchange {
    Exchange { transmitted: kb(transmitted, source), received: Some(kb(received, source)) }
}

const fn sent(source: &'static str, transmitted: &'static str) -> Exchange {
    Exchange { transmitted: kb(transmitted, source), received: None }
}

const PS45_SHARING: &str = "CTX114843, Citrix Presentation Server 4.5 Sharing load information";
const PS45_NOT_SHARING: &str = "CTX114843, Citrix Presentation Server 4.5 NOT Sharing load information";
const PS40_SHARING: &str = "CTX114843, Citrix Presentation Server 4.0 Sharing load information";
const PS40_NOT_SHARING: &str = "CTX114843, Citrix Presentation Server 4.0 NOT Sharing load information";
const MF30_EVENTS: &str = "CTX114843, MetaFrame Presentation Server 3.0 (session events)";
const PS45_CONSOLE: &str = "CTX114843, Citrix Presentation Server 4.5 (console)";
const PS40_CONSOLE: &str = "CTX114843, Citrix Presentation Server 4.0 (console)";
const MF30_CONSOLE: &str = "CTX114843, MetaFrame Presentation Server 3.0 (console)";
const COLLECTORS: &str = "CTX114843, Bandwidth of Data Collector Communication";
const STORE: &str = "CTX114843, Bandwidth of Server to Data Store Communication";
const CHANGES: &str = "CTX114843, Farm Communication";
const VENDOR: &str = "the vendor, elsewhere";
const OTHERS: &str = "others";

/// CTX114843, "Bandwidth of Data Collector Communication": it says this of no product in particular.
const EACH_SERVER: Figure = Figure::new("466", Unit::Bytes, COLLECTORS);
const NEW_SERVER: Figure = kb("4.56", COLLECTORS);

/// A full update of version 4.5, load not shared.
const FULL_UPDATE: FullUpdate = FullUpdate {
    new_server: NEW_SERVER,
    server: kb("3.43", VENDOR),
    session: kb(".05", VENDOR),
    disconnected: kb(".04", VENDOR),
    application: kb(".0013", VENDOR),
    round_trip: Figure::new("1.5", Unit::Times, OTHERS).by(Confidence::Others),
};

/// The same of the products of which nobody has published it.
const FULL_UPDATE_GUESSED: FullUpdate = FullUpdate {
    new_server: NEW_SERVER,
    server: FULL_UPDATE.server.by(Confidence::OurGuess),
    session: FULL_UPDATE.session.by(Confidence::OurGuess),
    disconnected: FULL_UPDATE.disconnected.by(Confidence::OurGuess),
    application: FULL_UPDATE.application.by(Confidence::OurGuess),
    round_trip: FULL_UPDATE.round_trip.by(Confidence::OurGuess),
};

/// Version 3.0 has one table of session events, whether load is shared or not.
const MF30_SESSIONS: Sessions = Sessions {
    connect: sent(MF30_EVENTS, ".51"),
    disconnect: sent(MF30_EVENTS, ".48"),
    reconnect: sent(MF30_EVENTS, ".47"),
    logoff: sent(MF30_EVENTS, ".30"),
};

pub(super) static PS45: Profile = Profile {
    product: Product::Ps45,
    sharing: Sessions {
        connect: exchange(PS45_SHARING, ".19", ".32"),
        disconnect: exchange(PS45_SHARING, ".51", ".43"),
        reconnect: exchange(PS45_SHARING, ".29", ".30"),
        logoff: exchange(PS45_SHARING, ".31", ".43"),
    },
    not_sharing: Sessions {
        connect: exchange(PS45_NOT_SHARING, "0.07", ".17"),
        disconnect: exchange(PS45_NOT_SHARING, ".16", ".21"),
        reconnect: exchange(PS45_NOT_SHARING, ".14", ".26"),
        logoff: exchange(PS45_NOT_SHARING, ".22", ".43"),
    },
    console: Console {
        server_query: exchange(PS45_CONSOLE, ".0", ".0"),
        publishing: exchange(PS45_CONSOLE, "2.47", "1.87"),
        changing_collector: exchange(PS45_CONSOLE, "2.19", ".54"),
        each_server: EACH_SERVER,
    },
    full_update: FULL_UPDATE,
    store_reads: StoreReads { first_server: kb("416.8", STORE), each_further: kb("2.04", STORE) },
    broadcast_limit: kb("64", CHANGES),
    cache_grace: None,
    setting_defaults: &[],
};

pub(super) static PS40: Profile = Profile {
    product: Product::Ps40,
    sharing: Sessions {
        connect: sent(PS40_SHARING, "1.15"),
        disconnect: sent(PS40_SHARING, "0.92"),
        reconnect: sent(PS40_SHARING, "1.1"),
        logoff: sent(PS40_SHARING, "0.66"),
    },
    not_sharing: Sessions {
        connect: sent(PS40_NOT_SHARING, "0.87"),
        disconnect: sent(PS40_NOT_SHARING, "0.50"),
        reconnect: sent(PS40_NOT_SHARING, "0.80"),
        logoff: sent(PS40_NOT_SHARING, "0.36"),
    },
    console: Console {
        // The row is headed by the product's name alone; it stands where the others have the server query.
        server_query: sent(PS40_CONSOLE, ".0"),
        publishing: sent(PS40_CONSOLE, "2.47"),
        changing_collector: sent(PS40_CONSOLE, "2.19"),
        each_server: EACH_SERVER,
    },
    full_update: FULL_UPDATE_GUESSED,
    store_reads: StoreReads { first_server: kb("436", STORE), each_further: kb("3.15", STORE) },
    broadcast_limit: kb("64", CHANGES),
    cache_grace: None,
    setting_defaults: &[],
};

pub(super) static MF30: Profile = Profile {
    product: Product::Mf30,
    sharing: MF30_SESSIONS,
    not_sharing: MF30_SESSIONS,
    console: MF30_CONSOLE_TABLE,
    full_update: FULL_UPDATE_GUESSED,
    store_reads: MF30_STORE_READS,
    broadcast_limit: kb("10", CHANGES),
    cache_grace: None,
    setting_defaults: &[],
};

const MF30_CONSOLE_TABLE: Console = Console {
    server_query: sent(MF30_CONSOLE, ".0"),
    publishing: sent(MF30_CONSOLE, "2.47"),
    changing_collector: sent(MF30_CONSOLE, "2.19"),
    each_server: EACH_SERVER,
};

const MF30_STORE_READS: StoreReads = StoreReads { first_server: kb("431", STORE), each_further: kb("3.15", STORE) };

/// CTX114843 ends at version 3.0, so its numbers stand in for those of MetaFrame XP. Our guess; what is XP's own is the
/// grace of the local host cache, the time between polls, and that load is shared.
pub(super) static XP: Profile = Profile {
    product: Product::Xp,
    sharing: guessed_sessions(MF30_SESSIONS),
    not_sharing: guessed_sessions(MF30_SESSIONS),
    console: Console {
        server_query: guessed(MF30_CONSOLE_TABLE.server_query),
        publishing: guessed(MF30_CONSOLE_TABLE.publishing),
        changing_collector: guessed(MF30_CONSOLE_TABLE.changing_collector),
        each_server: EACH_SERVER,
    },
    full_update: FULL_UPDATE_GUESSED,
    store_reads: StoreReads {
        first_server: MF30_STORE_READS.first_server.by(Confidence::OurGuess),
        each_further: MF30_STORE_READS.each_further.by(Confidence::OurGuess),
    },
    // "3.0 and earlier": XP is meant too.
    broadcast_limit: kb("10", CHANGES),
    cache_grace: Some(Figure::new("96", Unit::Hours, VENDOR)),
    setting_defaults: &[("DCNChangePollingInterval", 600_000), ("ShareLoadInformation", 1)],
};

const fn guessed(exchange: Exchange) -> Exchange {
    Exchange {
        transmitted: exchange.transmitted.by(Confidence::OurGuess),
        received: match exchange.received {
            Some(figure) => Some(figure.by(Confidence::OurGuess)),
            None => None,
        },
    }
}

const fn guessed_sessions(sessions: Sessions) -> Sessions {
    Sessions {
        connect: guessed(sessions.connect),
        disconnect: guessed(sessions.disconnect),
        reconnect: guessed(sessions.reconnect),
        logoff: guessed(sessions.logoff),
    }
}
