//! Threads that each serve many connections alone.
//!
//! A call costs little beside a change from thread to thread, and a runtime of many threads makes one or two for each call that
//! comes in while it is idle. Where one thread waits for a connection, reads it, answers it and waits again there is none.

use std::future::Future;
use std::io;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// More would only divide the same connections further.
const MOST: usize = 8;

/// Threads for connections; clones share them, and with the last one they end, and every connection with them.
#[derive(Clone)]
pub struct Reactors(Arc<[Reactor]>);

struct Reactor {
    handle: Handle,
    /// Connections that it has.
    load: Arc<AtomicUsize>,
    /// Dropped, it ends the thread.
    _stop: oneshot::Sender<()>,
}

impl Reactors {
    /// One for every second processor: what calls ask for is done on the others, and where one thread has several busy connections
    /// it need not sleep between their calls.
    ///
    /// # Errors
    /// The system gives no thread or no way to wait for connections.
    pub fn start() -> io::Result<Self> {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        Self::of((processors / 2).clamp(1, MOST))
    }

    fn of(threads: usize) -> io::Result<Self> {
        (0..threads).map(|_| Reactor::start()).collect::<io::Result<_>>().map(Self)
    }

    /// Serves a connection on the thread that has the fewest of them.
    ///
    /// # Errors
    /// The connection cannot change its thread, which the system decides.
    pub fn serve<F>(
        &self,
        stream: TcpStream,
        serve: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) -> io::Result<()>
    where
        F: Future<Output = ()> + Send,
    {
        let stream = stream.into_std()?;
        let least = self.0.iter().min_by_key(|one| one.load.load(Ordering::Relaxed));
        let Some(reactor) = least else { return Ok(()) };
        let place = Place::take(&reactor.load);
        reactor.handle.spawn(async move {
            let _place = place;
            // It was registered a moment ago, so it can only fail where the whole system is out of memory.
            if let Ok(stream) = TcpStream::from_std(stream) {
                serve(stream).await;
            }
        });
        Ok(())
    }
}

impl Reactor {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        thread::Builder::new().name("rpc".to_owned()).spawn(move || {
            // Nothing is ever sent: it ends with its other end.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, load: Arc::default(), _stop: stop })
    }
}

/// One connection of a thread, until it is dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(load: &Arc<AtomicUsize>) -> Self {
        load.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(load))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (near, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn connections_are_served_elsewhere_and_end_with_the_threads() {
        let reactors = Reactors::of(3).unwrap();
        let mut near = Vec::new();
        for _ in 0..2 * reactors.0.len() {
            let (mut one, far) = pair().await;
            let echo = |mut stream: TcpStream| async move {
                assert_eq!(thread::current().name(), Some("rpc"));
                let mut octets = [0; 4];
                while stream.read_exact(&mut octets).await.is_ok() {
                    stream.write_all(&octets).await.unwrap();
                }
            };
            reactors.serve(far, echo).unwrap();
            one.write_all(b"ping").await.unwrap();
            let mut octets = [0; 4];
            one.read_exact(&mut octets).await.unwrap();
            assert_eq!(&octets, b"ping");
            near.push(one);
        }
        let loads: Vec<_> = reactors.0.iter().map(|one| one.load.load(Ordering::Relaxed)).collect();
        assert!(loads.iter().all(|load| *load == 2), "{loads:?}");
        drop(reactors);
        for mut one in near {
            let end = one.read(&mut [0; 4]).await;
            assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
        }
    }
}
