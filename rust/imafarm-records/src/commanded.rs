//! What can be done to any farm. Commands act at the present moment; what follows from them is seen as time goes on.

use std::sync::Arc;

use imafarm_proto::applications::Servers;
use imafarm_proto::host_record::HostIndex;
use imafarm_proto::input::{Change, Input, SessionAct};
use imafarm_proto::message::{MagicNumber, Preference, Table};
use imafarm_proto::settings::{SettingError, Settings};
use imafarm_proto::zone::Standing;

use crate::chronicle::{Chronicle, FarmEvent};
use crate::observed::Observed;
use crate::totals::Power;

/// An application that is to be published.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Its name.
    pub name: Arc<str>,
    /// On which servers.
    pub servers: Servers,
}

/// A farm, to act on. Hosts and zones go by their index in the directory.
pub trait Commanded: Observed {
    /// Hands one host an input from outside, now.
    fn act(&mut self, host: u32, input: Input);

    /// Lets observers hear what has just happened.
    fn tell(&mut self);

    /// What happened, to be asked for events.
    fn chronicle_mut(&mut self) -> &mut Chronicle;

    /// Takes hosts away without a word: their memory and their connections are lost.
    fn crash(&mut self, hosts: &[u32]);

    /// Freezes running hosts.
    fn pause(&mut self, hosts: &[u32]);

    /// Lets frozen hosts go on: all that has arrived meanwhile, they handle now.
    fn resume(&mut self, hosts: &[u32]);

    /// Somebody outside asks a host where a session should run; the number of the question. The answer is noted as
    /// [`What::Resolved`](crate::chronicle::What::Resolved), and taken by [`Commanded::take_answer`].
    fn resolve(&mut self, host: u32, app: u32, preference: Preference) -> u32;

    /// Notes that somebody wants to change the configuration, and what is to be published if anything; the wish's number.
    fn order(&mut self, publication: Option<Publication>) -> u32;

    /// The settings that a host will have from its next start on; one that does not run has them at once.
    fn give_settings(&mut self, host: u32, settings: Arc<Settings>);

    /// Gives hosts another magic number. A running host has it from its next start on, as with a registry value.
    fn set_magic(&mut self, hosts: &[u32], magic: MagicNumber);

    // ---- what follows -------------------------------------------------------------------------------------------

    /// Asks running hosts to stop in good order.
    fn stop(&mut self, hosts: &[u32]) {
        for &host in hosts {
            if self.host(host).1 == Power::Up {
                self.act(host, Input::Stop);
            }
        }
        self.tell();
    }

    /// Forces an election, as `querydc -e` on this host would.
    fn elect(&mut self, host: u32) {
        if self.host(host).1 == Power::Up {
            self.act(host, Input::Elect);
        }
    }

    /// A user logs on to a running host; the host's number of the session, or `None` if it does not run.
    fn logon(&mut self, host: u32, user: u32, app: u32) -> Option<u32> {
        if self.standing(host) == Standing::Down || self.host(host).1 != Power::Up {
            return None;
        }
        self.act(host, Input::Logon { user, app });
        self.dynamic_of(host).sessions().all().last().map(|session| session.number)
    }

    /// Something happens to a session of a running host; whether there was such a session to which it could happen.
    fn session(&mut self, host: u32, number: u32, act: SessionAct) -> bool {
        let before = self.dynamic_of(host).sessions().find(number);
        let possible = match act {
            SessionAct::Disconnect => before.is_some_and(|session| session.active),
            SessionAct::Reconnect => before.is_some_and(|session| !session.active),
            SessionAct::Logoff => before.is_some(),
        };
        let runs = self.host(host).1 == Power::Up;
        if possible && runs {
            self.act(host, Input::Session(number, act));
        }
        possible && runs
    }

    /// Sets the load of running hosts, or leaves it to their evaluators again.
    fn set_load(&mut self, hosts: &[u32], load: Option<u32>) {
        for &host in hosts {
            if self.host(host).1 == Power::Up {
                self.act(host, Input::SetLoad(load));
            }
        }
        self.tell();
    }

    /// A running host wants to hear of changes of a table of its collector's, or no more.
    fn subscribe(&mut self, host: u32, table: Table, on: bool) {
        if self.host(host).1 == Power::Up {
            self.act(host, Input::Subscribe(table, on));
        }
    }

    /// Turns a setting of hosts. A running host has it from its next start on, as with a registry value.
    ///
    /// Errors: [`SettingError`]; nothing has changed then.
    fn set_setting(&mut self, hosts: &[u32], name: &str, value: i128) -> Result<(), SettingError> {
        Settings::default().set(name, value)?;
        let mut turned: Vec<(Arc<Settings>, Arc<Settings>)> = Vec::new();
        for &host in hosts {
            let old = self.settings(host);
            let own = match turned.iter().find(|(from, _)| Arc::ptr_eq(from, old)) {
                Some((_, to)) => Arc::clone(to),
                None => {
                    let mut own = Settings::clone(old);
                    own.set(name, value)?;
                    let own = Arc::new(own);
                    turned.push((Arc::clone(old), Arc::clone(&own)));
                    own
                }
            };
            self.give_settings(host, own);
        }
        Ok(())
    }

    /// Publishes an application on these servers, in a console on a running host; the number of the wish, or `None` if
    /// the host does not run.
    ///
    /// How long such a change is has not been published. Our guess: as long as what one collector tells another of it.
    fn publish(&mut self, host: u32, name: &str, servers: Servers) -> Option<u32> {
        let bytes = self.host(host).0.profile().console.publishing.figures().transmitted;
        self.wish(host, bytes, Some(Publication { name: name.into(), servers }))
    }

    /// Changes something that nobody here looks at, for the sake of its length; otherwise as [`Commanded::publish`].
    fn change_configuration(&mut self, host: u32, bytes: u32) -> Option<u32> {
        self.wish(host, bytes, None)
    }

    /// Has a running host change the configuration; the number of the wish.
    fn wish(&mut self, host: u32, bytes: u32, publication: Option<Publication>) -> Option<u32> {
        if !self.runs(host) {
            return None;
        }
        let order = self.order(publication);
        self.act(host, Input::Change(Change { order, bytes }));
        Some(order)
    }

    /// Which events are kept for [`Commanded::take_events`], by class.
    fn keep_events(&mut self, classes: u32) {
        self.chronicle_mut().keep(classes);
    }

    /// The events since they were last taken, in order.
    fn take_events(&mut self) -> Vec<FarmEvent> {
        self.chronicle_mut().take_events()
    }

    /// Takes the answer to a question: the server, if one can take the session, and its load; `None` before it is there.
    fn take_answer(&mut self, request: u32) -> Option<(Option<HostIndex>, u32)> {
        self.chronicle_mut().take_answer(request)
    }
}
