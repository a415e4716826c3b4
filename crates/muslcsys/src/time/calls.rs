//! The calls around clocks and sleeping.

use super::clock::{self, Clock, Deadline, SECOND, Timespec};
use crate::errno::{self, Errno, SysResult};
use crate::mm::{SPACE, layout};
use crate::thread::Thread;
use crate::thread::sched::{self, SCHED};
use crate::uaccess;
use linux_raw_sys::general as linux;

/// Nanoseconds that a clock shows. There is no account of processor time, so those clocks are EINVAL.
fn now(clock: u32) -> Result<u64, Errno> {
    match clock {
        linux::CLOCK_REALTIME | linux::CLOCK_REALTIME_COARSE => Ok(clock::realtime()),
        linux::CLOCK_MONOTONIC | linux::CLOCK_MONOTONIC_COARSE | linux::CLOCK_MONOTONIC_RAW | linux::CLOCK_BOOTTIME => {
            Ok(clock::monotonic())
        }
        _ => Err(Errno::EINVAL),
    }
}

/// clock_gettime(2), entered from entry.S on the caller's stack: it takes no lock. The common clock first, without a frame.
#[unsafe(no_mangle)]
extern "C" fn muslcsys_clock_gettime(_number: usize, clock: usize, at: usize) -> isize {
    if clock as u32 == linux::CLOCK_MONOTONIC && at < layout::PRIVATE.start {
        let now = clock::monotonic_timespec();
        return uaccess::write_pair(at, [now.seconds as u64, now.nanoseconds as u64]);
    }
    other_clock(clock, at)
}

#[cold]
#[inline(never)]
fn other_clock(clock: usize, at: usize) -> isize {
    errno::to_word(now(clock as u32).and_then(|now| uaccess::write(at, &Timespec::from_nanoseconds(now)).map(|()| 0)))
}

/// clock_gettime(2): `[clock, timespec]`. Errors: EINVAL, EFAULT.
pub fn clock_gettime(_: &Thread, [clock, at, ..]: [usize; 6]) -> SysResult {
    uaccess::write(at, &Timespec::from_nanoseconds(now(clock as u32)?))?;
    Ok(0)
}

/// clock_settime(2): `[clock, timespec]`: CLOCK_REALTIME only. Errors: EINVAL, EFAULT.
pub fn clock_settime(_: &Thread, [clock, at, ..]: [usize; 6]) -> SysResult {
    let time = clock::read_timespec(at)?;
    if clock as u32 != linux::CLOCK_REALTIME {
        return Err(Errno::EINVAL);
    }
    drop(SPACE.prepare()?);
    SCHED.lock().set_time_of_day(time);
    Ok(0)
}

/// clock_getres(2): `[clock, timespec]`. Errors: EINVAL, EFAULT.
pub fn clock_getres(_: &Thread, [clock, at, ..]: [usize; 6]) -> SysResult {
    now(clock as u32)?;
    if at != 0 {
        uaccess::write(at, &Timespec::from_nanoseconds(SECOND.div_ceil(crate::arch::counter_frequency())))?;
    }
    Ok(0)
}

/// gettimeofday(2): `[timeval, timezone]`. Errors: EFAULT.
pub fn gettimeofday(_: &Thread, [at, zone, ..]: [usize; 6]) -> SysResult {
    if at != 0 {
        let now = clock::realtime();
        uaccess::write(at, &[now / SECOND, now % SECOND / 1000])?;
    }
    if zone != 0 {
        uaccess::write(zone, &[0u32; 2])?;
    }
    Ok(0)
}

fn sleep(thread: &Thread, deadline: Deadline) -> Result<(), Errno> {
    let sched = SCHED.lock();
    if deadline.has_come() {
        return Ok(());
    }
    match sched::wait(sched, thread, Some(deadline)) {
        Err(Errno::ETIMEDOUT) => Ok(()),
        other => other,
    }
}

/// Sleeps for a duration; says what was left if a signal ended it.
fn sleep_for(thread: &Thread, nanoseconds: u64, left: usize) -> SysResult {
    let deadline = Deadline::after(nanoseconds);
    let slept = sleep(thread, deadline);
    if slept == Err(Errno::EINTR) && left != 0 {
        uaccess::write(left, &Timespec::from_nanoseconds(clock::until(deadline.tick)))?;
    }
    slept.map(|()| 0)
}

/// nanosleep(2): `[duration, left]`. Errors: EINVAL, EFAULT, EINTR.
pub fn nanosleep(thread: &Thread, [duration, left, ..]: [usize; 6]) -> SysResult {
    sleep_for(thread, clock::read_timespec(duration)?, left)
}

/// clock_nanosleep(2): `[clock, flags, time, left]`. Errors: EINVAL, EFAULT, EINTR.
pub fn clock_nanosleep(thread: &Thread, [clock, flags, time, left, ..]: [usize; 6]) -> SysResult {
    let clock = match clock as u32 {
        linux::CLOCK_REALTIME => Clock::Realtime,
        linux::CLOCK_MONOTONIC | linux::CLOCK_BOOTTIME => Clock::Monotonic,
        _ => return Err(Errno::EINVAL),
    };
    let time = clock::read_timespec(time)?;
    if flags as u32 & linux::TIMER_ABSTIME == 0 {
        return sleep_for(thread, time, left);
    }
    sleep(thread, Deadline::at(clock, time)).map(|()| 0)
}
