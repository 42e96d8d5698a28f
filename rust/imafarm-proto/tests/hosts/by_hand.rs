//! One host, and a test in the place of the whole world around it.

use std::sync::Arc;

use imafarm_proto::dice::Dice;
use imafarm_proto::host::Host;
use imafarm_proto::host_record::{HostId, HostIndex, HostRecord, Preference};
use imafarm_proto::host_resolver::{Directory, EntryIndex};
use imafarm_proto::input::{Answer, Call, Ending, Input};
use imafarm_proto::message::{Concern, Kind, MagicNumber, Message};
use imafarm_proto::outbox::{Notice, Outbox, Verb};
use imafarm_proto::profile::Product;
use imafarm_proto::settings::Settings;
use imafarm_proto::time::{Span, Time};

pub const MAGIC: MagicNumber = MagicNumber(0xFA12);
pub const OTHER_MAGIC: MagicNumber = MagicNumber(0xBAD);

/// The defaults, with these turned.
pub fn settings(turned: &[(&str, u64)]) -> Arc<Settings> {
    let mut settings = Settings::default();
    for &(name, value) in turned {
        settings.set(name, value.into()).expect("a setting of the table, in range");
    }
    Arc::new(settings)
}

/// One zone of hosts that differ by id alone, 1, 2, ..: host `i` has the id `i + 1`, and the last one ranks highest.
/// A host of another zone follows them.
pub fn equals(hosts: u64) -> Arc<Directory> {
    ranked(&vec![Preference::Default; hosts as usize])
}

/// One zone of hosts with these preferences and the ids 1, 2, .., and one more host in a zone of its own.
pub fn ranked(preferences: &[Preference]) -> Arc<Directory> {
    let (here, there): (Arc<str>, Arc<str>) = ("Z1".into(), "Z2".into());
    let mut records: Vec<HostRecord> = (1..=preferences.len() as u64)
        .zip(preferences)
        .map(|(number, &preference)| {
            let mut record = HostRecord::new(&format!("H{number}"), Arc::clone(&here), id(number));
            record.preference = preference;
            record
        })
        .collect();
    let far = records.len() as u64 + 1;
    records.push(HostRecord::new(&format!("H{far}"), there, id(far)));
    Arc::new(Directory::new(records).expect("distinct names and ids"))
}

pub fn id(number: u64) -> HostId {
    HostId::new(number).expect("not 0, and small")
}

/// A message that says who the collector is, and that it reigns since long ago.
pub fn declare(master: u32, reign_ms: u32) -> Message {
    Message::DeclareMaster { master: id(u64::from(master) + 1), reign_ms }
}

/// One host in the hands of a test.
pub struct ByHand {
    pub host: Host,
    pub now: Time,
    /// The calls of the host that nobody has answered yet.
    calls: Vec<(EntryIndex, u32)>,
    next_call: u64,
    /// Whether what concerns dynamic data is shown, and calls to other zones, which do so too.
    shows_dynamic: bool,
    /// Whether a test itself is the data store.
    pub shows_store: bool,
}

impl ByHand {
    pub fn new(me: u32, directory: &Arc<Directory>, settings: Arc<Settings>) -> ByHand {
        let host =
            Host::new(HostIndex(me), MAGIC, Dice::new(7), Arc::clone(directory), settings, Product::Ps45.profile());
        ByHand { host, now: Time::ZERO, calls: Vec::new(), next_call: 0, shows_dynamic: false, shows_store: false }
    }

    /// The same, with all that concerns dynamic data.
    pub fn with_dynamic(me: u32, directory: &Arc<Directory>, settings: Arc<Settings>) -> ByHand {
        ByHand { shows_dynamic: true, ..ByHand::new(me, directory, settings) }
    }

    /// Takes away what a test of something else does not want to see. Nobody answers in other zones.
    fn hide_dynamic(&mut self, verbs: Vec<Verb>) -> Vec<Verb> {
        let mut shown = Vec::new();
        for verb in verbs {
            if let Verb::Open { entry, to } = verb
                && self.host.zone_of(to) != self.host.zone_of(self.host.me())
            {
                shown.extend(self.input(Input::Closed(entry, Ending::Refused)));
            } else if !matches!(&verb, Verb::Send(_, message) if message.kind().concern() == Concern::Dynamic) {
                shown.push(verb);
            }
        }
        shown
    }

    /// Hands an input over; what the host wants done. A data store that is beside the host, and has nothing new, answers
    /// at once, unless the test itself is the data store.
    fn handle(&mut self, input: Input) -> Vec<Verb> {
        let mut out = Outbox::default();
        self.host.handle(input, self.now, &mut out);
        let mut shown = Vec::new();
        for verb in out.drain().collect::<Vec<Verb>>() {
            if self.shows_store {
                shown.push(verb);
            } else if let Verb::Consult(ticket, _) = verb {
                shown.extend(self.handle(Input::Consulted(ticket, Answer::Read { latest: 0, bytes: 0 })));
            } else if verb != Verb::Notify(Notice::Started) {
                shown.push(verb);
            }
        }
        shown
    }

    /// Hands an input over; what the host wants done.
    pub fn input(&mut self, input: Input) -> Vec<Verb> {
        if let Input::Connected(entry) | Input::Closed(entry, _) = input {
            self.calls.retain(|(call, _)| *call != entry);
        }
        let verbs = self.handle(input);
        let verbs = if self.shows_dynamic { verbs } else { self.hide_dynamic(verbs) };
        for verb in &verbs {
            if let Verb::Open { entry, to } = verb {
                self.calls.push((*entry, to.0));
            } else if let Verb::Abort(entry) = verb {
                self.calls.retain(|(call, _)| call != entry);
            }
        }
        verbs
    }

    pub fn receive(&mut self, entry: EntryIndex, message: Message) -> Vec<Verb> {
        self.input(Input::Received(entry, message))
    }

    /// Goes to the host's next deadline and lets it come.
    pub fn next_deadline(&mut self) -> Vec<Verb> {
        let (when, _) = self.host.next_deadline().expect("a deadline");
        self.now = self.now.max(when);
        self.input(Input::Deadline)
    }

    /// Lets time pass, and every deadline in it come.
    pub fn wait(&mut self, span: Span) -> Vec<Verb> {
        let until = self.now + span;
        let mut verbs = Vec::new();
        while self.host.next_deadline().is_some_and(|(when, _)| when <= until) {
            verbs.extend(self.next_deadline());
        }
        self.now = until;
        verbs
    }

    /// A caller comes, is answered and says who it is: an active incoming binding, and what goes out on it at once.
    pub fn called_by(&mut self, peer: u32) -> (EntryIndex, Vec<Verb>) {
        let entry = self.call();
        let verbs = self.receive(entry, Message::BindResponse { magic: MAGIC, host: id(u64::from(peer) + 1) });
        (entry, verbs)
    }

    /// A caller comes, and is answered, waits or is turned away.
    pub fn try_call(&mut self) -> Vec<Verb> {
        self.next_call += 1;
        self.input(Input::Incoming(Call(self.next_call)))
    }

    /// The oldest call of the host that nobody has answered.
    pub fn first_call(&self) -> Option<(EntryIndex, u32)> {
        self.calls.first().copied()
    }

    /// A caller comes and is answered; the entry under which it is known.
    pub fn call(&mut self) -> EntryIndex {
        let verbs = self.try_call();
        let call = Call(self.next_call);
        let accepted = verbs.iter().find_map(|verb| {
            if let Verb::Accept { call: answered, entry } = verb { (*answered == call).then_some(*entry) } else { None }
        });
        accepted.unwrap_or_else(|| panic!("the caller is not answered: {verbs:?}"))
    }

    /// A call of the host is answered by the host it was for: an active outgoing binding, and what goes out on it.
    pub fn answer(&mut self, entry: EntryIndex, peer: u32) -> Vec<Verb> {
        let mut verbs = self.input(Input::Connected(entry));
        verbs.extend(self.receive(entry, Message::BindRequest { magic: MAGIC, host: id(u64::from(peer) + 1) }));
        verbs.extend(self.receive(entry, Message::BindCommit));
        verbs
    }

    /// Every open call is answered; what goes out on the bindings, as (target, message).
    pub fn answer_all(&mut self) -> Vec<(u32, Message)> {
        let mut sent = Vec::new();
        for (entry, to) in self.calls.clone() {
            sent.extend(messages(&self.answer(entry, to)).into_iter().map(|message| (to, message)));
        }
        sent
    }

    /// Nobody is there for the open calls; what follows.
    pub fn refuse_all(&mut self) -> Vec<Verb> {
        let calls = core::mem::take(&mut self.calls);
        calls.into_iter().flat_map(|(entry, _)| self.input(Input::Closed(entry, Ending::Refused))).collect()
    }

    /// A member of `collector`, which has called it and declared itself; the binding between them.
    pub fn member_of(
        collector: u32,
        me: u32,
        directory: &Arc<Directory>,
        settings: Arc<Settings>,
    ) -> (ByHand, EntryIndex) {
        ByHand::new(me, directory, settings).joined(collector)
    }

    /// The same host, started and a member of `collector`.
    pub fn joined(mut self, collector: u32) -> (ByHand, EntryIndex) {
        self.input(Input::Start);
        let (entry, _) = self.called_by(collector);
        self.receive(entry, declare(collector, 1_000_000));
        self.receive(entry, Message::HeartbeatAck { collector: true });
        self.refuse_all();
        assert_eq!(self.host.master(), Some(HostIndex(collector)));
        (self, entry)
    }

    /// The collector of its zone: it has started alone, and everyone it called was not there.
    pub fn master(me: u32, directory: &Arc<Directory>, settings: Arc<Settings>) -> ByHand {
        ByHand::new(me, directory, settings).reigning()
    }

    /// The same host, started and its zone's collector.
    pub fn reigning(mut self) -> ByHand {
        self.input(Input::Start);
        while self.host.master() != Some(self.host.me()) {
            match self.calls.is_empty() {
                true => self.next_deadline(),
                false => self.refuse_all(),
            };
        }
        while !self.calls.is_empty() {
            self.refuse_all();
        }
        self
    }
}

/// The calls among these verbs: entry and target.
pub fn opened(verbs: &[Verb]) -> Vec<(EntryIndex, u32)> {
    let calls =
        verbs.iter().filter_map(|verb| if let Verb::Open { entry, to } = verb { Some((*entry, to.0)) } else { None });
    calls.collect()
}

/// Whom these verbs call.
pub fn called(verbs: &[Verb]) -> Vec<u32> {
    opened(verbs).into_iter().map(|(_, to)| to).collect()
}

/// The messages among these verbs, but for bind packets.
pub fn messages(verbs: &[Verb]) -> Vec<Message> {
    let bind = [Kind::BindRequest, Kind::BindResponse, Kind::BindCommit];
    let sent = verbs.iter().filter_map(|verb| {
        if let Verb::Send(_, message) = verb {
            (!bind.contains(&message.kind())).then(|| message.clone())
        } else {
            None
        }
    });
    sent.collect()
}

/// The notices among these verbs.
pub fn notices(verbs: &[Verb]) -> Vec<Notice> {
    let told = verbs.iter().filter_map(|verb| if let Verb::Notify(notice) = verb { Some(*notice) } else { None });
    told.collect()
}

/// The messages that go out on this binding, without what makes them as long as the product's.
pub fn said(verbs: &[Verb], entry: EntryIndex) -> Vec<Message> {
    let sent = verbs.iter().filter_map(|verb| {
        if let Verb::Send(on, message) = verb { (*on == entry).then(|| message.clone().lengthened_to(0)) } else { None }
    });
    sent.collect()
}
