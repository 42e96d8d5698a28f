//! What the profiles say, one statement at a time.

use super::*;

fn lengths(sessions: &Sessions) -> [Figures; 4] {
    [sessions.connect, sessions.disconnect, sessions.reconnect, sessions.logoff].map(|event| event.figures())
}

fn transmitted(sessions: &Sessions) -> [u32; 4] {
    lengths(sessions).map(|figures| figures.transmitted)
}

fn received(sessions: &Sessions) -> [Option<u32>; 4] {
    lengths(sessions).map(|figures| figures.received)
}

#[test]
fn products_are_known_by_name_and_have_their_own_profile() {
    for product in Product::ALL {
        assert_eq!(Product::from_name(product.name()), Some(product));
        assert_eq!(product.profile().product, product);
    }
    assert_eq!(Product::from_name("PS46"), None);
}

/// CTX114843, the two tables of version 4.5.
#[test]
fn session_events_of_4_5_are_as_long_as_printed() {
    let profile = Product::Ps45.profile();
    assert_eq!(transmitted(profile.sessions(true)), [195, 522, 297, 317]);
    assert_eq!(received(profile.sessions(true)), [Some(328), Some(440), Some(307), Some(440)]);
    assert_eq!(transmitted(profile.sessions(false)), [72, 164, 143, 225]);
    assert_eq!(received(profile.sessions(false)), [Some(174), Some(215), Some(266), Some(440)]);
}

/// CTX114843, the two tables of version 4.0, which print what is transmitted and no more.
#[test]
fn session_events_of_4_0_are_as_long_as_printed() {
    let profile = Product::Ps40.profile();
    assert_eq!(transmitted(profile.sessions(true)), [1_178, 942, 1_126, 676]);
    assert_eq!(transmitted(profile.sessions(false)), [891, 512, 819, 369]);
    assert_eq!(received(profile.sessions(true)), [None; 4]);
}

/// CTX114843, the table of version 3.0, which has one for both.
#[test]
fn session_events_of_3_0_are_as_long_as_printed() {
    let profile = Product::Mf30.profile();
    assert_eq!(transmitted(profile.sessions(true)), [522, 492, 481, 307]);
    assert_eq!(profile.sessions(true), profile.sessions(false));
}

/// CTX114843, "Farm Communication": with load not shared an event is shorter by about 300 bytes. Both ways taken
/// together, and on the average of the four events, the tables agree.
#[test]
fn not_sharing_load_saves_about_three_hundred_bytes_an_event() {
    let both_ways = |sessions| -> u32 {
        lengths(sessions).iter().map(|figures| figures.transmitted + figures.received.unwrap_or_default()).sum()
    };
    for product in [Product::Ps40, Product::Ps45] {
        let profile = product.profile();
        let saved = (both_ways(profile.sessions(true)) - both_ways(profile.sessions(false))) / 4;
        assert!((250..350).contains(&saved), "{product:?}: {saved}");
    }
}

/// CTX114843, the console tables.
#[test]
fn console_operations_are_as_long_as_printed() {
    for product in [Product::Mf30, Product::Ps40, Product::Ps45] {
        let console = &product.profile().console;
        assert_eq!(console.server_query.figures().transmitted, 0);
        assert_eq!(console.publishing.figures().transmitted, 2_529);
        assert_eq!(console.changing_collector.figures().transmitted, 2_243);
        assert_eq!(product.profile().publishing_notice_bytes(), 466);
    }
    let console = &Product::Ps45.profile().console;
    assert_eq!(console.server_query.figures().received, Some(0));
    assert_eq!(console.publishing.figures().received, Some(1_915));
    assert_eq!(console.changing_collector.figures().received, Some(553));
}

/// CTX114843, "Bandwidth of Server to Data Store Communication".
#[test]
fn a_start_reads_what_the_formulas_say() {
    for (product, first, hundred) in
        [(Product::Mf30, 431.0, 742.85), (Product::Ps40, 436.0, 747.85), (Product::Ps45, 416.8, 618.76)]
    {
        for (servers, kilobytes) in [(1, first), (100, hundred)] {
            let read = product.profile().store_read_bytes(servers) as f64 / f64::from(KILOBYTE);
            assert!((read - kilobytes).abs() < 0.001, "{product:?} {servers}: {read}");
        }
    }
}

/// CTX114843, "Bandwidth of Data Collector Communication": 4.56 KB; the vendor elsewhere: 3.43 KB and so much for each
/// session and application.
#[test]
fn a_full_update_is_the_sum_of_its_parts() {
    let profile = Product::Ps45.profile();
    assert_eq!(profile.server_update(true, 0), Figures { transmitted: 4_669, received: Some(1_756) });
    assert_eq!(profile.server_update(false, 0), Figures { transmitted: 3_512, received: Some(1_756) });
    assert_eq!(profile.server_update(false, 1_000).transmitted, 3_512 + 1_331);
    assert_eq!(profile.session_row(true), Figures { transmitted: 51, received: Some(25) });
    assert_eq!(profile.session_row(false), Figures { transmitted: 41, received: Some(20) });
}

/// CTX114843, "Farm Communication": under 64 KB, and under 10 KB in version 3.0 and earlier.
#[test]
fn changes_under_the_products_limit_are_broadcast() {
    for (product, limit) in [(Product::Xp, 10), (Product::Mf30, 10), (Product::Ps40, 64), (Product::Ps45, 64)]
        .map(|(p, kb)| (p, kb * KILOBYTE))
    {
        assert!(product.profile().broadcasts(limit - 1), "{product:?}");
        assert!(!product.profile().broadcasts(limit), "{product:?}");
    }
}

#[test]
fn only_the_oldest_product_forgets_its_cache() {
    for product in Product::ALL {
        let grace = product.profile().cache_grace();
        assert_eq!(grace.is_some(), product == Product::Xp, "{product:?}");
    }
    assert_eq!(Product::Xp.profile().cache_grace(), Some(Span::from_millis(96 * 3_600_000)));
}

/// Over every length there is, and every figure there may be, a message filled is as long as its figure: or longer if
/// it was, or one byte short where the filler's own length grows, or as long as a message may be.
#[test]
fn a_filler_makes_a_message_as_long_as_its_figure() {
    for bare in [16, 18, 31, 72] {
        for figure in 0..70_000 {
            let filler = u32::from(filler(bare, figure));
            let filled = bare + filler + u32::from(filler > 255);
            match figure {
                _ if figure <= bare => assert_eq!(filled, bare),
                _ if figure == bare + 256 => assert_eq!(filled, figure - 1),
                _ if figure <= LONGEST_MESSAGE => assert_eq!(filled, figure),
                _ => assert_eq!(filled, LONGEST_MESSAGE),
            }
        }
    }
}

#[test]
fn an_answer_of_unknown_length_is_left_as_it_is() {
    let figures = Product::Ps40.profile().sharing.connect.figures();
    assert_eq!(figures.answer_filler(20), 0);
    assert_eq!(figures.filler(78), 1_178 - 78 - 1);
}
