//! futex(2) and the calls around robust lists.

use super::Thread;
use super::sched::{self, SCHED};
use super::waiting::Wake;
use crate::errno::{Errno, SysResult};
use crate::mm::layout;
use crate::time::clock::{self, Clock, Deadline};
use crate::uaccess;
use linux_raw_sys::general as linux;

/// futex(2): `[address, operation, value, timeout or value2, address2, value3]`. There is one address space, so private and shared
/// futexes are the same. WAIT's timeout is relative and on CLOCK_MONOTONIC, WAIT_BITSET's absolute, on CLOCK_REALTIME if asked for.
/// Gives the number woken, for CMP_REQUEUE plus the number moved. Errors: EAGAIN (the word differs), EINTR, ETIMEDOUT, EINVAL,
/// EFAULT; ENOSYS for the operations of priority inheritance, which seL4 has nothing for, and for WAKE_OP.
pub fn futex(thread: &Thread, [address, operation, value, fourth, address2, value3]: [usize; 6]) -> SysResult {
    let options = linux::FUTEX_PRIVATE_FLAG | linux::FUTEX_CLOCK_REALTIME;
    let realtime = operation as u32 & linux::FUTEX_CLOCK_REALTIME != 0;
    if !address.is_multiple_of(4) {
        return Err(Errno::EINVAL);
    }
    // Words there are what muslcsys's own waits are on.
    if address >= layout::PRIVATE.start {
        return Err(Errno::EFAULT);
    }
    uaccess::check(address, 4)?;
    match operation as u32 & !options {
        linux::FUTEX_WAIT if realtime => Err(Errno::ENOSYS),
        linux::FUTEX_WAIT => {
            let deadline = match fourth {
                0 => None,
                at => Some(Deadline::after(clock::read_timespec(at)?)),
            };
            wait(thread, address, value as u32, u32::MAX, deadline)
        }
        linux::FUTEX_WAIT_BITSET => {
            let clock = if realtime { Clock::Realtime } else { Clock::Monotonic };
            let deadline = match fourth {
                0 => None,
                at => Some(Deadline::at(clock, clock::read_timespec(at)?)),
            };
            wait(thread, address, value as u32, value3 as u32, deadline)
        }
        linux::FUTEX_WAKE => wake(address, value as u32 as usize, u32::MAX),
        linux::FUTEX_WAKE_BITSET => wake(address, value as u32 as usize, value3 as u32),
        linux::FUTEX_REQUEUE => requeue(address, value as u32 as usize, fourth as u32 as usize, address2, None),
        linux::FUTEX_CMP_REQUEUE => {
            requeue(address, value as u32 as usize, fourth as u32 as usize, address2, Some(value3 as u32))
        }
        _ => Err(Errno::ENOSYS),
    }
}

fn wait(thread: &Thread, address: usize, expected: u32, bitset: u32, deadline: Option<Deadline>) -> SysResult {
    if bitset == 0 {
        return Err(Errno::EINVAL);
    }
    let mut sched = SCHED.lock();
    // Under the queue's lock: who changes the word afterwards finds this thread in the queue.
    if uaccess::load_u32(address)? != expected {
        return Err(Errno::EAGAIN);
    }
    if deadline.is_some_and(|deadline| deadline.has_come()) {
        return Err(Errno::ETIMEDOUT);
    }
    sched.futexes.wait(thread.index, address, bitset);
    sched::wait(sched, thread, deadline).map(|()| 0)
}

/// Wakes up to `most` threads that wait on the word at `address` and share a bit.
pub fn wake(address: usize, most: usize, bitset: u32) -> SysResult {
    if bitset == 0 {
        return Err(Errno::EINVAL);
    }
    let mut sched = SCHED.lock();
    let mut woken = 0;
    while woken < most
        && let Some(index) = sched.futexes.wake_one(address, bitset)
    {
        sched.end_wait(index, Wake::Event);
        woken += 1;
    }
    Ok(woken)
}

fn requeue(from: usize, wake: usize, most: usize, to: usize, expected: Option<u32>) -> SysResult {
    if !to.is_multiple_of(4) || to == 0 || wake > i32::MAX as usize || most > i32::MAX as usize {
        return Err(Errno::EINVAL);
    }
    uaccess::check(to, 4)?;
    if to >= layout::PRIVATE.start {
        return Err(Errno::EFAULT);
    }
    let mut sched = SCHED.lock();
    if let Some(expected) = expected
        && uaccess::load_u32(from)? != expected
    {
        return Err(Errno::EAGAIN);
    }
    let mut woken = 0;
    while woken < wake
        && let Some(index) = sched.futexes.wake_one(from, u32::MAX)
    {
        sched.end_wait(index, Wake::Event);
        woken += 1;
    }
    let moved = sched.futexes.requeue(from, to, most);
    Ok(woken + if expected.is_some() { moved } else { 0 })
}

/// set_robust_list(2): `[head, size]`. Errors: EINVAL for another size.
pub fn set_robust_list(thread: &Thread, [head, size, ..]: [usize; 6]) -> SysResult {
    if size != size_of::<linux::robust_list_head>() {
        return Err(Errno::EINVAL);
    }
    thread.robust_list.set(head);
    Ok(0)
}

/// get_robust_list(2): `[tid, head, size]`; a thread can ask for its own only. Errors: EPERM, ESRCH, EFAULT.
pub fn get_robust_list(thread: &Thread, [tid, head, size, ..]: [usize; 6]) -> SysResult {
    if tid != 0 && tid as u32 != thread.tid() {
        return Err(if SCHED.lock().by_tid(tid as u32).is_some() { Errno::EPERM } else { Errno::ESRCH });
    }
    uaccess::write(head, &thread.robust_list.get())?;
    uaccess::write(size, &size_of::<linux::robust_list_head>())?;
    Ok(0)
}

/// Entries of a robust list that are looked at: a broken list must not keep a thread from ending (Linux's ROBUST_LIST_LIMIT).
const ROBUST_LIMIT: usize = 2048;

/// Marks every robust futex that an ending thread holds as its owner's death, and wakes one waiter of each.
pub fn walk_robust_list(thread: &Thread) {
    let head = thread.robust_list.replace(0);
    if head == 0 {
        return;
    }
    let word = size_of::<usize>();
    let read = |at: usize| uaccess::read::<usize>(at);
    let (Ok(mut entry), Ok(offset), Ok(pending)) =
        (read(head), read(head.wrapping_add(word)), read(head.wrapping_add(2 * word)))
    else {
        return;
    };
    for _ in 0..ROBUST_LIMIT {
        if entry == head {
            break;
        }
        // The entry may be freed once its futex is let go, so where it leads is read first.
        let next = read(entry);
        if entry != pending {
            release_robust(thread, entry.wrapping_add(offset), false);
        }
        match next {
            Ok(next) => entry = next,
            Err(_) => break,
        }
    }
    if pending != 0 {
        release_robust(thread, pending.wrapping_add(offset), true);
    }
}

fn release_robust(thread: &Thread, address: usize, pending: bool) {
    let Ok(mut value) = uaccess::load_u32(address) else { return };
    if pending && value == 0 {
        // It was let go, but the waiter not yet woken.
        let _ = wake(address, 1, u32::MAX);
        return;
    }
    while value & linux::FUTEX_TID_MASK == thread.tid() {
        let dead = value & linux::FUTEX_WAITERS | linux::FUTEX_OWNER_DIED;
        match uaccess::compare_exchange_u32(address, value, dead) {
            Ok(found) if found == value => {
                if value & linux::FUTEX_WAITERS != 0 {
                    let _ = wake(address, 1, u32::MAX);
                }
                return;
            }
            Ok(found) => value = found,
            Err(_) => return,
        }
    }
}
