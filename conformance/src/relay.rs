//! A TCP relay that writes down what passes and changes nothing.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::capture::{Capture, Direction};

/// How long the real server may take to answer a connection.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// Octets read at once.
const READ: usize = 16 * 1024;

/// Stands at one address and passes everything on to another, port by port.
///
/// Its threads end with the connections and listeners, and those with the test's process.
#[derive(Debug)]
pub struct Relay;

impl Relay {
    /// Relays these ports of `at` to the same ports of `to`, recording into `capture`.
    pub fn start(
        at: Ipv4Addr,
        to: Ipv4Addr,
        ports: &[u16],
        capture: &Arc<Capture>,
    ) -> Result<Self> {
        for port in ports {
            let listener = TcpListener::bind((at, *port))
                .with_context(|| format!("the relay cannot listen on {at}:{port}"))?;
            let (server, capture) = (SocketAddr::from((to, *port)), Arc::clone(capture));
            std::thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let capture = Arc::clone(&capture);
                    std::thread::spawn(move || {
                        // The end of either side ends the connection; there is nobody to tell.
                        let _ = connection(stream, server, &capture);
                    });
                }
            });
        }
        Ok(Self)
    }
}

fn connection(client: TcpStream, server: SocketAddr, capture: &Arc<Capture>) -> io::Result<()> {
    let (from, to) = (client.peer_addr()?, client.local_addr()?);
    let server = TcpStream::connect_timeout(&server, CONNECT_TIME)?;
    let number = capture.open(from, to);
    let back = {
        let (server, client) = (server.try_clone()?, client.try_clone()?);
        let capture = Arc::clone(capture);
        std::thread::spawn(move || pass(server, client, &capture, number, Direction::ToClient))
    };
    pass(client, server, capture, number, Direction::ToServer);
    // It only copies octets and does not panic; if it did, what was recorded stays.
    let _ = back.join();
    Ok(())
}

fn pass(
    mut from: TcpStream,
    mut to: TcpStream,
    capture: &Capture,
    number: usize,
    direction: Direction,
) {
    let mut buffer = vec![0; READ];
    loop {
        match from.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => {
                // Written down first, so that an answer never stands before its question.
                capture.data(number, direction, &buffer[..count]);
                if to.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
        }
    }
    capture.end(number, direction);
    let _ = to.shutdown(Shutdown::Write);
}
