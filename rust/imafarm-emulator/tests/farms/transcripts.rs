//! Elections to read: a file of commands, each followed by a rule and by everything that came of it.
//!
//! ```text
//! farm hosts=4 NAME=VALUE ..     a farm of one zone: H1, which is Most Preferred, to H4, the highest id
//! run SECONDS                    goes on for so long
//! until agreed|declared SECONDS  goes on until that happens, but no longer than that
//! farm hosts=4 zones=2 session_hosts=2 ..     in turn of two zones; the last two of them serve sessions only
//! magic NUMBER H1 ..             from the next start on
//! start|stop|crash|restart|pause|resume|elect H1 ..
//! cut H1 .. | H2 ..              both ways
//! heal
//! logon H1 ..                    a user, on each
//! disconnect|reconnect|logoff H1 NUMBER
//! stores                         what each collector holds, and whether that is so
//! ```
//!
//! Bind packets and heartbeats are left out, but for `trace KIND ..`, which says what is shown. `UPDATE=1 cargo test`
//! rewrites the files; the diff is what has changed.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use imafarm_emulator::farm::Farm;
use imafarm_proto::host_record::{HostIndex, HostRecord};
use imafarm_proto::host_resolver::Directory;
use imafarm_proto::input::SessionAct;
use imafarm_proto::message::{Kind, MagicNumber};
use imafarm_proto::outbox::Notice;
use imafarm_proto::time::{Span, Time};
use imafarm_records::chronicle::{What, class};

use crate::bench::{plan, run};
use imafarm_records::{Commanded, Observed};

const SHOWN: [Kind; 3] = [Kind::ElectMaster, Kind::ElectMasterAck, Kind::DeclareMaster];

/// A farm, and how far its story has been told.
struct Stage {
    farm: Farm,
    shown: Vec<Kind>,
    told: usize,
}

impl Stage {
    fn new(words: &[&str]) -> Stage {
        let pairs = words.iter().map(|word| word.split_once('=').expect("NAME=VALUE"));
        let numbers: Vec<(&str, u64)> = pairs.map(|(name, value)| (name, value.parse().expect("a number"))).collect();
        let (hosts, turned) = numbers.split_first().expect("hosts=N");
        assert_eq!(hosts.0, "hosts");
        let (zones, turned) = match turned {
            [("zones", count), turned @ ..] => (*count, turned),
            turned => (1, turned),
        };
        let (session_hosts, turned) = match turned {
            [("session_hosts", count), turned @ ..] => (*count, turned),
            turned => (0, turned),
        };
        let mut plan = plan(hosts.1 as u32, zones as u32, turned);
        let mut records: Vec<HostRecord> =
            plan.directory.hosts().map(|host| plan.directory.record(host).clone()).collect();
        records.iter_mut().rev().take(session_hosts as usize).for_each(|record| record.session_only = true);
        plan.directory = Arc::new(Directory::new(records).expect("as generated"));
        Stage { farm: Farm::new(plan), shown: SHOWN.to_vec(), told: 0 }
    }

    fn host(&self, name: &str) -> u32 {
        self.farm.directory().by_name(name).unwrap_or_else(|| panic!("no host {name}")).0
    }

    fn name(&self, host: u32) -> &str {
        &self.farm.directory().record(HostIndex(host)).name
    }

    fn command(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (&verb, rest) = words.split_first().expect("a command");
        let hosts = || rest.iter().map(|name| self.host(name)).collect::<Vec<u32>>();
        match verb {
            "run" => run(&mut self.farm, Span::from_millis((rest[0].parse::<f64>().expect("seconds") * 1e3) as u64)),
            "until" => {
                let class = match rest[0] {
                    "agreed" => class::ZONE_AGREED,
                    "declared" => class::MASTER_DECLARED,
                    other => panic!("until {other}"),
                };
                let until = self.farm.now() + Span::from_secs(rest[1].parse().expect("seconds"));
                self.farm.advance(until, class, u64::MAX);
            }
            "start" => self.farm.start(&hosts(), Span::ZERO),
            "stop" => self.farm.stop(&hosts()),
            "crash" => self.farm.crash(&hosts()),
            "restart" => self.farm.restart(&hosts()),
            "pause" => self.farm.pause(&hosts()),
            "resume" => self.farm.resume(&hosts()),
            "magic" => {
                let hosts: Vec<u32> = rest[1..].iter().map(|name| self.host(name)).collect();
                self.farm.set_magic(&hosts, MagicNumber(rest[0].parse().expect("a number")));
            }
            "elect" => self.farm.elect(self.host(rest[0])),
            "cut" => {
                let bar = rest.iter().position(|&word| word == "|").expect("cut A .. | B ..");
                let side = |names: &[&str]| names.iter().map(|name| self.host(name)).collect::<Vec<u32>>();
                let (from, to) = (side(&rest[..bar]), side(&rest[bar + 1..]));
                self.farm.cut(&from, &to, true);
            }
            "heal" => assert!(self.farm.heal(None)),
            "logon" => {
                for host in hosts() {
                    self.farm.logon(host, host, 0).expect("a host that runs");
                }
            }
            "disconnect" | "reconnect" | "logoff" => {
                let act = match verb {
                    "disconnect" => SessionAct::Disconnect,
                    "reconnect" => SessionAct::Reconnect,
                    _ => SessionAct::Logoff,
                };
                let number = rest[1].parse().expect("a number");
                assert!(self.farm.session(self.host(rest[0]), number, act), "there is no such session, or it is so");
            }
            "stores" => {}
            "trace" => self.shown = rest.iter().map(|name| Kind::from_name(name).expect("a kind")).collect(),
            other => panic!("unknown command {other:?}"),
        }
    }

    /// What each zone's collector holds of each server, and what of that is not so.
    fn stores(&self) -> String {
        let directory = self.farm.directory();
        let mut said = String::new();
        for holder in (0..directory.zone_count() as u32).filter_map(|zone| self.farm.chronicle().agreed(zone)) {
            let store = self.farm.dynamic_of(holder).store().expect("a collector holds a store");
            let held = directory.hosts().filter_map(|host| {
                let server = store.server(directory, host)?;
                let away = server.sessions.iter().filter(|session| !session.active).count();
                let here = server.sessions.len() - away;
                Some(if server.up {
                    format!("{} {here}+{away}", self.name(host.0))
                } else {
                    format!("{} down", self.name(host.0))
                })
            });
            writeln!(said, "{} holds {}", self.name(holder), held.collect::<Vec<_>>().join(", "))
                .expect("a string takes all");
        }
        for wrong in self.farm.check_stores() {
            writeln!(said, "not so: {wrong}").expect("a string takes all");
        }
        said
    }

    /// All that has happened since the story was last told, by time.
    fn tell(&mut self) -> String {
        let mut lines: Vec<(Time, String)> = Vec::new();
        for record in &self.farm.trace()[self.told..] {
            if self.shown.contains(&record.kind) {
                let (source, target) = (self.name(record.source), self.name(record.target));
                lines.push((record.time, format!("{source} -> {target} {}", record.kind.name())));
            }
        }
        self.told = self.farm.trace().len();
        for event in self.farm.take_events() {
            let said = self.say(event.what, self.name(event.host));
            lines.push((event.time, said));
        }
        lines.sort_by_key(|(time, _)| *time);
        let mut story = String::new();
        for (time, line) in lines {
            writeln!(story, "{time}  {line}").expect("a string takes all");
        }
        let standings = (0..self.farm.directory().len() as u32).map(|host| {
            let master = self.farm.host(host).0.master().map_or("-", |master| self.name(master.0));
            format!("{} {} of {master}", self.name(host), self.farm.standing(host).name())
        });
        writeln!(story, "{}  ({})", self.farm.now(), standings.collect::<Vec<_>>().join(", "))
            .expect("a string takes all");
        story
    }

    fn say(&self, what: What, host: &str) -> String {
        match what {
            What::Up => format!("{host} is up"),
            What::Down => format!("{host} is down"),
            What::Paused => format!("{host} freezes"),
            What::Resumed => format!("{host} goes on"),
            What::ZoneAgreed => format!("all agree on {host}"),
            What::Starting => format!("{host} reads the data store"),
            What::ChangeMade(change) => format!("change {change}, made on {host}, is in the data store"),
            What::ChangeRefused => format!("{host} cannot write a change"),
            What::Notice(Notice::MasterUnreachable(master)) => format!("{host} cannot reach {}", self.name(master.0)),
            What::Notice(Notice::ElectionStarted) => format!("{host} starts an election"),
            What::Notice(Notice::ElectionAcknowledged) => format!("{host} leaves it to others"),
            What::Notice(Notice::MasterDeclared) => format!("{host} declares itself"),
            What::Notice(Notice::MasterResigned(other)) => format!("{host} gives way to {}", self.name(other.0)),
            What::Notice(Notice::MasterAccepted(master)) => format!("{host} accepts {}", self.name(master.0)),
            What::Notice(Notice::StrangerRefused) => format!("{host} refuses a stranger"),
            What::Notice(Notice::MemberLost(member)) => format!("{host} has lost {}", self.name(member.0)),
            What::Notice(Notice::PeerLost(peer)) => format!("{host} has lost its peer {}", self.name(peer.0)),
            What::Notice(Notice::SessionChanged(session, event)) => {
                format!("{host} session {session}: {}", event.name())
            }
            What::Notice(Notice::TableChanged(table)) => format!("{host} hears that {} has changed", table.name()),
            What::Notice(Notice::Started) => format!("{host} has started"),
            What::Notice(Notice::StartedFromCache) => format!("{host} starts from its cache"),
            What::Notice(Notice::StartRefused) => format!("{host} does not start"),
            What::Notice(Notice::ServiceTimedOut) => format!("{host} takes long to start"),
            What::Notice(Notice::StoreUnreachable) => format!("{host} cannot reach the data store"),
            What::Notice(Notice::ChangeLearnt(change)) => format!("{host} knows of change {change}"),
            What::Notice(Notice::Stopped) => format!("{host} has stopped"),
            What::Resolved { request, server: Some(server), load } => {
                format!("{host} answers {request}: {}, {load}", self.name(server.0))
            }
            What::Resolved { request, server: None, .. } => format!("{host} answers {request}: nobody"),
        }
    }
}

/// Plays the commands of a transcript and writes it anew.
fn play(transcript: &str) -> String {
    let (mut out, mut stage, mut told) = (String::new(), None::<Stage>, false);
    for line in transcript.lines() {
        if line.starts_with('#') || line.is_empty() && !told {
            told = false;
            writeln!(out, "{line}").expect("a string takes all");
        } else if let Some(command) = line.strip_prefix("> ") {
            writeln!(out, "> {command}\n----").expect("a string takes all");
            match (command.strip_prefix("farm "), &mut stage) {
                (Some(words), _) => stage = Some(Stage::new(&words.split_whitespace().collect::<Vec<_>>())),
                (None, Some(stage)) => {
                    stage.command(command);
                    out.push_str(&if command == "stores" { stage.stores() } else { stage.tell() });
                }
                (None, None) => panic!("the first command makes the farm"),
            }
            out.push('\n');
            told = true;
        }
    }
    out
}

#[test]
fn every_transcript_is_as_it_is_played() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut played = 0;
    for entry in folder.read_dir().expect("a folder of transcripts") {
        let path = entry.expect("a readable folder").path();
        let written = std::fs::read_to_string(&path).expect("a readable transcript");
        let now = play(&written);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, now).expect("a writable transcript");
        } else {
            assert!(written == now, "{} differs; UPDATE=1 rewrites it. It is now:\n{now}", path.display());
        }
        played += 1;
    }
    assert!(played > 0, "no transcripts in {}", folder.display());
}
