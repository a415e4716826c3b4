//! The calls that tell and choose where a thread runs, and what has the kernel run it there.

use super::Thread;
use super::identity::place_of;
use super::sched::{Place, SCHED};
use crate::errno::{Errno, SysResult};
use crate::object::cspace;
use crate::sel4::{self, CPtr};
use crate::uaccess;

/// Bytes of an affinity, as these calls have it.
const BYTES: usize = size_of::<u64>();

/// Has the thread of a place run on a core from now on; under the scheduler's lock.
pub fn set_core(place: &mut Place, tcb: CPtr, core: u8) {
    if place.core == core {
        return;
    }
    let context = place.unit.map_or(sel4::init::SCHED_CONTEXT, cspace::sched_context);
    sel4::set_core(tcb, context, core).expect("a thread can run on any core");
    place.core = core;
}

/// sched_getaffinity(2): `[tid, bytes, mask]`; gives the bytes written. Errors: EINVAL (too short), ESRCH, EFAULT.
pub fn sched_getaffinity(thread: &Thread, [tid, bytes, mask, ..]: [usize; 6]) -> SysResult {
    let index = place_of(thread, tid)?;
    if bytes < BYTES || !bytes.is_multiple_of(BYTES) {
        return Err(Errno::EINVAL);
    }
    let affinity = SCHED.lock().places[index as usize].affinity;
    uaccess::write(mask, &affinity)?;
    Ok(BYTES)
}

/// sched_setaffinity(2): `[tid, bytes, mask]`; a thread on a core that the mask leaves out moves at once.
/// Errors: EINVAL if no core of the mask is there, ESRCH, EFAULT.
pub fn sched_setaffinity(thread: &Thread, [tid, bytes, mask, ..]: [usize; 6]) -> SysResult {
    let mut word = [0u8; BYTES];
    let length = bytes.min(BYTES);
    uaccess::copy_in(&mut word[..length], mask)?;
    let mut sched = SCHED.lock();
    // Under one hold of the lock: the place may be another thread's afterwards.
    let index = match tid as u32 {
        0 => thread.index,
        tid => sched.by_tid(tid).ok_or(Errno::ESRCH)?,
    };
    let affinity = u64::from_le_bytes(word) & sched.cores.all();
    if affinity == 0 {
        return Err(Errno::EINVAL);
    }
    let place = &mut sched.places[index as usize];
    let target = place.thread.ok_or(Errno::ESRCH)?;
    place.affinity = affinity;
    let before = place.core;
    if affinity >> before & 1 == 0 {
        sched.cores.leave(before);
        let core = sched.cores.choose(affinity);
        sched.cores.enter(core);
        set_core(&mut sched.places[index as usize], target.tcb, core);
    }
    Ok(0)
}

/// getcpu(2): `[cpu, node]`. Errors: EFAULT.
pub fn getcpu(thread: &Thread, [cpu, node, ..]: [usize; 6]) -> SysResult {
    let core = SCHED.lock().places[thread.index as usize].core;
    for (address, number) in [(cpu, u32::from(core)), (node, 0)] {
        if address != 0 {
            uaccess::write(address, &number)?;
        }
    }
    Ok(0)
}
