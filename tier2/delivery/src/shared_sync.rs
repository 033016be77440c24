//! One sync of a directory for all who changed it before that sync began.

use std::io;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

/// What several threads that changed one directory wait for together.
///
/// A sync that runs already may have begun before a change, so whoever comes meanwhile waits for the next one, which one
/// of them then does for all.
#[derive(Debug, Default)]
pub struct SharedSync {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: bool,
    /// The next sync, which nobody has begun.
    next: Arc<Round>,
}

/// One sync: nothing until it has ended.
#[derive(Debug, Default)]
struct Round(OnceLock<Result<(), Failure>>);

/// An error as each who waited gets it.
#[derive(Debug, Clone)]
struct Failure {
    kind: io::ErrorKind,
    number: Option<i32>,
    text: String,
}

impl SharedSync {
    /// Returns once a `sync` that began after this call has ended, with what it answered.
    ///
    /// Everybody who waited for a sync that failed is told so: the kernel reports a lost write once, and another sync
    /// would succeed.
    pub fn wait(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut state = self.state();
        let round = Arc::clone(&state.next);
        while round.0.get().is_none() {
            if !state.running {
                state.running = true;
                // Nobody has begun it: whoever comes from now on waits for another.
                mem::take(&mut state.next);
                drop(state);
                let outcome = sync();
                let _ = round.0.set(outcome.as_ref().map(drop).map_err(Failure::of));
                self.state().running = false;
                self.ended.notify_all();
                return outcome;
            }
            state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        match round.0.get() {
            Some(Err(failure)) => Err(failure.error()),
            _ => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failure {
    fn of(error: &io::Error) -> Self {
        Self { kind: error.kind(), number: error.raw_os_error(), text: error.to_string() }
    }

    fn error(&self) -> io::Error {
        let with_text = || io::Error::new(self.kind, self.text.clone());
        self.number.map_or_else(with_text, io::Error::from_raw_os_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;

    /// Eight come while a sync runs: they share the one after it.
    #[test]
    fn those_who_come_meanwhile_share_the_next_sync() {
        let shared = SharedSync::default();
        let begun = AtomicUsize::new(0);
        let (go, gate) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let (shared, begun) = (&shared, &begun);
            let (is_in, inside) = mpsc::channel();
            scope.spawn(move || {
                shared.wait(|| {
                    is_in.send(()).unwrap();
                    gate.recv().map_err(io::Error::other)
                })
            });
            inside.recv().unwrap();
            let others: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(move || {
                        shared.wait(|| {
                            begun.fetch_add(1, Ordering::SeqCst);
                            Ok(())
                        })
                    })
                })
                .collect();
            // The eight and the state itself hold the next round.
            while Arc::strong_count(&shared.state().next) < 9 {
                thread::yield_now();
            }
            assert_eq!(begun.load(Ordering::SeqCst), 0);
            go.send(()).unwrap();
            for other in others {
                other.join().unwrap().unwrap();
            }
        });
        assert_eq!(begun.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_sync_after_another_is_its_own() {
        let shared = SharedSync::default();
        let begun = AtomicUsize::new(0);
        for _ in 0..3 {
            let count = || {
                begun.fetch_add(1, Ordering::SeqCst);
                Ok(())
            };
            shared.wait(count).unwrap();
        }
        assert_eq!(begun.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn all_who_waited_hear_of_a_failure() {
        const NO_SPACE: i32 = 28;
        let shared = SharedSync::default();
        let (go, gate) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let shared = &shared;
            let (is_in, inside) = mpsc::channel();
            scope.spawn(move || {
                shared.wait(|| {
                    is_in.send(()).unwrap();
                    gate.recv().map_err(io::Error::other)
                })
            });
            inside.recv().unwrap();
            let others: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| shared.wait(|| Err(io::Error::from_raw_os_error(NO_SPACE))))
                })
                .collect();
            while Arc::strong_count(&shared.state().next) < 5 {
                thread::yield_now();
            }
            go.send(()).unwrap();
            for other in others {
                let error = other.join().unwrap().unwrap_err();
                assert_eq!(error.raw_os_error(), Some(NO_SPACE));
            }
        });
        shared.wait(|| Ok(())).unwrap();
    }
}
