//! A farm of hosts in virtual time.
