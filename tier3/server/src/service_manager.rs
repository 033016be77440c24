//! What the service manager that started this process is told: sd_notify(3) of systemd, as any manager may speak it.
//!
//! Without `NOTIFY_SOCKET` in the environment nothing is said. A manager that cannot be reached hinders nothing: mail
//! does not depend on it.

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The sign of life must not come later than at half of the time that the manager waits: sd_watchdog_enabled(3).
const SHARE: u32 = 2;

/// The manager of this process, where there is one.
pub(crate) struct ServiceManager {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// The one that the environment names.
    pub(crate) fn from_environment() -> Self {
        let read = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let socket = read("NOTIFY_SOCKET").and_then(|name| match connect(&name) {
            Ok(socket) => Some(socket),
            Err(error) => {
                eprintln!("NOTIFY_SOCKET {}: {error}; goes on without", name.display());
                None
            }
        });
        let number = |name: &str| read(name)?.to_str()?.parse::<u64>().ok();
        let is_meant = number("WATCHDOG_PID").is_none_or(|id| id == u64::from(std::process::id()));
        let limit = number("WATCHDOG_USEC").filter(|limit| is_meant && *limit > 0);
        Self { socket, watchdog: limit.map(Duration::from_micros) }
    }

    /// Everything listens.
    pub(crate) fn ready(&self) {
        self.tell(&format!("READY=1\nMAINPID={}", std::process::id()));
    }

    /// The server ends.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Gives signs of life for ever, where the manager wants some.
    pub(crate) async fn live(&self) {
        let Some(limit) = self.watchdog.filter(|_| self.socket.is_some()) else {
            return std::future::pending().await;
        };
        let mut beat = tokio::time::interval(limit / SHARE);
        loop {
            beat.tick().await;
            self.tell("WATCHDOG=1");
        }
    }

    fn tell(&self, state: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(state.as_bytes())
        {
            eprintln!("the service manager was not told {state:?}: {error}");
        }
    }
}

/// A path, or with `@` in front a name of Linux's abstract space.
fn connect(name: &OsString) -> std::io::Result<UnixDatagram> {
    let octets = name.as_bytes();
    let address = match octets.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    // A manager that does not read must not hold the server up.
    socket.set_nonblocking(true)?;
    Ok(socket)
}
