//! The sessions that run on one server. They belong to it alone: no election touches them (IMA Information, "New Data
//! Collector Election Process": sessions on other servers are unaffected).

/// One user's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The server's number of it; never used twice in one life of the server.
    pub number: u32,
    /// Whose it is.
    pub user: u32,
    /// Which application it runs.
    pub app: u32,
    /// Whether the user is there; else it is disconnected, and waits.
    pub active: bool,
}

/// All sessions of a server, by number.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    /// In the order of their numbers.
    all: Vec<Session>,
    last: u32,
    active: u32,
}

impl Sessions {
    /// A user logs on.
    pub fn begin(&mut self, user: u32, app: u32) -> Session {
        self.last += 1;
        let session = Session { number: self.last, user, app, active: true };
        self.all.push(session);
        self.active += 1;
        session
    }

    /// A session loses its user, or gets one back; `None` if there is no such session or it is so already.
    pub fn set_active(&mut self, number: u32, active: bool) -> Option<Session> {
        let session =
            self.place(number).map(|place| &mut self.all[place]).filter(|session| session.active != active)?;
        session.active = active;
        if active {
            self.active += 1;
        } else {
            self.active -= 1;
        }
        Some(*session)
    }

    /// A session ends; `None` if there is no such session.
    pub fn end(&mut self, number: u32) -> Option<Session> {
        let session = self.all.remove(self.place(number)?);
        self.active -= u32::from(session.active);
        Some(session)
    }

    /// All of them, in the order of their numbers.
    pub fn all(&self) -> &[Session] {
        &self.all
    }

    /// The session of this number.
    pub fn find(&self, number: u32) -> Option<Session> {
        self.place(number).map(|place| self.all[place])
    }

    /// How many users are there.
    pub const fn active(&self) -> u32 {
        self.active
    }

    /// How many are disconnected.
    pub fn disconnected(&self) -> u32 {
        self.all.len() as u32 - self.active
    }

    /// The bytes held besides this itself.
    pub fn memory(&self) -> usize {
        self.all.capacity() * size_of::<Session>()
    }

    fn place(&self, number: u32) -> Option<usize> {
        self.all.binary_search_by_key(&number, |session| session.number).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_goes_through_its_life() {
        let mut sessions = Sessions::default();
        let first = sessions.begin(7, 0);
        let second = sessions.begin(8, 1);
        assert_eq!((first.number, second.number, sessions.active()), (1, 2, 2));
        assert_eq!(sessions.set_active(1, false).map(|session| session.user), Some(7));
        assert_eq!(sessions.set_active(1, false), None, "it is disconnected already");
        assert_eq!((sessions.active(), sessions.disconnected()), (1, 1));
        assert!(sessions.set_active(1, true).is_some_and(|session| session.active));
        assert_eq!(sessions.end(2).map(|session| session.user), Some(8));
        assert_eq!(sessions.end(2), None);
        assert_eq!(sessions.begin(9, 0).number, 3, "a number is not used again");
        assert_eq!(sessions.all().iter().map(|session| session.number).collect::<Vec<_>>(), [1, 3]);
        sessions.set_active(3, false);
        sessions.end(3);
        assert_eq!((sessions.active(), sessions.disconnected()), (1, 0));
    }
}
