//! A whole host, and a world that may report to it all that a driver may, in any order: callers, answers and lies, broken
//! connections, time that passes or is missed, a data store that is there or not, starts, stops and crashes. In the end
//! everybody else is gone, and the host has to get along.

use imafarm_proto::host_record::HostIndex;
use imafarm_proto::input::{Change, Ending, Input, SessionAct};
use imafarm_proto::message::{Preference, Question, Table};
use imafarm_proto::profile::Product;
use imafarm_proto::settings::Settings;
use imafarm_proto::time::Span;

use crate::cast::HOSTS;
use crate::choices::Choices;
use crate::world::World;

/// The settings of which the fuzzer chooses, each from its least value on, and how many values.
const TURNED: [(&str, u64, usize); 7] = [
    ("MaxHostAddressCacheEntries", 2, 8),
    ("MaxBindingsInProgress", 0, 4),
    ("MaxWaitingMessages", 1, 4),
    ("MaxWaitingCalls", 1, 4),
    ("ShareLoadInformation", 0, 2),
    ("StartElection", 0, 2),
    ("PsRequired", 0, 2),
];

/// Inputs beyond which no input of the fuzzer's goes: by then it repeats itself.
const MOST_STEPS: usize = 2_000;

/// Spans that a host may miss, in milliseconds: from less than any deadline of its own to several polls of the data store.
const LATE_MS: [u64; 8] = [0, 1, 900, 5_000, 61_000, 301_000, 1_801_000, 3_700_000];

/// One input: who the host is and how it is set, how far it is, and what happens to it.
pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let me = HostIndex(choices.among(HOSTS as usize) as u32);
    let product = Product::ALL[choices.among(Product::ALL.len())];
    let mut settings = Settings::default();
    for (name, least, many) in TURNED {
        settings.set(name, (least + choices.among(many) as u64).into()).expect("a setting of the table, in range");
    }
    let mut world = World::new(me, settings, product.profile());
    begin(&mut world, choices.among(4));
    for _ in 0..MOST_STEPS {
        if choices.is_over() {
            break;
        }
        step(&mut world, &mut choices);
    }
    world.heal();
}

/// How far the host is when the fuzzer takes it over: off, starting, alone, or called by everybody.
fn begin(world: &mut World, stage: usize) {
    if stage > 0 {
        world.start();
    }
    if stage > 1 {
        world.heal();
    }
    if stage > 2 {
        let me = world.me();
        for peer in (0..HOSTS).map(HostIndex).filter(|peer| *peer != me) {
            world.called_by(peer);
        }
    }
}

fn step(world: &mut World, choices: &mut Choices<'_>) {
    match choices.among(32) {
        0..10 => {
            if let Some(line) = world.line(choices.among(8)) {
                world.receive(line.entry, choices.message());
            }
        }
        10..14 => {
            if let Some(line) = world.line(choices.among(8)) {
                world.answer(line);
            }
        }
        14 => {
            if let Some(line) = world.line(choices.among(8)) {
                world.connect(line.entry);
            }
        }
        15..17 => {
            if let Some(line) = world.line(choices.among(8)) {
                match choices.among(4) {
                    0 => world.end(line.entry, Ending::Finished),
                    1 => world.end(line.entry, Ending::Refused),
                    2 => world.end(line.entry, Ending::Broken),
                    _ => world.estrange(line.entry),
                }
            }
        }
        17 => drop(world.call()),
        18..20 => drop(world.called_by(HostIndex(choices.among(HOSTS as usize) as u32))),
        20..23 => world.next_deadline(),
        23 => {
            world.late(Span::from_millis(LATE_MS[choices.among(LATE_MS.len())]));
            if choices.truth() {
                world.meet_deadlines();
            }
        }
        24..26 => world.answer_consult(choices.among(4), choices.truth(), choices.number(0, u32::MAX.into()) as u32),
        26 => match choices.among(8) {
            0 => world.crash(),
            1 => world.stop(),
            2 => drop(world.input(Input::Elect)),
            _ => world.start(),
        },
        27 => drop(world.input(Input::Logon { user: choices.byte().into(), app: choices.among(5) as u32 })),
        28 => {
            let acts = [SessionAct::Disconnect, SessionAct::Reconnect, SessionAct::Logoff];
            let number = choices.among(8) as u32;
            world.input(Input::Session(number, acts[choices.among(acts.len())]));
        }
        29 => {
            let load = choices.truth().then(|| choices.number(0, u32::MAX.into()) as u32);
            world.input(Input::SetLoad(load));
        }
        30 => match choices.truth() {
            true => drop(world.input(Input::Subscribe(Table::ALL[choices.among(Table::ALL.len())], choices.truth()))),
            false => {
                let (order, bytes) = (choices.byte().into(), choices.number(0, u32::MAX.into()) as u32);
                world.input(Input::Change(Change { order, bytes }));
            }
        },
        _ => {
            let (request, app) = (choices.byte().into(), choices.among(5) as u32);
            let preference = Preference(choices.number(0, u64::MAX));
            world.ask(Question { request, app, preference });
        }
    }
}
