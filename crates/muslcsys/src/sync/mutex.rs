//! A lock that needs no notification of its own: every inode, pipe and terminal can have one.
//!
//! It is one word, with the states of [`Lock`](super::Lock): `FREE`, `HELD`, `CONTENDED`. Who finds it taken parks in one of
//! [`BUCKETS`] lists, chosen by the lock's address, and waits on its own thread's notification; who lets a contended lock go takes
//! the longest waiting thread of that lock out of the list and wakes it.
//!
//! No wake is lost: `CONTENDED` is stored under the bucket's lock, and whoever stored it is in the list before that lock is free
//! again, so an unlock that sees the mark finds the waiter. Somebody else may take the lock before the woken thread runs; that
//! thread then parks once more, and since it always takes the lock as `CONTENDED`, the next waiter is woken in its turn.
//!
//! The notification's bit may be left over from elsewhere, or be left behind here: both sides look at a word (see
//! `thread::waiting`). Threads park only where they are in no other queue.

use super::{CONTENDED, Event, FREE, HELD, Lock};
use core::cell::{Cell, UnsafeCell};
use core::ops::{Deref, DerefMut};
use core::ptr;

#[cfg(not(loom))]
use core::sync::atomic::{AtomicU32, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, Ordering};

/// Lists of parked threads.
pub const BUCKETS: usize = 64;

/// A parked thread; it lies on that thread's stack for as long as it is in a list.
struct Parked<E> {
    lock: usize,
    event: *const E,
    /// 1 as soon as it is in the list no more. What comes after that in the waker no longer touches this.
    woken: AtomicU32,
    next: Cell<*const Parked<E>>,
}

/// The threads parked in one bucket, longest waiting first.
pub struct Bucket<E> {
    first: *const Parked<E>,
    last: *const Parked<E>,
}

// SAFETY: the list leads to entries on the stacks of threads that stand still until they are out of it, and to their events, which
// others may signal.
unsafe impl<E: Sync> Send for Bucket<E> {}

impl<E: Event> Bucket<E> {
    /// Nobody is parked.
    pub const fn new() -> Self {
        Self { first: ptr::null(), last: ptr::null() }
    }

    /// Queues a thread.
    ///
    /// # Safety
    /// The entry stays where it is until its `woken` is set, which [`Bucket::wake_one`] does.
    unsafe fn push(&mut self, parked: &Parked<E>) {
        // SAFETY: an entry in the list is there, by the promise that was made when it was pushed.
        match unsafe { self.last.as_ref() } {
            None => self.first = parked,
            Some(last) => last.next.set(parked),
        }
        self.last = parked;
    }

    /// Takes the longest waiting thread of the lock at an address out, and wakes it.
    fn wake_one(&mut self, lock: usize) {
        let (mut before, mut at): (Option<&Parked<E>>, _) = (None, self.first);
        // SAFETY: as in `push`.
        while let Some(parked) = unsafe { at.as_ref() } {
            if parked.lock != lock {
                (before, at) = (Some(parked), parked.next.get());
                continue;
            }
            match before {
                None => self.first = parked.next.get(),
                Some(before) => before.next.set(parked.next.get()),
            }
            if ptr::eq(self.last, at) {
                self.last = before.map_or(ptr::null(), ptr::from_ref);
            }
            let event = parked.event;
            parked.woken.store(1, Ordering::Release);
            // SAFETY: the event outlives its thread's stay in this module, which does not end before that thread has had the bucket's
            // lock again, which the caller holds.
            unsafe { (*event).signal() };
            return;
        }
    }
}

/// The lock's word: the part that is model-checked.
pub struct RawMutex(AtomicU32);

impl RawMutex {
    /// A free lock.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self(AtomicU32::new(FREE))
    }

    /// A free lock.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self(AtomicU32::new(FREE))
    }

    fn address(&self) -> usize {
        ptr::from_ref(self) as usize
    }

    /// Takes the lock if it is free.
    fn try_lock(&self) -> bool {
        self.0.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Takes the lock in the end; the calling thread waits on `event`, which is its own.
    #[cold]
    fn lock_slow<B: Event, E: Event>(&self, bucket: &Lock<Bucket<E>, B>, event: &E) {
        loop {
            let parked = Parked { lock: self.address(), event, woken: AtomicU32::new(0), next: Cell::new(ptr::null()) };
            {
                let mut bucket = bucket.lock();
                if self.0.swap(CONTENDED, Ordering::Acquire) == FREE {
                    return;
                }
                // SAFETY: this thread stays in the loop below, and so the entry where it is, until it is woken.
                unsafe { bucket.push(&parked) };
            }
            while parked.woken.load(Ordering::Acquire) == 0 {
                event.wait();
            }
        }
    }

    /// Lets the lock go; whether somebody may be parked for it, whom [`Bucket::wake_one`] must wake. The lock may be gone as soon as it
    /// is free.
    fn unlock(&self) -> bool {
        self.0.swap(FREE, Ordering::Release) == CONTENDED
    }
}

/// Data that one thread at a time may touch.
pub struct Mutex<T: ?Sized> {
    raw: RawMutex,
    value: UnsafeCell<T>,
}

// SAFETY: the lock lets one thread at a time reach the value.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    /// A free lock around `value`.
    #[cfg(not(loom))]
    pub const fn new(value: T) -> Self {
        Self { raw: RawMutex::new(), value: UnsafeCell::new(value) }
    }

    /// A free lock around `value`.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        Self { raw: RawMutex::new(), value: UnsafeCell::new(value) }
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Takes the lock, waiting as long as somebody else holds it.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        if !self.raw.try_lock() {
            with_event(|event| self.raw.lock_slow(bucket(self.raw.address()), event));
        }
        MutexGuard { lock: self }
    }

    /// Takes the lock if it is free.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.raw.try_lock().then(|| MutexGuard { lock: self })
    }

    /// The value; nobody else can have the lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// Proof that the lock is held; lets go when dropped.
pub struct MutexGuard<'a, T: ?Sized> {
    lock: &'a Mutex<T>,
}

// SAFETY: shared, the guard gives shared access to the value only.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the guard proves that this thread holds the lock.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard proves that this thread holds the lock, and is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let address = self.lock.raw.address();
        if self.lock.raw.unlock() {
            wake_one(address);
        }
    }
}

#[cold]
fn wake_one(address: usize) {
    bucket(address).lock().wake_one(address);
}

#[cfg(not(loom))]
/// Which bucket: Fibonacci hashing of the address.
fn bucket_of(address: usize) -> usize {
    const BITS: u32 = BUCKETS.trailing_zeros();
    (((address >> 2) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - BITS)) as usize
}

#[cfg(all(not(target_vendor = "sel4"), not(loom)))]
use on_host::{bucket, with_event};
#[cfg(target_vendor = "sel4")]
pub use on_sel4::events;
#[cfg(target_vendor = "sel4")]
use on_sel4::{bucket, with_event};
#[cfg(all(not(target_vendor = "sel4"), loom))]
use under_loom::{bucket, with_event};

#[cfg(target_vendor = "sel4")]
mod on_sel4 {
    use super::super::{Lock, Notification};
    use super::{BUCKETS, Bucket, bucket_of};
    use crate::sel4::CPtr;
    use crate::signal::deliver::current;

    static PARKED: [Lock<Bucket<CPtr>>; BUCKETS] = [const { Lock::new(Bucket::new(), Notification::none()) }; BUCKETS];

    /// The events of the buckets' locks, for start-up to arm.
    pub fn events() -> impl Iterator<Item = &'static Notification> {
        PARKED.iter().map(Lock::event)
    }

    pub(super) fn bucket(address: usize) -> &'static Lock<Bucket<CPtr>> {
        &PARKED[bucket_of(address)]
    }

    /// Calls with the running thread's notification.
    pub(super) fn with_event(call: impl FnOnce(&CPtr)) {
        call(&current().notification);
    }
}

#[cfg(all(not(target_vendor = "sel4"), not(loom)))]
mod on_host {
    use super::super::{Lock, Notification};
    use super::{BUCKETS, Bucket, bucket_of};

    static PARKED: [Lock<Bucket<Notification>>; BUCKETS] =
        [const { Lock::new(Bucket::new(), Notification::none()) }; BUCKETS];

    pub(super) fn bucket(address: usize) -> &'static Lock<Bucket<Notification>> {
        &PARKED[bucket_of(address)]
    }

    std::thread_local! {
        static EVENT: Notification = const { Notification::none() };
    }

    pub(super) fn with_event(call: impl FnOnce(&Notification)) {
        EVENT.with(call);
    }
}

#[cfg(all(not(target_vendor = "sel4"), loom))]
mod under_loom {
    //! One bucket for all: the model is smaller, and the lists hold waiters of several locks.
    use super::super::{Lock, model::Bit};
    use super::Bucket;

    loom::lazy_static! {
        static ref PARKED: Lock<Bucket<Bit>, Bit> = Lock::new(Bucket::new(), Bit::new());
    }

    pub(super) fn bucket(_: usize) -> &'static Lock<Bucket<Bit>, Bit> {
        &PARKED
    }

    loom::thread_local! {
        static EVENT: Bit = Bit::new();
    }

    pub(super) fn with_event(call: impl FnOnce(&Bit)) {
        EVENT.with(call);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    #[test]
    fn a_guard_lets_go() {
        let lock = Mutex::new(1);
        *lock.lock() += 1;
        assert!(lock.try_lock().is_some_and(|value| *value == 2));
        let held = lock.lock();
        assert!(lock.try_lock().is_none());
        drop(held);
        assert_eq!(*lock.lock(), 2);
    }

    /// Many threads, more locks than buckets: every sum is right, so no two were inside at once, and it ends, so none was left parked.
    #[test]
    fn threads_take_turns() {
        const THREADS: usize = 8;
        const ROUNDS: usize = if cfg!(miri) { 20 } else { 20_000 };
        let locks: Arc<Vec<Mutex<usize>>> = Arc::new((0..2 * BUCKETS).map(|_| Mutex::new(0)).collect());
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let locks = locks.clone();
                thread::spawn(move || {
                    for round in 0..ROUNDS {
                        // Few locks, so that they are fought for.
                        let mut value = locks[round % 3 * BUCKETS / 2].lock();
                        let old = *value;
                        if round % 16 == 0 {
                            thread::yield_now();
                        }
                        *value = old + 1;
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(locks.iter().map(|lock| *lock.lock()).sum::<usize>(), THREADS * ROUNDS);
    }
}

#[cfg(all(test, loom))]
mod tests {
    use super::super::model::check;
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicUsize;

    /// A lock, and the number of threads inside.
    type Guarded = (Mutex<usize>, AtomicUsize);

    fn enter((lock, inside): &Guarded) {
        let mut value = lock.lock();
        assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
        *value += 1;
        inside.fetch_sub(1, Ordering::Relaxed);
    }

    fn guarded() -> Guarded {
        (Mutex::new(0), AtomicUsize::new(0))
    }

    /// loom reports a deadlock if a wake is lost.
    #[test]
    fn one_at_a_time_and_no_wake_is_lost() {
        check(|| {
            let all = Arc::new(guarded());
            let others = [0, 1].map(|_| {
                let all = all.clone();
                loom::thread::spawn(move || enter(&all))
            });
            enter(&all);
            others.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(*all.0.lock(), 3);
        });
    }

    /// Two locks whose waiters stand in one list: each unlock wakes a waiter of its own lock.
    #[test]
    fn locks_of_one_bucket_do_not_mix() {
        check(|| {
            let all = Arc::new([guarded(), guarded()]);
            let others = [0, 1].map(|index| {
                let all = all.clone();
                loom::thread::spawn(move || enter(&all[index]))
            });
            enter(&all[0]);
            enter(&all[1]);
            others.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!((*all[0].0.lock(), *all[1].0.lock()), (2, 2));
        });
    }
}
