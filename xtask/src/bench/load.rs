//! A load generator and a sink for SMTP that cost little: a thread a connection, commands in groups.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// How long one reply may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Messages to hand in.
pub struct Load {
    pub target: SocketAddr,
    pub sessions: usize,
    pub messages: usize,
    /// Octets of a content, header included.
    pub size: usize,
    pub recipient: fn(usize) -> String,
}

impl Load {
    /// Hands all in; returns when the last one was taken.
    pub fn run(&self) -> Result<Duration> {
        let next = AtomicUsize::new(0);
        let begin = Instant::now();
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..self.sessions).map(|_| scope.spawn(|| self.session(&next))).collect();
            threads.into_iter().try_for_each(|thread| match thread.join() {
                Ok(done) => done,
                Err(_) => bail!("a session panicked"),
            })
        })?;
        Ok(begin.elapsed())
    }

    fn session(&self, next: &AtomicUsize) -> Result<()> {
        let stream = connect(self.target)?;
        let mut stream = BufReader::new(stream);
        expect(&mut stream, "220")?;
        stream.get_mut().write_all(b"EHLO load.bench.test\r\n")?;
        expect(&mut stream, "250")?;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= self.messages {
                break;
            }
            let to = (self.recipient)(number);
            let group = format!("MAIL FROM:<anna@east.bench.test>\r\nRCPT TO:<{to}>\r\nDATA\r\n");
            stream.get_mut().write_all(group.as_bytes())?;
            for code in ["250", "250", "354"] {
                expect(&mut stream, code)?;
            }
            stream.get_mut().write_all(&content(number, self.size))?;
            expect(&mut stream, "250")?;
        }
        stream.get_mut().write_all(b"QUIT\r\n")?;
        let _ = expect(&mut stream, "221");
        Ok(())
    }
}

/// A content with its end of data.
fn content(number: usize, size: usize) -> Vec<u8> {
    let mut text = format!(
        "From: <anna@east.bench.test>\r\nTo: <bert@far.bench.test>\r\nSubject: {number}\r\nMessage-ID: <{number}@bench.test>\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n\r\n"
    );
    let mut word = number;
    while text.len() < size {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        text.push_str(&format!(
            "{word:016x} {word:016x} {word:016x} of a line that is like mail\r\n"
        ));
    }
    text.push_str(".\r\n");
    text.into_bytes()
}

fn connect(target: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(target).with_context(|| format!("nobody at {target}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn expect(stream: &mut BufReader<TcpStream>, code: &str) -> Result<()> {
    let mut line = String::new();
    loop {
        line.clear();
        ensure!(stream.read_line(&mut line)? > 0, "the server closed the connection");
        ensure!(line.starts_with(code), "{code} was due, and it said {line}");
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(());
        }
    }
}

/// Takes everything and counts it.
pub struct Sink {
    taken: Arc<AtomicU64>,
}

impl Sink {
    pub fn listen(addresses: &[SocketAddr]) -> Result<Self> {
        let taken = Arc::new(AtomicU64::new(0));
        for address in addresses {
            let listener = TcpListener::bind(address).with_context(|| address.to_string())?;
            let taken = Arc::clone(&taken);
            std::thread::spawn(move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let taken = Arc::clone(&taken);
                    // A connection that breaks shows in the count.
                    std::thread::spawn(move || drop(swallow(stream, &taken)));
                }
            });
        }
        Ok(Self { taken })
    }

    pub fn count(&self) -> u64 {
        self.taken.load(Ordering::Acquire)
    }

    /// Waits until so many were taken in all, as long as some come within this time.
    pub fn until(&self, count: u64, patience: Duration) -> Result<()> {
        let (mut last, mut moved) = (self.count(), Instant::now());
        while last < count {
            ensure!(moved.elapsed() < patience, "only {last} of {count} came");
            std::thread::sleep(Duration::from_micros(500));
            let now = self.count();
            if now > last {
                (last, moved) = (now, Instant::now());
            }
        }
        Ok(())
    }
}

fn swallow(mut stream: TcpStream, taken: &AtomicU64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 sink\r\n")?;
    let (mut buffer, mut filled, mut in_data) = (vec![0; 128 * 1024], 0, false);
    loop {
        let count = stream.read(&mut buffer[filled..])?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        let mut used = 0;
        let mut answer = Vec::new();
        loop {
            let rest = &buffer[used..filled];
            if in_data {
                // The end of data may be cut anywhere: its last octets stay for the next look.
                let end = rest.windows(5).position(|window| window == b"\r\n.\r\n");
                match end {
                    Some(at) => {
                        used += at + 5;
                        in_data = false;
                        taken.fetch_add(1, Ordering::AcqRel);
                        answer.extend_from_slice(b"250 2.0.0 taken\r\n");
                    }
                    None => {
                        used += rest.len().saturating_sub(4);
                        break;
                    }
                }
                continue;
            }
            let Some(end) = rest.iter().position(|octet| *octet == b'\n') else { break };
            let command = rest[..4.min(end)].to_ascii_uppercase();
            used += end + 1;
            match command.as_slice() {
                b"EHLO" => {
                    answer.extend_from_slice(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
                }
                b"DATA" => {
                    answer.extend_from_slice(b"354 go\r\n");
                    in_data = true;
                }
                b"QUIT" => {
                    stream.write_all(b"221 bye\r\n")?;
                    return Ok(());
                }
                _ => answer.extend_from_slice(b"250 2.1.0 ok\r\n"),
            }
        }
        buffer.copy_within(used..filled, 0);
        filled -= used;
        stream.write_all(&answer)?;
    }
}
