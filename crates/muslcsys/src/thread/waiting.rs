//! How a thread's wait begins and ends.
//!
//! The one word says why the wait ended, or that it has not:
//!
//! - `NOT`: it goes on. Stored by the thread itself under the scheduler's lock, when it is in the queue of what it waits for.
//! - a [`Wake`]: it has ended. Stored under the same lock by whoever took the thread out of that queue, once a wait; the event
//!   is signalled after it.
//!
//! The event is a single bit that may be left over from an earlier wait, or from a lock: so the thread looks at the word, and the
//! bit only has it look again.

use crate::sync::Event;

#[cfg(not(loom))]
use core::sync::atomic::{AtomicU32, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering};

const NOT: u32 = 0;
const EVENT: u32 = 1;
const DEADLINE: u32 = 2;

/// Why a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Wake {
    /// What was waited for has come.
    Event = EVENT,
    /// The deadline has.
    Deadline = DEADLINE,
    /// A signal is there.
    Signal = 3,
}

/// A thread's wait.
pub struct Waiting(AtomicU32);

impl Waiting {
    /// Of a thread that does not wait.
    pub fn new() -> Self {
        Self(AtomicU32::new(NOT))
    }

    /// Says that a wait begins; by the thread itself, under the scheduler's lock.
    pub fn begin(&self) {
        self.0.store(NOT, Ordering::Relaxed);
    }

    /// Ends the wait; under the scheduler's lock, by whoever took the thread out of the queue it waited in.
    pub fn end(&self, why: Wake, event: &impl Event) {
        self.0.store(why as u32, Ordering::Release);
        event.signal();
    }

    /// Waits until somebody calls [`Waiting::end`]; by the thread itself, without any lock.
    pub fn wait(&self, event: &impl Event) -> Wake {
        loop {
            match self.0.load(Ordering::Acquire) {
                NOT => event.wait(),
                EVENT => return Wake::Event,
                DEADLINE => return Wake::Deadline,
                _ => return Wake::Signal,
            }
        }
    }
}

#[cfg(all(test, loom))]
mod model {
    //! A futex: the word is compared under the lock, the waker changes it first and then takes the lock. loom tries every order of
    //! steps (see `check`) and reports a deadlock if a wake is lost.
    use super::*;
    use crate::sync::Lock;
    use crate::sync::model::{Bit, check};
    use crate::thread::futex::Futexes;
    use loom::sync::Arc;

    const KEY: usize = 0x1000;
    const ALL: u32 = u32::MAX;

    struct Program {
        word: AtomicU32,
        sched: Lock<Futexes, Bit>,
        threads: [(Waiting, Bit); 2],
    }

    impl Program {
        fn new() -> Arc<Self> {
            let mut futexes = Futexes::new();
            futexes.grow(2);
            let thread = || (Waiting::new(), Bit::new());
            Arc::new(Self {
                word: AtomicU32::new(0),
                sched: Lock::new(futexes, Bit::new()),
                threads: [thread(), thread()],
            })
        }

        /// FUTEX_WAIT: `None` if the word is not `expected`.
        fn wait(&self, index: u32, expected: u32) -> Option<Wake> {
            let (waiting, event) = &self.threads[index as usize];
            {
                let mut futexes = self.sched.lock();
                if self.word.load(Ordering::Relaxed) != expected {
                    return None;
                }
                futexes.wait(index, KEY, ALL);
                waiting.begin();
            }
            Some(waiting.wait(event))
        }

        /// FUTEX_WAKE.
        fn wake(&self, most: usize) -> usize {
            let mut futexes = self.sched.lock();
            let mut woken = 0;
            while woken < most
                && let Some(index) = futexes.wake_one(KEY, ALL)
            {
                let (waiting, event) = &self.threads[index as usize];
                waiting.end(Wake::Event, event);
                woken += 1;
            }
            woken
        }

        /// A deadline that comes, or a signal: ends the wait if there is one.
        fn cancel(&self, index: u32, why: Wake) -> bool {
            let mut futexes = self.sched.lock();
            let waited = futexes.cancel(index);
            if waited {
                let (waiting, event) = &self.threads[index as usize];
                waiting.end(why, event);
            }
            waited
        }
    }

    #[test]
    fn a_changed_word_or_a_wake_ends_the_wait() {
        check(|| {
            let program = Program::new();
            let waiter = {
                let program = program.clone();
                loom::thread::spawn(move || program.wait(0, 0))
            };
            program.word.store(1, Ordering::Relaxed);
            let woken = program.wake(1);
            assert_eq!(waiter.join().unwrap(), (woken == 1).then_some(Wake::Event));
        });
    }

    #[test]
    fn one_of_wake_deadline_and_signal_ends_a_wait() {
        check(|| {
            let program = Program::new();
            let spawn = |work: fn(&Program) -> bool| {
                let program = program.clone();
                loom::thread::spawn(move || work(&program))
            };
            let deadline = spawn(|program| program.cancel(0, Wake::Deadline));
            let waker = spawn(|program| {
                program.word.store(1, Ordering::Relaxed);
                program.wake(1) == 1
            });
            let ended = program.wait(0, 0);
            let (deadline, waker) = (deadline.join().unwrap(), waker.join().unwrap());
            assert!(!(deadline && waker));
            assert_eq!(ended == Some(Wake::Deadline), deadline);
            assert_eq!(ended == Some(Wake::Event), waker);
        });
    }

    #[test]
    fn a_bit_left_over_does_not_end_the_next_wait() {
        check(|| {
            let program = Program::new();
            // As a signal leaves it that comes when the wait is already over.
            program.threads[0].1.signal();
            let waker = {
                let program = program.clone();
                loom::thread::spawn(move || {
                    program.word.store(1, Ordering::Relaxed);
                    let woken = program.wake(1);
                    program.word.store(2, Ordering::Relaxed);
                    woken + program.wake(1)
                })
            };
            let mut ended = 0;
            for expected in 0..2 {
                ended += usize::from(program.wait(0, expected).is_some());
            }
            assert_eq!(ended, waker.join().unwrap());
        });
    }

    #[test]
    fn everybody_is_woken() {
        check(|| {
            let program = Program::new();
            let waiters = [0, 1].map(|index| {
                let program = program.clone();
                loom::thread::spawn(move || program.wait(index, 0))
            });
            program.word.store(1, Ordering::Relaxed);
            let woken = program.wake(usize::MAX);
            let ended = waiters.map(|waiter| waiter.join().unwrap());
            assert_eq!(ended.iter().filter(|end| end.is_some()).count(), woken);
        });
    }
}
