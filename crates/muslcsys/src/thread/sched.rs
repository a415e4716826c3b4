//! What threads know of each other: their places and ids, who waits for what and until when, and pending signals.

use super::cores::Cores;
use super::futex::Futexes;
use super::record::Thread;
use super::waiting::Wake;
use crate::errno::Errno;
use crate::fs::timerfd::open::Timer;
use crate::object::pool::Unit;
use crate::signal::Signals;
use crate::sync::{Guard, Lock, Notification};
use crate::time::clock::{self, Clock, Deadline};
use crate::time::deadlines::Deadlines;
use crate::time::timers::Timers;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

/// The first thread's id; ids above are given in turn and used again late.
pub const FIRST_TID: u32 = 1;
/// The highest thread id: futexes of robust and error-checking mutexes hold ids of 30 bits (FUTEX_TID_MASK), but stay modest.
const LAST_TID: u32 = 1 << 22;

/// A place for a thread.
pub struct Place {
    /// The running thread, if any.
    pub thread: Option<&'static Thread>,
    /// The objects of the place, if it has any.
    pub unit: Option<Unit>,
    /// Its signals.
    pub signals: Signals,
    /// The time of day that its deadline stands for, if it has one and was given as such.
    pub time_of_day: Option<u64>,
    /// Set while it waits in a way that a signal ends.
    pub interruptible: bool,
    /// Its priority as Linux sees it: policy and static priority.
    pub policy: (u32, u32),
    /// The cores that it may run on, a bit each.
    pub affinity: u64,
    /// The one that its TCB runs on.
    pub core: u8,
}

/// Everything behind the scheduler's lock.
pub struct Sched {
    /// By index.
    pub places: Vec<Place>,
    /// Places whose thread is gone but whose objects are kept ready, oldest first.
    pub ready: alloc::collections::VecDeque<u32>,
    /// Places without objects.
    pub bare: Vec<u32>,
    by_tid: BTreeMap<u32, u32>,
    next_tid: u32,
    /// Who waits on which word.
    pub futexes: Futexes,
    /// Who is to be woken when.
    pub deadlines: Deadlines,
    /// Open timers (timerfd_create(2)).
    pub timers: Timers<Arc<Timer>>,
    /// Signals sent to the program as a whole, and what is done with each.
    pub program_signals: crate::signal::ProgramSignals,
    /// Where its threads run.
    pub cores: Cores,
    /// Exit status of the initial thread, for when it ends before others.
    pub status: u8,
}

/// The scheduler's lock: the first in the lock order.
pub static SCHED: Lock<Sched> = Lock::new(Sched::new(), Notification::none());

impl Sched {
    const fn new() -> Self {
        Self {
            places: Vec::new(),
            ready: alloc::collections::VecDeque::new(),
            bare: Vec::new(),
            by_tid: BTreeMap::new(),
            next_tid: FIRST_TID,
            futexes: Futexes::new(),
            deadlines: Deadlines::new(),
            timers: Timers::new(),
            program_signals: crate::signal::ProgramSignals::new(),
            cores: Cores::new(),
            status: 0,
        }
    }

    /// Number of living threads.
    pub fn living(&self) -> usize {
        self.by_tid.len()
    }

    /// A place that never was: room for one more thread in every table.
    pub fn add_place(&mut self) -> u32 {
        let index = self.places.len();
        self.places.push(Place {
            thread: None,
            unit: None,
            signals: Signals::new(),
            time_of_day: None,
            interruptible: false,
            policy: (0, 0),
            affinity: self.cores.all(),
            core: 0,
        });
        self.futexes.grow(index + 1);
        self.deadlines.grow(index + 1);
        self.ready.reserve(index + 1 - self.ready.len());
        self.bare.reserve(index + 1 - self.bare.len());
        index as u32
    }

    /// A thread id that no living thread has and that was not used for the longest time.
    pub fn new_tid(&mut self, index: u32) -> u32 {
        loop {
            let tid = self.next_tid;
            self.next_tid = if tid == LAST_TID { FIRST_TID + 1 } else { tid + 1 };
            if let alloc::collections::btree_map::Entry::Vacant(entry) = self.by_tid.entry(tid) {
                entry.insert(index);
                return tid;
            }
        }
    }

    /// Forgets a thread id.
    pub fn drop_tid(&mut self, tid: u32) {
        self.by_tid.remove(&tid);
    }

    /// The place of a living thread.
    pub fn by_tid(&self, tid: u32) -> Option<u32> {
        self.by_tid.get(&tid).copied()
    }

    /// All living threads' places.
    pub fn living_places(&self) -> impl Iterator<Item = u32> + '_ {
        self.by_tid.values().copied()
    }

    /// Ends the wait of the thread at `index`, which is in no queue any more.
    pub fn end_wait(&mut self, index: u32, why: Wake) {
        self.deadlines.remove(index);
        let place = &mut self.places[index as usize];
        place.interruptible = false;
        if let Some(thread) = place.thread {
            thread.end_wait(why);
        }
    }

    /// Ends the wait of a thread because of a signal, if it waits in a way that a signal ends.
    pub fn interrupt(&mut self, index: u32) -> bool {
        if !self.places[index as usize].interruptible {
            return false;
        }
        self.futexes.cancel(index);
        self.end_wait(index, Wake::Signal);
        true
    }

    /// Sets the time of day, and with it the deadlines that were given as one (clock_settime(3p)).
    pub fn set_time_of_day(&mut self, nanoseconds: u64) {
        clock::set_realtime(nanoseconds);
        for (index, place) in self.places.iter().enumerate() {
            if let Some(time) = place.time_of_day
                && self.deadlines.remove(index as u32)
            {
                self.deadlines.insert(index as u32, Deadline::at(Clock::Realtime, time).tick);
            }
        }
        // Each is told with the scheduler's own state in hand, so the list is not borrowed meanwhile.
        let timers: Vec<_> = self.timers.iter().map(|(number, timer)| (number, timer.clone())).collect();
        for (number, timer) in &timers {
            timer.time_was_set(self);
            self.timers.set(*number, timer.deadline().map(|deadline| deadline.tick));
        }
        clock::set_alarm(self.next_deadline());
    }

    /// The next deadline of a thread's or a timer's.
    pub fn next_deadline(&self) -> Option<u64> {
        let (thread, timer) = (self.deadlines.earliest(), self.timers.earliest());
        thread.into_iter().chain(timer).min()
    }

    /// Wakes all whose deadline has come; gives the next deadline.
    pub fn expire(&mut self, now: u64) -> Option<u64> {
        while let Some(index) = self.deadlines.pop_due(now) {
            self.futexes.cancel(index);
            self.end_wait(index, Wake::Deadline);
        }
        while let Some(timer) = self.timers.pop_due(now) {
            timer.expire(self);
        }
        self.next_deadline()
    }
}

/// Has the calling thread wait until its wait is ended; it is in its queue already.
///
/// # Errors
/// ETIMEDOUT, or EINTR when a signal that the thread does not block is or becomes pending.
pub fn wait(mut sched: Guard<'_, Sched>, thread: &Thread, deadline: Option<Deadline>) -> Result<(), Errno> {
    let index = thread.index;
    let place = &sched.places[index as usize];
    if place.signals.deliverable() || sched.program_signals.deliverable(place.signals.mask) {
        sched.futexes.cancel(index);
        // One sent to the program was perhaps meant for another thread, which may never take it: this one does.
        thread.signalled.store(1, Ordering::Release);
        return Err(Errno::EINTR);
    }
    thread.begin_wait();
    sched.places[index as usize].interruptible = true;
    if let Some(Deadline { tick, time_of_day }) = deadline {
        sched.places[index as usize].time_of_day = time_of_day;
        sched.deadlines.insert(index, tick);
        if sched.next_deadline() == Some(tick) {
            clock::set_alarm(Some(tick));
        }
    }
    drop(sched);
    match thread.wait() {
        Wake::Event => Ok(()),
        Wake::Deadline => Err(Errno::ETIMEDOUT),
        Wake::Signal => Err(Errno::EINTR),
    }
}
