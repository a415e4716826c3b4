//! The clocks: one counter that never goes back, and what is added to it for the time of day.

use crate::arch;
use crate::errno::Errno;
use crate::platform;
use crate::uaccess;
use core::cell::Cell;
use core::sync::atomic::{AtomicU64, Ordering};

/// Nanoseconds in a second.
pub const SECOND: u64 = 1_000_000_000;

/// What turns ticks into time and back.
#[derive(Clone, Copy)]
struct Scale {
    /// Ticks in a second.
    hz: u64,
    /// 2⁶⁴ / hz: multiplied with ticks it gives seconds, at most one too few.
    reciprocal: u64,
    /// Nanoseconds of a tick, with 32 binary places.
    nanoseconds: u64,
    /// Ticks of a nanosecond, with 32 binary places.
    ticks: u64,
}

struct Fixed(Cell<Scale>);
// SAFETY: set by start-up before a second thread exists, read only afterwards.
unsafe impl Sync for Fixed {}

static SCALE: Fixed = Fixed(Cell::new(Scale { hz: 0, reciprocal: 0, nanoseconds: 0, ticks: 0 }));
/// Nanoseconds from 1970 to the counter's zero.
static EPOCH: AtomicU64 = AtomicU64::new(0);

/// A clock that deadlines can be on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Time of day; can be set.
    Realtime,
    /// Since power-on; never set, never back.
    Monotonic,
}

impl Clock {
    /// Nanoseconds that it shows.
    pub fn now(self) -> u64 {
        match self {
            Clock::Realtime => realtime(),
            Clock::Monotonic => monotonic(),
        }
    }
}

/// A point in time or a duration as C has it (timespec(3type)).
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Timespec {
    /// Seconds.
    pub seconds: i64,
    /// Nanoseconds, below a thousand million.
    pub nanoseconds: i64,
}

// SAFETY: two integers.
unsafe impl uaccess::Plain for Timespec {}

impl Timespec {
    /// From nanoseconds.
    pub fn from_nanoseconds(all: u64) -> Self {
        Self { seconds: (all / SECOND) as i64, nanoseconds: (all % SECOND) as i64 }
    }

    /// As nanoseconds, at most 2⁶³, which is for ever.
    ///
    /// # Errors
    /// EINVAL for negative seconds or nanoseconds out of range.
    pub fn to_nanoseconds(self) -> Result<u64, Errno> {
        if self.seconds < 0 || !(0..SECOND as i64).contains(&self.nanoseconds) {
            return Err(Errno::EINVAL);
        }
        let all = self.seconds as u128 * SECOND as u128 + self.nanoseconds as u128;
        Ok(all.min(i64::MAX as u128) as u64)
    }
}

/// Reads a timespec of the program's, as nanoseconds. Errors: EFAULT, EINVAL.
pub fn read_timespec(at: usize) -> Result<u64, Errno> {
    uaccess::read::<Timespec>(at)?.to_nanoseconds()
}

/// Learns the counter's frequency and the date; start-up calls this once.
pub fn start(seconds_since_1970: u64) {
    let hz = arch::counter_frequency();
    SCALE.0.set(Scale {
        hz,
        reciprocal: u64::MAX / hz,
        nanoseconds: (((SECOND as u128) << 32) / hz as u128) as u64,
        ticks: (((hz as u128) << 32) / SECOND as u128 + 1) as u64,
    });
    EPOCH.store((seconds_since_1970 * SECOND).wrapping_sub(monotonic()), Ordering::Relaxed);
}

/// The counter.
#[inline]
pub fn ticks() -> u64 {
    arch::virtual_counter()
}

/// Time since power-on.
#[inline]
pub fn monotonic_timespec() -> Timespec {
    let Scale { hz, reciprocal, nanoseconds, .. } = SCALE.0.get();
    let ticks = ticks();
    let seconds = ((ticks as u128 * reciprocal as u128) >> 64) as u64;
    let rest = ticks - seconds * hz;
    let (seconds, rest) = if rest >= hz { (seconds + 1, rest - hz) } else { (seconds, rest) };
    // Below 2³², since a second has fewer ticks than that, and so the product below 2⁶⁴.
    let nanoseconds = (rest * nanoseconds) >> 32;
    Timespec { seconds: seconds as i64, nanoseconds: nanoseconds as i64 }
}

/// Nanoseconds since power-on.
pub fn monotonic() -> u64 {
    let now = monotonic_timespec();
    now.seconds as u64 * SECOND + now.nanoseconds as u64
}

/// Nanoseconds since 1970.
pub fn realtime() -> u64 {
    monotonic().wrapping_add(EPOCH.load(Ordering::Relaxed))
}

/// Sets the time of day, in nanoseconds since 1970.
pub fn set_realtime(now: u64) {
    EPOCH.store(now.wrapping_sub(monotonic()), Ordering::Relaxed);
}

/// The tick at which `nanoseconds` from now have passed: never early.
pub fn after(nanoseconds: u64) -> u64 {
    ticks().saturating_add(to_ticks(nanoseconds)).saturating_add(1)
}

/// Until when a thread waits.
#[derive(Clone, Copy)]
pub struct Deadline {
    /// The tick, as the clocks stand.
    pub tick: u64,
    /// The time of day, if that is what was asked for: the tick changes when that clock is set.
    pub time_of_day: Option<u64>,
}

impl Deadline {
    /// So many nanoseconds from now.
    pub fn after(nanoseconds: u64) -> Self {
        Self { tick: after(nanoseconds), time_of_day: None }
    }

    /// When `clock` shows `nanoseconds`.
    pub fn at(clock: Clock, nanoseconds: u64) -> Self {
        let tick = nanoseconds.checked_sub(clock.now()).map_or(0, after);
        Self { tick, time_of_day: (clock == Clock::Realtime).then_some(nanoseconds) }
    }

    /// Whether it has come.
    pub fn has_come(&self) -> bool {
        self.tick <= ticks()
    }
}

fn to_ticks(nanoseconds: u64) -> u64 {
    ((nanoseconds as u128 * SCALE.0.get().ticks as u128) >> 32).min(u64::MAX as u128) as u64
}

/// Nanoseconds until the tick.
pub fn until(tick: u64) -> u64 {
    let left = tick.saturating_sub(ticks());
    ((left as u128 * SCALE.0.get().nanoseconds as u128) >> 32) as u64
}

/// Has the timer's interrupt come at the tick, or not at all; under the scheduler's lock.
pub fn set_alarm(tick: Option<u64>) {
    platform::timer::set(tick);
}
