//! Open timers, and their calls.

use super::Setting;
use crate::errno::{Errno, SysResult};
use crate::fs::buffers::Sink;
use crate::fs::descriptors;
use crate::fs::file::{File, Status};
use crate::fs::wait_queue::{self, WaitQueue};
use crate::mm::SPACE;
use crate::sync::mutex::Mutex;
use crate::thread::Thread;
use crate::thread::sched::{SCHED, Sched};
use crate::time::clock::{self, Clock, Deadline, Timespec};
use crate::uaccess;
use alloc::sync::Arc;
use linux_raw_sys::general as linux;

/// Bytes of what is read.
const BYTES: usize = size_of::<u64>();

/// What a timer's lock protects.
struct State {
    /// The clock of the setting: a relative one is not moved when the time of day is set.
    clock: Clock,
    setting: Setting,
    /// Setting the time of day cancels it (TFD_TIMER_CANCEL_ON_SET), and has.
    cancels: bool,
    cancelled: bool,
}

/// A timer, as the scheduler knows it.
pub struct Timer {
    state: Mutex<State>,
    queue: WaitQueue,
}

impl Timer {
    fn is_ready(&self) -> bool {
        let state = self.state.lock();
        state.cancelled || state.setting.has_expired(state.clock.now())
    }

    /// When the alarm is to come for it: never, if it has expired and nobody has read that.
    pub fn deadline(&self) -> Option<Deadline> {
        let state = self.state.lock();
        let next = state.setting.next.filter(|_| !state.setting.has_expired(state.clock.now()))?;
        Some(Deadline::at(state.clock, next))
    }

    /// Its deadline has come; under the scheduler's lock.
    pub fn expire(&self, sched: &mut Sched) {
        self.queue.wake_under(sched, usize::MAX, wait_queue::IN);
    }

    /// The time of day was set; under the scheduler's lock.
    pub fn time_was_set(&self, sched: &mut Sched) {
        {
            let mut state = self.state.lock();
            state.cancelled |= state.cancels;
        }
        if self.is_ready() {
            self.expire(sched);
        }
    }
}

/// An open timer.
pub struct TimerFd {
    status: Status,
    clock: Clock,
    timer: Arc<Timer>,
    /// Its number among the scheduler's timers.
    number: u32,
}

impl TimerFd {
    /// Not set.
    fn new(clock: Clock, flags: u32) -> Self {
        let setting = Setting::default();
        let state = State { clock, setting, cancels: false, cancelled: false };
        let timer = Arc::new(Timer { state: Mutex::new(state), queue: WaitQueue::new() });
        let number = SCHED.lock().timers.add(timer.clone());
        Self { status: Status::new(linux::O_RDWR | flags & linux::O_NONBLOCK), clock, timer, number }
    }

    /// Has the alarm come as the timer is set now.
    fn arm(&self) {
        let mut sched = SCHED.lock();
        let deadline = self.timer.deadline();
        sched.timers.set(self.number, deadline.map(|deadline| deadline.tick));
        clock::set_alarm(sched.next_deadline());
    }

    fn set(&self, setting: Setting, clock: Clock, cancels: bool) -> Timespecs {
        let mut state = self.timer.state.lock();
        let before = told(&state);
        *state = State { clock, setting, cancels, cancelled: false };
        drop(state);
        self.arm();
        before
    }
}

impl Drop for TimerFd {
    fn drop(&mut self) {
        let timer = SCHED.lock().timers.remove(self.number);
        // Without the lock.
        drop(timer);
    }
}

impl File for TimerFd {
    fn status(&self) -> &Status {
        &self.status
    }

    /// Gives how often it expired since it was last read, as eight bytes; waits for the first time. Errors: EINVAL (fewer bytes), EAGAIN,
    /// ECANCELED (the time of day was set), EINTR, EFAULT.
    fn read(&self, _: &Thread, to: &mut Sink<'_>) -> SysResult {
        if to.left() < BYTES {
            return Err(Errno::EINVAL);
        }
        to.probe(BYTES)?;
        loop {
            let mut state = self.timer.state.lock();
            if core::mem::take(&mut state.cancelled) {
                return Err(Errno::ECANCELED);
            }
            let now = state.clock.now();
            let times = state.setting.take(now);
            drop(state);
            if times > 0 {
                self.arm();
                return to.put(&times.to_le_bytes());
            }
            if self.status.is_nonblocking() {
                return Err(Errno::EAGAIN);
            }
            self.timer.queue.wait(wait_queue::IN, None, || self.timer.is_ready().then_some(()))?;
        }
    }

    fn ready(&self) -> u32 {
        if self.timer.is_ready() { wait_queue::IN } else { 0 }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.timer.queue)
    }

    fn timer(&self) -> Option<&TimerFd> {
        Some(self)
    }
}

/// struct itimerspec: interval, then the time to the next expiration.
type Timespecs = [Timespec; 2];

fn told(state: &State) -> Timespecs {
    [state.setting.interval, state.setting.left(state.clock.now())].map(Timespec::from_nanoseconds)
}

fn write(at: usize, timespecs: &Timespecs) -> Result<(), Errno> {
    uaccess::write(at, &timespecs[0])?;
    uaccess::write(at.wrapping_add(size_of::<Timespec>()), &timespecs[1])
}

fn with_timer(fd: usize, call: impl FnOnce(&TimerFd) -> SysResult) -> SysResult {
    let file = descriptors::get(fd)?;
    call(file.timer().ok_or(Errno::EINVAL)?)
}

/// timerfd_create(2): `[clock, flags]`: CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME; TFD_NONBLOCK, TFD_CLOEXEC. Errors: EINVAL, EMFILE,
/// ENOMEM.
pub fn timerfd_create(_: &Thread, [clock, flags, ..]: [usize; 6]) -> SysResult {
    let clock = match clock as u32 {
        linux::CLOCK_REALTIME => Clock::Realtime,
        linux::CLOCK_MONOTONIC | linux::CLOCK_BOOTTIME => Clock::Monotonic,
        _ => return Err(Errno::EINVAL),
    };
    let flags = flags as u32;
    if flags & !(linux::TFD_NONBLOCK | linux::TFD_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    drop(SPACE.prepare()?);
    descriptors::install(Arc::new(TimerFd::new(clock, flags)), flags & linux::TFD_CLOEXEC != 0)
}

/// timerfd_settime(2): `[fd, flags, new, old]`: TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET. Errors: EBADF, EFAULT, EINVAL.
pub fn timerfd_settime(_: &Thread, [fd, flags, new, old, ..]: [usize; 6]) -> SysResult {
    let flags = flags as u32;
    if flags & !(linux::TFD_TIMER_ABSTIME | linux::TFD_TIMER_CANCEL_ON_SET) != 0 {
        return Err(Errno::EINVAL);
    }
    let interval = clock::read_timespec(new)?;
    let value = clock::read_timespec(new.wrapping_add(size_of::<Timespec>()))?;
    with_timer(fd, |timer| {
        let absolute = flags & linux::TFD_TIMER_ABSTIME != 0;
        let clock = if absolute { timer.clock } else { Clock::Monotonic };
        let next = if absolute { value } else { clock.now().saturating_add(value) };
        let setting = if value == 0 { Setting::default() } else { Setting { next: Some(next), interval } };
        let cancels = absolute && clock == Clock::Realtime && flags & linux::TFD_TIMER_CANCEL_ON_SET != 0;
        let before = timer.set(setting, clock, cancels);
        if old != 0 {
            write(old, &before)?;
        }
        Ok(0)
    })
}

/// timerfd_gettime(2): `[fd, current]`. Errors: EBADF, EFAULT, EINVAL.
pub fn timerfd_gettime(_: &Thread, [fd, at, ..]: [usize; 6]) -> SysResult {
    with_timer(fd, |timer| {
        let now = told(&timer.timer.state.lock());
        write(at, &now).map(|()| 0)
    })
}
