//! Who asks: the user at the other end of the Unix socket, as the kernel says it, for the audit trail.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use axum::serve::Listener;
use tokio::net::{UnixListener, UnixStream};

tokio::task_local! {
    static CALLER: Caller;
}

/// Who asks, as the kernel or the token says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// In words: `user anna`, `user 1000` where the machine has no name for it, `neighbour 10.0.0.2:5000`.
    pub who: String,
    /// The user and its first group, of a process on this machine.
    pub user: Option<u32>,
    pub group: Option<u32>,
    /// Somebody over TCP, who showed the token.
    pub is_neighbour: bool,
}

/// Who asked for what is being done now: `user anna`, `neighbour 10.0.0.2:5000`; nobody in particular outside a request.
#[must_use]
pub fn caller() -> String {
    CALLER.try_with(|caller| caller.who.clone()).unwrap_or_else(|_| "this machine".to_owned())
}

/// The same with all that is known; outside a request nobody, who may nothing.
pub(crate) fn identity() -> Caller {
    CALLER.try_with(Clone::clone).unwrap_or_else(|_| Caller {
        who: "nobody".to_owned(),
        user: None,
        group: None,
        is_neighbour: false,
    })
}

/// A user of this machine in words: by name where /etc/passwd has one (passwd(5)), else by number.
#[must_use]
pub fn user_in_words(number: u32) -> String {
    in_words(number, &std::fs::read_to_string("/etc/passwd").unwrap_or_default())
}

fn in_words(number: u32, passwd: &str) -> String {
    let name = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, found) = (fields.next()?, fields.nth(1)?);
        (found.parse() == Ok(number) && !name.is_empty()).then_some(name)
    });
    name.map_or_else(|| format!("user {number}"), |name| format!("user {name}"))
}

/// Does work on behalf of a caller.
pub(crate) async fn called_by<F: Future>(who: Caller, work: F) -> F::Output {
    CALLER.scope(who, work).await
}

/// An address that says who is there.
pub(crate) trait Who {
    fn who(&self) -> Caller;
}

impl Who for SocketAddr {
    fn who(&self) -> Caller {
        let who = format!("neighbour {self}");
        Caller { who, user: None, group: None, is_neighbour: true }
    }
}

/// The user of a process on this machine, and its first group.
pub(crate) struct LocalUser(Option<(u32, u32)>);

impl Who for LocalUser {
    fn who(&self) -> Caller {
        let user = self.0.map(|(user, _)| user);
        Caller {
            who: user.map_or_else(|| "an unknown user".to_owned(), user_in_words),
            user,
            group: self.0.map(|(_, group)| group),
            is_neighbour: false,
        }
    }
}

/// A Unix socket whose connections have the user for an address.
pub(crate) struct Local(pub(crate) UnixListener);

impl Listener for Local {
    type Io = UnixStream;
    type Addr = LocalUser;

    async fn accept(&mut self) -> (UnixStream, LocalUser) {
        // The library's own, for what it does when no file descriptor is left.
        let (stream, _) = <UnixListener as Listener>::accept(&mut self.0).await;
        let user = stream.peer_cred().ok().map(|found| (found.uid(), found.gid()));
        (stream, LocalUser(user))
    }

    fn local_addr(&self) -> io::Result<LocalUser> {
        Ok(LocalUser(None))
    }
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn a_user_is_called_by_the_name_that_the_machine_has() {
        let passwd = "root:x:0:0::/root:/bin/sh\n# none\n:x:7::\nanna:x:1001:100::/:/bin/sh\n";
        assert_eq!(in_words(0, passwd), "user root");
        assert_eq!(in_words(1001, passwd), "user anna");
        for number in [7, 100] {
            assert_eq!(in_words(number, passwd), format!("user {number}"));
        }
    }
}
