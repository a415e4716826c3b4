//! epoll(7): an interest list, and which of its entries have something to tell.
//!
//! An entry is a watcher in its file's queue. Told of an event, it puts itself into the list of ready entries, once, and wakes one thread
//! that waits for the epoll. Who collects takes entries out of that list, asks each file what there really is, and puts back those that
//! are level-triggered and had something; so an entry whose file is ready no more costs one look.
//!
//! **No event is lost** (model-checked): the mark that an entry is in the list is taken away before its file is asked.
//!
//! An entry does not keep its file open. When the file is closed, its entry is found to lead nowhere and is forgotten.
//!
//! Lock order: the interest list, then the scheduler's lock, a file's queue, the ready list, the epoll's own queue. Interest lists are the
//! one kind of lock of `fs` that is never taken under the scheduler's: with one held, a file is asked, and may be closed by being let go.

use super::file::{File, Status};
use super::wait_queue::{self, Deadline, Scheduler, WaitQueue, Watcher};
use crate::errno::{Errno, SysResult};
use crate::sync::mutex::Mutex;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use linux_raw_sys::general as linux;

#[cfg(not(loom))]
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// What of an entry's events are flags.
const FLAGS: u32 = linux::EPOLLET | linux::EPOLLONESHOT | linux::EPOLLWAKEUP | linux::EPOLLEXCLUSIVE;
/// What may stand beside EPOLLEXCLUSIVE (epoll_ctl(2)).
const WITH_EXCLUSIVE: u32 =
    linux::EPOLLIN | linux::EPOLLOUT | wait_queue::ALWAYS | linux::EPOLLET | linux::EPOLLWAKEUP | linux::EPOLLEXCLUSIVE;
/// Most steps from an epoll to one that lies in it (Linux's EP_MAX_NESTS).
const NESTED: usize = 4;

/// What an entry is found by: the descriptor's number, and where the file is, as a number may be given again.
type Key = (i32, usize);

fn key(fd: i32, file: &Arc<dyn File>) -> Key {
    (fd, Arc::as_ptr(file).cast::<()>() as usize)
}

/// What a program asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Events and flags (EPOLLIN, EPOLLET and so on).
    pub events: u32,
    /// What comes with each event.
    pub data: u64,
}

/// An entry of the interest list.
struct Interest {
    epoll: Weak<Shared>,
    file: Weak<dyn File>,
    /// Itself, for the ready list.
    this: Weak<Interest>,
    /// Events and flags. No events: it has told once (EPOLLONESHOT), or is in the interest list no more.
    events: AtomicU32,
    data: AtomicU64,
    /// It is in the ready list; changed with that list's lock held.
    listed: AtomicBool,
}

impl Interest {
    fn new(epoll: &Arc<Shared>, file: &Arc<dyn File>, asked: Asked) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            epoll: Arc::downgrade(epoll),
            file: Arc::downgrade(file),
            this: this.clone(),
            events: AtomicU32::new(asked.events | wait_queue::ALWAYS),
            data: AtomicU64::new(asked.data),
            listed: AtomicBool::new(false),
        })
    }

    fn events(&self) -> u32 {
        self.events.load(Ordering::Relaxed)
    }

    /// The events that are there now and asked for.
    fn found(&self, file: &dyn File) -> u32 {
        match self.events() & !FLAGS {
            0 => 0,
            events => file.ready() & events,
        }
    }
}

impl Watcher for Interest {
    fn notice(&self, scheduler: &mut Scheduler, events: u32) -> bool {
        if self.events() & !FLAGS & events == 0 {
            return false;
        }
        let Some(epoll) = self.epoll.upgrade() else { return false };
        // Who put it there before has woken somebody, or saw that nobody waits; for other epolls each event counts (EPOLLET).
        epoll.list(self);
        epoll.queue.wake_under(scheduler, 1, wait_queue::IN)
    }
}

/// What the entries know of their epoll.
struct Shared {
    ready: Mutex<VecDeque<Arc<Interest>>>,
    /// Who waits for the epoll.
    queue: WaitQueue,
    /// The epolls that it lies in.
    outer: Mutex<Vec<Weak<Shared>>>,
}

impl Shared {
    /// Puts an entry into the ready list, unless it is there.
    fn list(&self, interest: &Interest) {
        let mut ready = self.ready.lock();
        if !interest.listed.load(Ordering::Relaxed)
            && let Some(interest) = interest.this.upgrade()
        {
            interest.listed.store(true, Ordering::Relaxed);
            ready.push_back(interest);
        }
    }

    /// Takes an entry that is no longer one out of the ready list.
    fn unlist(&self, interest: &Arc<Interest>) {
        let mut ready = self.ready.lock();
        if interest.listed.load(Ordering::Relaxed) {
            ready.retain(|other| !Arc::ptr_eq(other, interest));
        }
    }

    /// Makes room for so many entries, so that being told of an event needs no memory.
    fn reserve(&self, entries: usize) {
        let mut ready = self.ready.lock();
        let more = entries.saturating_sub(ready.len());
        ready.reserve(more);
    }

    /// Steps up to the outermost epoll that this one lies in. Errors: ELOOP if `inner` is on the way.
    fn steps_up(&self, inner: &Self, most: usize) -> Result<usize, Errno> {
        if core::ptr::eq(self, inner) || most == 0 {
            return Err(Errno::ELOOP);
        }
        let outer: Vec<_> = self.outer.lock().iter().filter_map(Weak::upgrade).collect();
        let steps = outer.iter().map(|outer| outer.steps_up(inner, most - 1).map(|steps| steps + 1));
        steps.collect::<Result<Vec<_>, _>>().map(|steps| steps.into_iter().max().unwrap_or(0))
    }
}

/// An open epoll.
pub struct Epoll {
    status: Status,
    interests: Mutex<BTreeMap<Key, Arc<Interest>>>,
    shared: Arc<Shared>,
}

impl Epoll {
    /// With an empty interest list.
    pub fn new() -> Self {
        let shared =
            Shared { ready: Mutex::new(VecDeque::new()), queue: WaitQueue::new(), outer: Mutex::new(Vec::new()) };
        Self { status: Status::new(linux::O_RDWR), interests: Mutex::new(BTreeMap::new()), shared: Arc::new(shared) }
    }

    /// EPOLL_CTL_ADD. Adding an epoll needs the caller to let nobody else do so meanwhile. Errors: EEXIST, EPERM for a file that is always
    /// ready, EINVAL, ELOOP.
    pub fn add(&self, fd: i32, file: &Arc<dyn File>, asked: Asked) -> Result<(), Errno> {
        let queue = file.wait_queue().ok_or(Errno::EPERM)?;
        let exclusive = asked.events & linux::EPOLLEXCLUSIVE != 0;
        if exclusive && (asked.events & !WITH_EXCLUSIVE != 0 || file.epoll().is_some()) {
            return Err(Errno::EINVAL);
        }
        let interest = Interest::new(&self.shared, file, asked);
        let mut interests = self.interests.lock();
        // Entries of files that had the same number are gone.
        let dead = |(key, interest): (&Key, &Arc<Interest>)| (interest.file.strong_count() == 0).then_some(*key);
        let dead: Vec<_> = interests.range((fd, 0)..=(fd, usize::MAX)).filter_map(dead).collect();
        dead.iter().filter_map(|key| interests.remove(key)).for_each(|dead| self.shared.unlist(&dead));
        if interests.contains_key(&key(fd, file)) {
            return Err(Errno::EEXIST);
        }
        if let Some(inner) = file.epoll() {
            if core::ptr::eq(inner, self) {
                return Err(Errno::EINVAL);
            }
            let steps = self.shared.steps_up(&inner.shared, NESTED + 1)? + 1;
            if steps > NESTED || inner.steps_down(NESTED) > NESTED - steps {
                return Err(Errno::ELOOP);
            }
            let mut outer = inner.shared.outer.lock();
            outer.retain(|outer| outer.strong_count() > 0);
            outer.push(Arc::downgrade(&self.shared));
        }
        interests.insert(key(fd, file), interest.clone());
        self.shared.reserve(interests.len());
        queue.watch(interest.clone(), asked.events & !FLAGS, exclusive);
        drop(interests);
        self.look_at(&interest, file);
        Ok(())
    }

    /// EPOLL_CTL_MOD. Errors: ENOENT, EINVAL where EPOLLEXCLUSIVE is or was.
    pub fn modify(&self, fd: i32, file: &Arc<dyn File>, asked: Asked) -> Result<(), Errno> {
        let interest = self.interests.lock().get(&key(fd, file)).cloned().ok_or(Errno::ENOENT)?;
        if (asked.events | interest.events()) & linux::EPOLLEXCLUSIVE != 0 {
            return Err(Errno::EINVAL);
        }
        interest.data.store(asked.data, Ordering::Relaxed);
        interest.events.store(asked.events | wait_queue::ALWAYS, Ordering::Relaxed);
        let watcher: Arc<dyn Watcher> = interest.clone();
        file.wait_queue().ok_or(Errno::EPERM)?.change_watch(&watcher, asked.events & !FLAGS);
        self.look_at(&interest, file);
        Ok(())
    }

    /// EPOLL_CTL_DEL. Errors: ENOENT.
    pub fn remove(&self, fd: i32, file: &Arc<dyn File>) -> Result<(), Errno> {
        let interest = self.interests.lock().remove(&key(fd, file)).ok_or(Errno::ENOENT)?;
        interest.events.store(0, Ordering::Relaxed);
        if let Some(inner) = file.epoll() {
            let mut outer = inner.shared.outer.lock();
            let at = outer.iter().position(|outer| core::ptr::eq(outer.as_ptr(), Arc::as_ptr(&self.shared)));
            at.map(|at| outer.swap_remove(at));
        }
        let watcher: Arc<dyn Watcher> = interest.clone();
        file.wait_queue().ok_or(Errno::EPERM)?.unwatch(&watcher);
        self.shared.unlist(&interest);
        Ok(())
    }

    /// A file that is ready as it is added or changed counts as one that became so.
    fn look_at(&self, interest: &Interest, file: &Arc<dyn File>) {
        if interest.found(&**file) != 0 {
            self.shared.list(interest);
            self.shared.queue.wake_one(wait_queue::IN);
        }
    }

    /// Steps down to the innermost epoll in this one, at most one more than `most`.
    fn steps_down(&self, most: usize) -> usize {
        let inner: Vec<_> = self.interests.lock().values().filter_map(|interest| interest.file.upgrade()).collect();
        let step = |inner: &Epoll| 1 + if most == 0 { 0 } else { inner.steps_down(most - 1) };
        inner.iter().filter_map(|file| file.epoll().map(step)).max().unwrap_or(0)
    }

    /// Gives up to `most` events that are there now, with what the program wants with each; gives how many. Errors: those of `give`, if it
    /// took none; what it refused stays.
    pub fn collect(&self, most: usize, mut give: impl FnMut(Asked) -> Result<(), Errno>) -> SysResult {
        let mut again = Vec::new();
        let mut given = 0;
        let mut refused = None;
        let mut interests = self.interests.lock();
        let listed = self.shared.ready.lock().len();
        for _ in 0..listed {
            if given == most || refused.is_some() {
                break;
            }
            let interest = {
                let mut ready = self.shared.ready.lock();
                let Some(interest) = ready.pop_front() else { break };
                interest.listed.store(false, Ordering::Relaxed);
                interest
            };
            let Some(file) = interest.file.upgrade() else {
                interests.retain(|_, other| !Arc::ptr_eq(other, &interest));
                continue;
            };
            let found = interest.found(&*file);
            if found == 0 {
                continue;
            }
            let events = interest.events();
            match give(Asked { events: found, data: interest.data.load(Ordering::Relaxed) }) {
                Ok(()) => given += 1,
                Err(error) => {
                    refused = Some(error);
                    again.push(interest);
                    continue;
                }
            }
            if events & linux::EPOLLONESHOT != 0 {
                interest.events.store(events & FLAGS, Ordering::Relaxed);
            } else if events & linux::EPOLLET == 0 {
                again.push(interest);
            }
        }
        again.iter().for_each(|interest| self.shared.list(interest));
        drop(interests);
        if self.is_listed() {
            self.shared.queue.pass_on(wait_queue::IN);
        }
        match refused {
            Some(error) if given == 0 => Err(error),
            _ => Ok(given),
        }
    }

    fn is_listed(&self) -> bool {
        !self.shared.ready.lock().is_empty()
    }

    /// Waits until entries may have something to tell. Errors: EINTR, ETIMEDOUT.
    pub fn wait(&self, deadline: Option<Deadline>) -> Result<(), Errno> {
        self.shared.queue.wait(wait_queue::IN, deadline, || self.is_listed().then_some(()))
    }
}

impl Drop for Epoll {
    fn drop(&mut self) {
        for interest in core::mem::take(self.interests.get_mut()).into_values() {
            if let Some(file) = interest.file.upgrade()
                && let Some(queue) = file.wait_queue()
            {
                let watcher: Arc<dyn Watcher> = interest;
                queue.unwatch(&watcher);
            }
        }
        // Entries in the ready list are kept by nothing else.
        self.shared.ready.lock().clear();
    }
}

impl File for Epoll {
    fn status(&self) -> &Status {
        &self.status
    }

    /// Readable when an entry has something to tell.
    fn ready(&self) -> u32 {
        let listed: Vec<_> = self.shared.ready.lock().iter().cloned().collect();
        let there = |interest: &Arc<Interest>| interest.file.upgrade().is_some_and(|file| interest.found(&*file) != 0);
        if listed.iter().any(there) { wait_queue::IN } else { 0 }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.shared.queue)
    }

    fn epoll(&self) -> Option<&Epoll> {
        Some(self)
    }
}

#[cfg(target_vendor = "sel4")]
pub mod calls;

#[cfg(all(test, loom))]
mod model;
#[cfg(all(test, not(loom)))]
mod tests;
