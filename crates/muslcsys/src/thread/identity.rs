//! Who a thread is, and how it is scheduled.

use super::Thread;
use super::clone::PROGRAM_PRIORITY;
use super::sched::{FIRST_TID, SCHED};
use crate::errno::{Errno, SysResult};
use crate::sel4;
use crate::uaccess;
use linux_raw_sys::general as linux;
use linux_raw_sys::prctl;

/// getpid(2).
pub fn getpid(_: &Thread, _: [usize; 6]) -> SysResult {
    Ok(FIRST_TID as usize)
}

/// getppid(2), getuid(2) and the like: the program is nobody's child, and runs as root.
pub fn zero(_: &Thread, _: [usize; 6]) -> SysResult {
    Ok(0)
}

/// getpgid(2), getsid(2): `[pid]`. Errors: ESRCH.
pub fn own_group(_: &Thread, [pid, ..]: [usize; 6]) -> SysResult {
    if pid == 0 || pid as u32 == FIRST_TID { Ok(FIRST_TID as usize) } else { Err(Errno::ESRCH) }
}

/// gettid(2).
pub fn gettid(thread: &Thread, _: [usize; 6]) -> SysResult {
    Ok(thread.tid() as usize)
}

/// set_tid_address(2): `[address]`; where 0 is stored when the thread ends.
pub fn set_tid_address(thread: &Thread, [address, ..]: [usize; 6]) -> SysResult {
    thread.clear_tid.set(address);
    Ok(thread.tid() as usize)
}

/// sched_yield(2).
pub fn sched_yield(_: &Thread, _: [usize; 6]) -> SysResult {
    sel4::yield_now();
    Ok(0)
}

/// The place of a thread that a call names; 0 is the caller.
pub(super) fn place_of(thread: &Thread, tid: usize) -> Result<u32, Errno> {
    match tid as u32 {
        0 => Ok(thread.index),
        tid => SCHED.lock().by_tid(tid).ok_or(Errno::ESRCH),
    }
}

/// seL4's priority for a policy and static priority of Linux: seL4 schedules threads of one priority in turn, which is what
/// SCHED_OTHER and SCHED_RR promise.
pub fn kernel_priority((_, priority): (u32, u32)) -> u8 {
    PROGRAM_PRIORITY + priority as u8
}

/// Highest static priority, as on Linux.
const MAX_PRIORITY: u32 = 99;

fn set_policy(thread: &Thread, tid: usize, policy: Option<u32>, priority: u32) -> SysResult {
    let mut sched = SCHED.lock();
    // Under one hold of the lock: the place may be another thread's afterwards.
    let index = match tid as u32 {
        0 => thread.index,
        tid => sched.by_tid(tid).ok_or(Errno::ESRCH)?,
    };
    let place = &mut sched.places[index as usize];
    let policy = policy.unwrap_or(place.policy.0);
    match policy {
        linux::SCHED_NORMAL | linux::SCHED_BATCH if priority == 0 => {}
        linux::SCHED_RR if (1..=MAX_PRIORITY).contains(&priority) => {}
        // A FIFO thread runs until it waits; seL4 gives every thread a time slice, so this cannot be promised.
        _ => return Err(Errno::EINVAL),
    }
    let target = place.thread.ok_or(Errno::ESRCH)?;
    place.policy = (policy, priority);
    sel4::tcb_set_priority(target.tcb, kernel_priority((policy, priority))).map_err(|_| Errno::EPERM)?;
    drop(sched);
    // seL4 5.0.0 does not look whom to run after raising another thread's priority; yielding has it look.
    sel4::yield_now();
    Ok(0)
}

/// sched_setscheduler(2): `[tid, policy, parameter]`: SCHED_OTHER, SCHED_BATCH, and SCHED_RR with priorities 1 to 99.
/// Errors: EINVAL (SCHED_FIFO among others: seL4 always gives time slices), ESRCH, EFAULT.
pub fn sched_setscheduler(thread: &Thread, [tid, policy, parameter, ..]: [usize; 6]) -> SysResult {
    let priority = uaccess::read::<u32>(parameter)?;
    set_policy(thread, tid, Some(policy as u32), priority)
}

/// sched_setparam(2): `[tid, parameter]`. Errors: EINVAL, ESRCH, EFAULT.
pub fn sched_setparam(thread: &Thread, [tid, parameter, ..]: [usize; 6]) -> SysResult {
    let priority = uaccess::read::<u32>(parameter)?;
    set_policy(thread, tid, None, priority)
}

/// sched_getscheduler(2): `[tid]`. Errors: ESRCH.
pub fn sched_getscheduler(thread: &Thread, [tid, ..]: [usize; 6]) -> SysResult {
    let index = place_of(thread, tid)?;
    Ok(SCHED.lock().places[index as usize].policy.0 as usize)
}

/// sched_getparam(2): `[tid, parameter]`. Errors: ESRCH, EFAULT.
pub fn sched_getparam(thread: &Thread, [tid, parameter, ..]: [usize; 6]) -> SysResult {
    let index = place_of(thread, tid)?;
    let priority = SCHED.lock().places[index as usize].policy.1;
    uaccess::write(parameter, &priority)?;
    Ok(0)
}

/// sched_get_priority_max(2), sched_get_priority_min(2): `[policy]`. Errors: EINVAL.
pub fn sched_get_priority_max(_: &Thread, [policy, ..]: [usize; 6]) -> SysResult {
    match policy as u32 {
        linux::SCHED_NORMAL | linux::SCHED_BATCH => Ok(0),
        linux::SCHED_RR => Ok(MAX_PRIORITY as usize),
        _ => Err(Errno::EINVAL),
    }
}

/// See [`sched_get_priority_max`].
pub fn sched_get_priority_min(thread: &Thread, arguments: [usize; 6]) -> SysResult {
    sched_get_priority_max(thread, arguments).map(|max| max.min(1))
}

/// prctl(2): `[option, argument, …]`: PR_SET_NAME, PR_GET_NAME, PR_SET_DUMPABLE and PR_GET_DUMPABLE's like answer as for a program alone.
/// Errors: EINVAL, EFAULT.
pub fn prctl(thread: &Thread, [option, argument, ..]: [usize; 6]) -> SysResult {
    match option as u32 {
        prctl::PR_SET_NAME => {
            let mut name = [0u8; 16];
            // Byte by byte: the string may end right before an unmapped page.
            for (index, byte) in name[..15].iter_mut().enumerate() {
                *byte = uaccess::read(argument.wrapping_add(index))?;
                if *byte == 0 {
                    break;
                }
            }
            thread.name.set(name);
            Ok(0)
        }
        prctl::PR_GET_NAME => uaccess::copy_out(argument, &thread.name.get()).map(|()| 0),
        _ => Err(Errno::EINVAL),
    }
}

/// uname(2): `[buffer]`. Errors: EFAULT.
pub fn uname(_: &Thread, [buffer, ..]: [usize; 6]) -> SysResult {
    let mut fields = [[0u8; 65]; 6];
    let texts = ["seL4", "sel4", env!("CARGO_PKG_VERSION"), "muslcsys", "aarch64", ""];
    for (field, text) in fields.iter_mut().zip(texts) {
        field[..text.len()].copy_from_slice(text.as_bytes());
    }
    uaccess::write(buffer, &fields)?;
    Ok(0)
}

/// getrlimit and setrlimit through prlimit64(2): `[pid, resource, new, old]`. The number of descriptors can be
/// limited; all else is limited by memory alone, and a new limit is accepted where it would not forbid what is allowed. Errors: EINVAL, ESRCH, EPERM, EFAULT.
pub fn prlimit64(_: &Thread, [pid, resource, new, old, ..]: [usize; 6]) -> SysResult {
    if pid != 0 && pid as u32 != FIRST_TID {
        return Err(Errno::ESRCH);
    }
    let limit = match resource as u32 {
        linux::RLIMIT_NOFILE => crate::fs::descriptors::limits().map(|limit| limit as u64),
        linux::RLIMIT_STACK => [crate::start::MAIN_STACK as u64, u64::MAX],
        linux::RLIMIT_CORE => [0; 2],
        0..=15 => [u64::MAX; 2],
        _ => return Err(Errno::EINVAL),
    };
    let mut asked = None;
    if new != 0 {
        let asked = *asked.insert(uaccess::read::<[u64; 2]>(new)?);
        if asked[0] > asked[1] {
            return Err(Errno::EINVAL);
        }
        if asked[1] > limit[1] {
            return Err(Errno::EPERM);
        }
    }
    if old != 0 {
        uaccess::write(old, &limit)?;
    }
    if let Some(asked) = asked.filter(|_| resource as u32 == linux::RLIMIT_NOFILE) {
        crate::fs::descriptors::set_limits(asked.map(|limit| limit as usize));
    }
    Ok(0)
}
