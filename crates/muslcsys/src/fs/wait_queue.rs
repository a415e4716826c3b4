//! Who waits for an object to become ready: threads that sleep for this object alone, and watchers (poll, epoll) that look at many.
//!
//! **No wake is lost.** Who waits says so first ([`WaitQueue::waiting`] is raised, or the watcher is in the list) and looks at the
//! object then; who changes the object does so first and asks then whether anybody waits. So one of the two sees the other. That a
//! thread sleeps and that it is woken both happen under the scheduler's lock, so nothing comes between its last look and its sleep.
//!
//! **Who has nobody to wake pays next to nothing**: one word is read.
//!
//! Lock order: waking takes the scheduler's lock, so none of `fs` may be held. Under it, watchers are told with the queue's own lock
//! held; that is why epoll refuses loops of epolls.
//!
//! Events are poll(2)'s bits. An error or a hang-up (POLLERR, POLLHUP) is everybody's business, whatever they wait for.

use crate::errno::Errno;
use crate::sync::mutex::Mutex;
use alloc::sync::Arc;
use alloc::vec::Vec;
use linux_raw_sys::general as linux;

#[cfg(not(loom))]
use core::sync::atomic::{AtomicUsize, Ordering, fence};
#[cfg(loom)]
use loom::sync::atomic::{AtomicUsize, Ordering, fence};

/// Something can be read, or a connection accepted.
pub const IN: u32 = linux::POLLIN | linux::POLLRDNORM;
/// Something can be written.
pub const OUT: u32 = linux::POLLOUT | linux::POLLWRNORM;
/// What nobody has to ask for.
pub const ALWAYS: u32 = linux::POLLERR | linux::POLLHUP;

/// What is told when an object that it watches becomes ready.
pub trait Watcher: Send + Sync {
    /// Told under the scheduler's lock, which `scheduler` is, and the queue's; `true` if that woke somebody.
    fn notice(&self, scheduler: &mut Scheduler, events: u32) -> bool;
}

/// A watcher in a list.
struct Watch {
    watcher: Arc<dyn Watcher>,
    /// The events it wants to be told of.
    events: u32,
    /// Of several such, one that wakes somebody is enough (EPOLLEXCLUSIVE).
    exclusive: bool,
}

/// An object's queue.
pub struct WaitQueue {
    /// Threads that wait or are about to, and watchers.
    waiting: AtomicUsize,
    watches: Mutex<Vec<Watch>>,
}

impl WaitQueue {
    /// Nobody waits.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self { waiting: AtomicUsize::new(0), watches: Mutex::new(Vec::new()) }
    }

    /// Nobody waits.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self { waiting: AtomicUsize::new(0), watches: Mutex::new(Vec::new()) }
    }

    /// Waits until `ready` gives something, looking again whenever one of `events` is woken for. `ready` is called under the
    /// scheduler's lock: it looks, takes little, and waits for nothing but locks of `fs`.
    ///
    /// # Errors
    /// EINTR, ETIMEDOUT.
    pub fn wait<R>(
        &self,
        events: u32,
        deadline: Option<Deadline>,
        mut ready: impl FnMut() -> Option<R>,
    ) -> Result<R, Errno> {
        self.enter();
        let result = loop {
            let scheduler = lock();
            if let Some(result) = ready() {
                break Ok(result);
            }
            match sleep(scheduler, self.key(), events | ALWAYS, deadline) {
                Ok(()) => {}
                Err(Errno::ETIMEDOUT) => break ready().ok_or(Errno::ETIMEDOUT),
                Err(error) => break Err(error),
            }
        };
        self.leave();
        result
    }

    /// Wakes every thread that waits for one of `events`, and tells every watcher. Called after the object has changed.
    pub fn wake(&self, events: u32) {
        self.wake_up_to(usize::MAX, events);
    }

    /// Wakes the thread that waits longest for one of `events`, and tells every watcher. The woken thread passes the wake on if it
    /// leaves something for the next ([`WaitQueue::pass_on`]).
    pub fn wake_one(&self, events: u32) {
        self.wake_up_to(1, events);
    }

    /// Wakes one more thread for one of `events`, and tells no watcher: by a woken thread that leaves something for the next.
    pub fn pass_on(&self, events: u32) {
        if self.waiting.load(Ordering::Relaxed) != 0 {
            wake(&mut lock(), self.key(), 1, events);
        }
    }

    fn wake_up_to(&self, most: usize, events: u32) {
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::Relaxed) != 0 {
            self.wake_under(&mut lock(), most, events);
        }
    }

    /// As the above, for who has the scheduler's lock already; `true` if somebody was woken.
    pub fn wake_under(&self, scheduler: &mut Scheduler, most: usize, events: u32) -> bool {
        let mut woken = wake(scheduler, self.key(), most, events) > 0;
        let mut exclusive_done = false;
        for watch in self.watches.lock().iter() {
            if watch.events & events == 0 || watch.exclusive && exclusive_done {
                continue;
            }
            let told = watch.watcher.notice(scheduler, events);
            exclusive_done |= watch.exclusive && told;
            woken |= told;
        }
        woken
    }

    /// Has a watcher told of `events` from now on. It looks at the object after this.
    pub fn watch(&self, watcher: Arc<dyn Watcher>, events: u32, exclusive: bool) {
        self.watches.lock().push(Watch { watcher, events: events | ALWAYS, exclusive });
        self.enter();
    }

    /// Changes the events that a watcher is told of.
    pub fn change_watch(&self, watcher: &Arc<dyn Watcher>, events: u32) {
        let mut watches = self.watches.lock();
        watches
            .iter_mut()
            .filter(|watch| Arc::ptr_eq(&watch.watcher, watcher))
            .for_each(|watch| watch.events = events | ALWAYS);
        fence(Ordering::SeqCst);
    }

    /// Has a watcher told no more, once for each time it was added; when this returns, it is not being told.
    pub fn unwatch(&self, watcher: &Arc<dyn Watcher>) {
        let watch = {
            let mut watches = self.watches.lock();
            let at = watches.iter().position(|watch| Arc::ptr_eq(&watch.watcher, watcher));
            at.map(|at| watches.remove(at))
        };
        if watch.is_some() {
            self.leave();
        }
    }

    fn enter(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    fn leave(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// What its threads wait on: an address that is nobody's futex, since no program can name it.
    fn key(&self) -> usize {
        key_of(self)
    }
}

fn key_of<T>(object: &T) -> usize {
    const NOBODYS: usize = 1 << 62;
    core::ptr::from_ref(object) as usize | NOBODYS
}

/// A thread that waits for any of several objects, as poll(2) does.
pub struct Poller {
    /// 1 when something was noticed since the thread last looked; changed under the scheduler's lock.
    noticed: AtomicUsize,
}

impl Poller {
    /// Nothing noticed.
    #[allow(clippy::new_ret_no_self, reason = "it is of use as a watcher only")]
    pub fn new() -> Arc<Self> {
        Arc::new(Self { noticed: AtomicUsize::new(0) })
    }

    /// Sleeps until something is noticed; at once if it was since the last time. Errors: EINTR, ETIMEDOUT.
    pub fn sleep(&self, deadline: Option<Deadline>) -> Result<(), Errno> {
        let scheduler = lock();
        if self.noticed.load(Ordering::Relaxed) == 0 {
            sleep(scheduler, key_of(self), u32::MAX, deadline)?;
        }
        self.noticed.store(0, Ordering::Relaxed);
        Ok(())
    }
}

impl Watcher for Poller {
    fn notice(&self, scheduler: &mut Scheduler, _: u32) -> bool {
        self.noticed.store(1, Ordering::Relaxed);
        wake(scheduler, key_of(self), 1, u32::MAX) > 0
    }
}

#[cfg(not(target_vendor = "sel4"))]
pub use on_host::{Deadline, Scheduler};
#[cfg(not(target_vendor = "sel4"))]
use on_host::{lock, sleep, wake};
#[cfg(target_vendor = "sel4")]
pub use on_sel4::{Deadline, Scheduler};
#[cfg(target_vendor = "sel4")]
use on_sel4::{lock, sleep, wake};

#[cfg(target_vendor = "sel4")]
mod on_sel4 {
    use crate::errno::Errno;
    use crate::signal::deliver::current;
    use crate::sync::Guard;
    use crate::thread::Wake;
    pub use crate::thread::sched::Sched as Scheduler;
    use crate::thread::sched::{self, SCHED};
    pub use crate::time::clock::Deadline;

    /// Takes the scheduler's lock.
    pub(super) fn lock() -> Guard<'static, Scheduler> {
        SCHED.lock()
    }

    /// Has the calling thread sleep until it is woken, with the lock let go. Errors: EINTR, ETIMEDOUT.
    pub(super) fn sleep(
        mut scheduler: Guard<'_, Scheduler>,
        key: usize,
        events: u32,
        deadline: Option<Deadline>,
    ) -> Result<(), Errno> {
        let thread = current();
        scheduler.futexes.wait(thread.index, key, events);
        sched::wait(scheduler, thread, deadline)
    }

    /// Wakes up to `most` threads that sleep for one of `events`; gives their number.
    pub(super) fn wake(scheduler: &mut Scheduler, key: usize, most: usize, events: u32) -> usize {
        let mut woken = 0;
        while woken < most
            && let Some(index) = scheduler.futexes.wake_one(key, events)
        {
            scheduler.end_wait(index, Wake::Event);
            woken += 1;
        }
        woken
    }
}

#[cfg(not(target_vendor = "sel4"))]
mod on_host {
    //! The same with the host's threads, and under loom: the queues and the words are those of seL4.
    use crate::errno::Errno;
    use crate::sync::{Guard, Lock};
    use crate::thread::futex::Futexes;
    use crate::thread::waiting::{Waiting, Wake};
    use alloc::sync::Arc;
    use alloc::vec::Vec;

    #[cfg(not(loom))]
    type Event = crate::sync::Notification;
    #[cfg(loom)]
    type Event = crate::sync::model::Bit;

    #[cfg(not(loom))]
    fn event() -> Event {
        Event::none()
    }
    #[cfg(loom)]
    fn event() -> Event {
        Event::new()
    }

    /// There is none on the host.
    #[derive(Clone, Copy)]
    pub enum Deadline {}

    /// What the scheduler's lock protects.
    pub struct Scheduler {
        futexes: Futexes,
        all: Vec<Arc<(Waiting, Event)>>,
    }

    #[cfg(not(loom))]
    static THREADS: Lock<Scheduler, Event> =
        Lock::new(Scheduler { futexes: Futexes::new(), all: Vec::new() }, Event::none());
    #[cfg(not(loom))]
    std::thread_local! {
        static INDEX: u32 = register();
    }

    #[cfg(loom)]
    loom::lazy_static! {
        static ref THREADS: Lock<Scheduler, Event> = Lock::new(Scheduler { futexes: Futexes::new(), all: Vec::new() }, event());
    }
    #[cfg(loom)]
    loom::thread_local! {
        static INDEX: u32 = register();
    }

    fn register() -> u32 {
        let mut threads = THREADS.lock();
        let index = threads.all.len();
        threads.futexes.grow(index + 1);
        threads.all.push(Arc::new((Waiting::new(), event())));
        index as u32
    }

    /// Takes the lock.
    pub(super) fn lock() -> Guard<'static, Scheduler, Event> {
        INDEX.with(|_| ());
        THREADS.lock()
    }

    /// As on seL4, without signals and deadlines.
    pub(super) fn sleep(
        mut scheduler: Guard<'_, Scheduler, Event>,
        key: usize,
        events: u32,
        deadline: Option<Deadline>,
    ) -> Result<(), Errno> {
        assert!(deadline.is_none());
        let index = INDEX.with(|&index| index);
        scheduler.futexes.wait(index, key, events);
        let thread = scheduler.all[index as usize].clone();
        thread.0.begin();
        drop(scheduler);
        match thread.0.wait(&thread.1) {
            Wake::Event => Ok(()),
            Wake::Deadline | Wake::Signal => unreachable!("nobody ends a wait in these ways"),
        }
    }

    /// As on seL4.
    pub(super) fn wake(scheduler: &mut Scheduler, key: usize, most: usize, events: u32) -> usize {
        let mut woken = 0;
        while woken < most
            && let Some(index) = scheduler.futexes.wake_one(key, events)
        {
            let thread = &scheduler.all[index as usize];
            thread.0.end(Wake::Event, &thread.1);
            woken += 1;
        }
        woken
    }
}

#[cfg(all(test, loom))]
mod model {
    use super::*;
    use crate::sync::model::check;
    use loom::thread::spawn;

    struct Tokens {
        count: Mutex<usize>,
        queue: WaitQueue,
    }

    impl Tokens {
        fn new() -> Arc<Self> {
            Arc::new(Self { count: Mutex::new(0), queue: WaitQueue::new() })
        }
        fn put(&self, count: usize) {
            *self.count.lock() += count;
            self.queue.wake_one(IN);
        }
        fn ready(&self) -> bool {
            *self.count.lock() > 0
        }
        /// As a pipe's reader does: takes one, and wakes the next if it leaves one.
        fn take(&self) {
            loop {
                let left = {
                    let mut count = self.count.lock();
                    let taken = count.checked_sub(1);
                    *count = taken.unwrap_or(0);
                    taken
                };
                match left {
                    Some(0) => return,
                    Some(_) => return self.queue.pass_on(IN),
                    None => self.queue.wait(IN, None, || self.ready().then_some(())).unwrap(),
                }
            }
        }
    }

    /// loom reports a deadlock if a wake is lost.
    #[test]
    fn a_change_wakes_who_waits() {
        check(|| {
            let tokens = Tokens::new();
            let other = tokens.clone();
            let taker = spawn(move || other.take());
            tokens.put(1);
            taker.join().unwrap();
        });
    }

    #[test]
    fn two_wait_and_one_wake_is_passed_on() {
        check(|| {
            let tokens = Tokens::new();
            let takers = [0, 1].map(|_| {
                let tokens = tokens.clone();
                spawn(move || tokens.take())
            });
            tokens.put(2);
            takers.into_iter().for_each(|taker| taker.join().unwrap());
        });
    }

    /// poll: watch, look, sleep; a change before, between or after is seen.
    #[test]
    fn a_poller_sees_either_of_two() {
        check(|| {
            let objects = [Tokens::new(), Tokens::new()];
            let all = objects.clone();
            let poll = spawn(move || {
                let poller = Poller::new();
                let watcher: Arc<dyn Watcher> = poller.clone();
                all.iter().for_each(|object| object.queue.watch(watcher.clone(), IN, false));
                while !all.iter().any(|object| object.ready()) {
                    poller.sleep(None).unwrap();
                }
                all.iter().for_each(|object| object.queue.unwatch(&watcher));
            });
            objects[1].put(1);
            poll.join().unwrap();
            assert_eq!(objects[1].queue.waiting.load(Ordering::Relaxed), 0);
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicBool;

    /// Counts what it is told, and says that it woke somebody.
    struct Counter(AtomicUsize, AtomicBool);

    impl Counter {
        fn new(wakes: bool) -> (Arc<Self>, Arc<dyn Watcher>) {
            let counter = Arc::new(Self(AtomicUsize::new(0), AtomicBool::new(wakes)));
            (counter.clone(), counter)
        }
        fn told(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Watcher for Counter {
        fn notice(&self, _: &mut Scheduler, _: u32) -> bool {
            self.0.fetch_add(1, Ordering::Relaxed);
            self.1.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn a_watcher_is_told_what_it_asked_for_and_of_every_end() {
        let queue = WaitQueue::new();
        let (counter, watcher) = Counter::new(true);
        queue.watch(watcher.clone(), IN, false);
        queue.wake(OUT);
        assert_eq!(counter.told(), 0);
        queue.wake(IN);
        queue.wake_one(linux::POLLHUP);
        assert_eq!(counter.told(), 2);
        queue.change_watch(&watcher, OUT);
        queue.wake(IN);
        queue.wake(OUT);
        assert_eq!(counter.told(), 3);
        queue.unwatch(&watcher);
        queue.wake(OUT);
        assert_eq!(counter.told(), 3);
        assert_eq!(queue.waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn of_exclusive_watchers_one_that_wakes_is_enough() {
        let queue = WaitQueue::new();
        let all = [false, true, true].map(Counter::new);
        for (_, watcher) in &all {
            queue.watch(watcher.clone(), IN, true);
        }
        let (everybody, watcher) = Counter::new(true);
        queue.watch(watcher, IN, false);
        queue.wake(IN);
        assert_eq!([0, 1, 2].map(|index| all[index].0.told()), [1, 1, 0]);
        assert_eq!(everybody.told(), 1);
    }

    /// Takers and a giver in threads: what is given is taken, one each, and it ends.
    #[test]
    fn threads_take_what_is_given() {
        const TAKERS: usize = 4;
        const EACH: usize = if cfg!(miri) { 5 } else { 2000 };
        let shared = Arc::new((Mutex::new(0usize), WaitQueue::new()));
        let takers: Vec<_> = (0..TAKERS)
            .map(|_| {
                let shared = shared.clone();
                std::thread::spawn(move || {
                    for _ in 0..EACH {
                        let (count, queue) = &*shared;
                        queue
                            .wait(IN, None, || {
                                let mut count = count.lock();
                                *count = count.checked_sub(1)?;
                                Some(())
                            })
                            .unwrap();
                    }
                })
            })
            .collect();
        for _ in 0..TAKERS * EACH {
            *shared.0.lock() += 1;
            shared.1.wake_one(IN);
        }
        takers.into_iter().for_each(|taker| taker.join().unwrap());
        assert_eq!(*shared.0.lock(), 0);
    }
}
