//! The locks that protect `muslcsys`'s own state.
//!
//! A held lock is released after a bounded number of steps, and never kept across a wait, so waiting for one is short. Who
//! has to wait does so on the lock's own notification object: a spinning thread of a higher priority would never let the
//! holder run. The word's states, as in musl's `__lock`:
//!
//! - `FREE`: nobody holds it.
//! - `HELD`: held, and nobody waits.
//! - `CONTENDED`: held, and someone may wait: the holder signals when it lets go.
//!
//! A notification is a single bit, so signals may fall together; that loses none, because whoever wakes takes the lock as
//! `CONTENDED` and so passes the signal on.
//!
//! # Lock order
//! A thread that holds a lock may take only locks further down this list (`docs/architecture.md` tells why):
//!
//! 0. `fs::epoll`'s interest lists, outer epolls first
//! 1. `thread::SCHED`: threads, futex queues, timer queue, signals
//! 2. `fs` locks: descriptors, files, pipes, terminal; most are a [`mutex::Mutex`], as there may be any number of them
//! 3. `mm::SPACE`: address space, frames, capabilities
//! 4. `program::SLOTS`: which untypeds the program has
//! 5. `random::POOL`
//! 6. `heap::HEAP`
//! 7. the UART's own, for reports
//! 8. the buckets of [`mutex`], which are taken where one of its locks is taken or let go, for a few steps
//!
//! User memory may be touched under 1 and 2, never under 3 or below: the fault thread takes 3.

pub mod mutex;

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};

#[cfg(not(loom))]
use core::sync::atomic::{AtomicU32, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering};

const FREE: u32 = 0;
const HELD: u32 = 1;
const CONTENDED: u32 = 2;

/// What a lock waits on: a single bit that `signal` sets and `wait` takes away, as a notification object's.
pub trait Event {
    /// Sets the bit, waking one waiter if there is one.
    fn signal(&self);
    /// Waits for the bit and clears it.
    fn wait(&self);
}

/// The three-state word, without the data it protects: the part that is model-checked.
pub struct RawLock<E> {
    state: AtomicU32,
    event: E,
}

impl<E: Event> RawLock<E> {
    /// A free lock.
    #[cfg(not(loom))]
    pub const fn new(event: E) -> Self {
        Self { state: AtomicU32::new(FREE), event }
    }

    /// A free lock (loom's atomics are not `const`).
    #[cfg(loom)]
    pub fn new(event: E) -> Self {
        Self { state: AtomicU32::new(FREE), event }
    }

    /// The event this lock waits on.
    pub fn event(&self) -> &E {
        &self.event
    }

    /// Takes the lock, waiting as long as somebody else holds it.
    pub fn lock(&self) {
        if self.state.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            return;
        }
        while self.state.swap(CONTENDED, Ordering::Acquire) != FREE {
            self.event.wait();
        }
    }

    /// Takes the lock if it is free.
    pub fn try_lock(&self) -> bool {
        self.state.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Lets the lock go. Only its holder may call this.
    pub fn unlock(&self) {
        if self.state.swap(FREE, Ordering::Release) == CONTENDED {
            self.event.signal();
        }
    }
}

/// Data that one thread at a time may touch.
pub struct Lock<T, E = Notification> {
    raw: RawLock<E>,
    value: UnsafeCell<T>,
}

// SAFETY: the raw lock lets one thread at a time reach the value.
unsafe impl<T: Send, E: Event + Sync> Sync for Lock<T, E> {}

impl<T, E: Event> Lock<T, E> {
    /// A free lock around `value`.
    #[cfg(not(loom))]
    pub const fn new(value: T, event: E) -> Self {
        Self { raw: RawLock::new(event), value: UnsafeCell::new(value) }
    }

    /// A free lock around `value`.
    #[cfg(loom)]
    pub fn new(value: T, event: E) -> Self {
        Self { raw: RawLock::new(event), value: UnsafeCell::new(value) }
    }

    /// The event this lock waits on.
    pub fn event(&self) -> &E {
        self.raw.event()
    }

    /// Takes the lock.
    pub fn lock(&self) -> Guard<'_, T, E> {
        self.raw.lock();
        Guard { lock: self }
    }

    /// Takes the lock if it is free: for reports, which must come out whoever holds it.
    pub fn try_lock(&self) -> Option<Guard<'_, T, E>> {
        // The guard is made only then: dropping one lets go.
        self.raw.try_lock().then(|| Guard { lock: self })
    }
}

/// Proof that the lock is held; lets go when dropped.
pub struct Guard<'a, T, E: Event = Notification> {
    lock: &'a Lock<T, E>,
}

impl<T, E: Event> Deref for Guard<'_, T, E> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the guard proves that this thread holds the lock.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T, E: Event> DerefMut for Guard<'_, T, E> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard proves that this thread holds the lock, and is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T, E: Event> Drop for Guard<'_, T, E> {
    fn drop(&mut self) {
        self.lock.raw.unlock();
    }
}

#[cfg(not(target_vendor = "sel4"))]
pub use on_host::Notification;
#[cfg(target_vendor = "sel4")]
pub use on_sel4::Notification;

#[cfg(target_vendor = "sel4")]
mod on_sel4 {
    use super::Event;
    use crate::sel4::{self, CPtr};
    use core::sync::atomic::{AtomicUsize, Ordering};

    /// A notification object's capability, given once at start-up, before a second thread exists.
    pub struct Notification(AtomicUsize);

    impl Notification {
        /// No object yet: fit for as long as there is one thread.
        pub const fn none() -> Self {
            Self(AtomicUsize::new(0))
        }

        /// Gives the object; called before a second thread exists.
        pub fn set(&self, notification: CPtr) {
            self.0.store(notification.0, Ordering::Relaxed);
        }
    }

    impl Event for Notification {
        fn signal(&self) {
            CPtr(self.0.load(Ordering::Relaxed)).signal();
        }
        fn wait(&self) {
            CPtr(self.0.load(Ordering::Relaxed)).wait();
        }
    }

    impl Event for CPtr {
        fn signal(&self) {
            sel4::signal(*self);
        }
        fn wait(&self) {
            sel4::wait(*self);
        }
    }
}

#[cfg(not(target_vendor = "sel4"))]
mod on_host {
    use super::Event;
    use std::sync::{Condvar, Mutex};

    /// What a notification object is, for the host's threads: one bit, and a queue of waiters.
    pub struct Notification(Mutex<bool>, Condvar);

    impl Notification {
        /// Not set.
        pub const fn none() -> Self {
            Self(Mutex::new(false), Condvar::new())
        }
    }

    impl Event for Notification {
        fn signal(&self) {
            *self.0.lock().expect("nobody panics in here") = true;
            self.1.notify_one();
        }
        fn wait(&self) {
            let bit = self.0.lock().expect("nobody panics in here");
            *self.1.wait_while(bit, |bit| !*bit).expect("nobody panics in here") = false;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_guard_lets_go() {
        let lock = Lock::new(1, Notification::none());
        *lock.lock() += 1;
        assert_eq!(*lock.lock(), 2);
    }
}

#[cfg(loom)]
pub mod model {
    //! What stands for a notification under loom; and the lock's own model.
    use super::*;
    use loom::sync::{Condvar, Mutex};

    /// A notification object as the kernel defines it: one bit, and a queue of waiters.
    pub struct Bit(Mutex<bool>, Condvar);

    /// Runs a model in every order of steps that has at most this many switches away from a thread that could go on: more make
    /// minutes of it and, by loom's experience, find nothing else.
    const PREEMPTIONS: usize = 3;

    /// As `loom::model`, bounded.
    pub fn check(model: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(PREEMPTIONS);
        builder.check(model);
    }

    impl Bit {
        /// Not set.
        pub fn new() -> Self {
            Self(Mutex::new(false), Condvar::new())
        }
    }

    impl Event for Bit {
        fn signal(&self) {
            *self.0.lock().unwrap() = true;
            self.1.notify_one();
        }
        fn wait(&self) {
            let mut bit = self.0.lock().unwrap();
            while !*bit {
                bit = self.1.wait(bit).unwrap();
            }
            *bit = false;
        }
    }

    /// Three threads each enter once; loom reports a deadlock if a wake is lost, and the counter an entry of two at once.
    #[test]
    fn one_at_a_time_and_no_wake_is_lost() {
        check(|| {
            let lock = loom::sync::Arc::new(RawLock::new(Bit::new()));
            let inside = loom::sync::Arc::new(loom::sync::atomic::AtomicU32::new(0));
            let enter = |lock: &RawLock<Bit>, inside: &loom::sync::atomic::AtomicU32| {
                lock.lock();
                assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                inside.fetch_sub(1, Ordering::Relaxed);
                lock.unlock();
            };
            let others: Vec<_> = (0..2)
                .map(|_| {
                    let (lock, inside) = (lock.clone(), inside.clone());
                    loom::thread::spawn(move || enter(&lock, &inside))
                })
                .collect();
            enter(&lock, &inside);
            others.into_iter().for_each(|t| t.join().unwrap());
        });
    }
}
