//! A thread's objects, set up in one place and given back in one place.
//!
//! A place has a TCB, a notification, a badged fault endpoint, a kernel stack and the page of IPC buffer and record: five
//! frames and one unit of the pool. They are kept ready when a thread ends, up to [`READY`] of them, so most threads start
//! with two calls of the kernel.

use super::affinity;
use super::record::{self, RECORD_OFFSET, Thread};
use super::sched::{SCHED, Sched};
use crate::arch;
use crate::errno::{Errno, SysResult};
use crate::fault;
use crate::mm::areas::PAGE;
use crate::mm::{SPACE, Space, layout};
use crate::object::cspace;
use crate::object::pool::{Kind, Unit};
use crate::sel4::{self, Access, CPtr, TcbConfig};
use crate::signal::Signals;
use crate::uaccess;
use core::sync::atomic::Ordering;
use linux_raw_sys::general as linux;

/// Priority of the program's threads; those with a real-time priority are above, service threads above all.
pub const PROGRAM_PRIORITY: u8 = 100;
/// Priority of the threads that answer faults and interrupts.
pub const SERVICE_PRIORITY: u8 = 254;
/// Places that are kept ready.
const READY: usize = 16;
/// Pages of memory that a place takes: what is promised for a thread besides its stack.
const PAGES: usize = layout::KERNEL_STACK / PAGE + 2;

/// clone(2) as muslc makes threads: `[flags, stack, ptid, tls, ctid]`. The child starts at [`arch::thread_entry`] and goes on
/// with `stack`, on which `__clone` has put where it begins.
/// Errors: ENOSYS without a shared address space (there is one only), EINVAL, EAGAIN (no memory), EFAULT.
pub fn clone(thread: &Thread, [flags, stack, ptid, tls, ctid, _]: [usize; 6]) -> SysResult {
    let flags = flags as u32;
    if flags & linux::CLONE_VM == 0 || flags & linux::CLONE_THREAD == 0 {
        return Err(Errno::ENOSYS);
    }
    let together = linux::CLONE_FS | linux::CLONE_FILES | linux::CLONE_SIGHAND | linux::CLONE_SETTLS;
    if flags & together != together || stack == 0 || !stack.is_multiple_of(16) {
        return Err(Errno::EINVAL);
    }
    // The words are checked before the thread exists, so that a bad pointer makes none.
    for (flag, address) in [(linux::CLONE_PARENT_SETTID, ptid), (linux::CLONE_CHILD_SETTID, ctid)] {
        if flags & flag != 0 {
            uaccess::load_u32(address)?;
            uaccess::probe_write(address, size_of::<u32>())?;
        }
    }
    let index = take_place()?;
    let mut sched = SCHED.lock();
    let mask = sched.places[thread.index as usize].signals.mask;
    let policy = sched.places[thread.index as usize].policy;
    let affinity = sched.places[thread.index as usize].affinity;
    let tid = sched.new_tid(index);
    let child = renew_record(&mut sched, index, tid);
    if flags & linux::CLONE_CHILD_CLEARTID != 0 {
        child.clear_tid.set(ctid);
    }
    child.name.set(thread.name.get());
    let place = &mut sched.places[index as usize];
    place.signals = Signals::with_mask(mask);
    place.thread = Some(child);
    let changed = core::mem::replace(&mut place.policy, policy) != policy;
    if changed {
        let _ = sel4::tcb_set_priority(child.tcb, super::identity::kernel_priority(policy));
    }
    place.affinity = affinity;
    let core = sched.cores.choose(affinity);
    sched.cores.enter(core);
    affinity::set_core(&mut sched.places[index as usize], child.tcb, core);
    for (flag, address) in [(linux::CLONE_PARENT_SETTID, ptid), (linux::CLONE_CHILD_SETTID, ctid)] {
        if flags & flag != 0 {
            let _ = uaccess::store_u32(address, tid);
        }
    }
    let mut registers = sel4::empty_registers();
    registers.pc = arch::thread_entry() as _;
    registers.sp = child.kernel_stack.get() as _;
    registers.x0 = record::ipc_buffer(index) as _;
    registers.x1 = tls as _;
    registers.x2 = stack as _;
    sel4::tcb_set_thread_pointer(child.tcb, tls);
    // Still under the lock: who sends it a signal finds it running.
    sel4::tcb_write_registers(child.tcb, &mut registers, true).expect("a place's TCB takes registers");
    drop(sched);
    Ok(tid as usize)
}

/// A place with its objects: a kept one, or a new one.
fn take_place() -> Result<u32, Errno> {
    let bare = {
        let mut sched = SCHED.lock();
        // Tables grow here and in what follows, which cannot fail.
        SPACE.prepare().map_err(|_| Errno::EAGAIN)?;
        if let Some(index) = pop_ready(&mut sched) {
            return Ok(index);
        }
        match sched.bare.pop() {
            Some(index) => index,
            None if sched.places.len() >= (layout::THREADS.end - layout::THREADS.start) / layout::THREAD_STRIDE => {
                return Err(Errno::EAGAIN);
            }
            None => sched.add_place(),
        }
    };
    let made = SPACE.prepare().and_then(|mut space| equip(&mut space, bare, Role::Program));
    let mut sched = SCHED.lock();
    match made {
        Ok(unit) => {
            let place = &mut sched.places[bare as usize];
            (place.unit, place.core) = (Some(unit), 0);
            Ok(bare)
        }
        Err(_) => {
            sched.bare.push(bare);
            Err(Errno::EAGAIN)
        }
    }
}

/// The oldest kept place whose thread is gone for sure.
fn pop_ready(sched: &mut Sched) -> Option<u32> {
    let at = sched.ready.iter().position(|&index| is_gone(index))?;
    let index = sched.ready.remove(at)?;
    let tcb = cspace::unit(sched.places[index as usize].unit?);
    // It may stand just before suspending itself.
    sel4::tcb_suspend(tcb).expect("a place's TCB can be suspended");
    Some(index)
}

fn is_gone(index: u32) -> bool {
    record_of(index).gone.load(Ordering::Acquire)
}

fn record_of(index: u32) -> &'static Thread {
    // SAFETY: a place on the list of kept ones has its record's page mapped, with a record in it.
    unsafe { &*((record::ipc_buffer(index) + RECORD_OFFSET) as *const Thread) }
}

/// Writes a new record into a place that nobody uses.
fn renew_record(sched: &mut Sched, index: u32, tid: u32) -> &'static Thread {
    let unit = sched.places[index as usize].unit.expect("the place has its objects");
    let at = (record::ipc_buffer(index) + RECORD_OFFSET) as *mut Thread;
    // SAFETY: the page is mapped, large enough, and nobody's: the place was just taken.
    unsafe {
        at.write(Thread::new(index, tid, cspace::unit(unit), cspace::unit_second(unit), record::ipc_buffer(index)));
        &*at
    }
}

/// Which threads fault where: the program's to the fault thread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A thread of the program.
    Program,
    /// A thread of `muslcsys`'s own: its faults are a defect, reported to the fault thread as well.
    Service(u8),
}

/// Makes and maps the objects of a place.
pub fn equip(space: &mut Space, index: u32, role: Role) -> Result<Unit, Errno> {
    space.areas.charge(PAGES)?;
    let unit = match space.objects.take(Kind::Thread) {
        Some(unit) => unit,
        None => {
            space.areas.uncharge(PAGES);
            return Err(Errno::ENOMEM);
        }
    };
    let frames = stack_and_record(index);
    let made = equip_with(space, index, unit, role);
    if made.is_err() {
        space.vspace.release(&mut space.objects, frames, true);
        space.objects.give(unit);
        space.areas.uncharge(PAGES);
    }
    made.map(|()| unit)
}

fn stack_and_record(index: u32) -> core::ops::Range<usize> {
    record::place(index) + PAGE..record::ipc_buffer(index) + PAGE
}

fn equip_with(space: &mut Space, index: u32, unit: Unit, role: Role) -> Result<(), Errno> {
    for page in stack_and_record(index).step_by(PAGE) {
        space.prepare()?;
        space.vspace.map_small(&mut space.objects, page, Access::WRITE)?;
    }
    let buffer = space.vspace.small_frame(record::ipc_buffer(index)).expect("just mapped");
    let slot = cspace::unit_third(unit);
    let path = space.objects.cspace().path(slot);
    // The slot may hold the endpoint of the place that used this unit before.
    let _ = sel4::delete(path.0, path.1, path.2);
    let badge = fault::badge_of(index);
    sel4::mint_badge(path, space.objects.cspace().path(fault::endpoint()), badge).map_err(|_| Errno::ENOMEM)?;
    let priority = match role {
        Role::Program => PROGRAM_PRIORITY,
        Role::Service(priority) => priority,
    };
    sel4::tcb_configure(
        cspace::unit(unit),
        &TcbConfig {
            fault: slot,
            cspace: space.objects.cspace().root(),
            ipc_buffer: (record::ipc_buffer(index), buffer),
            priority,
            highest: SERVICE_PRIORITY,
            context: cspace::sched_context(unit),
            core: 0,
        },
    )
    .map_err(|_| Errno::ENOMEM)
}

/// Keeps the place of a thread that is ending, and gives the objects of the oldest kept place back if there are too many.
/// The caller's own objects are in use until it is gone, so it is never its own that goes.
pub fn keep_place(sched: &mut Sched, index: u32) {
    sched.ready.push_back(index);
    if sched.ready.len() <= READY {
        return;
    }
    let Some(at) = sched.ready.iter().position(|&index| is_gone(index)) else { return };
    let Some(oldest) = sched.ready.remove(at) else { return };
    let Some(unit) = sched.places[oldest as usize].unit.take() else { return };
    strip(&mut SPACE.lock(), oldest, unit);
    sched.bare.push(oldest);
}

/// Gives a place's objects back.
fn strip(space: &mut Space, index: u32, unit: Unit) {
    sel4::tcb_suspend(cspace::unit(unit)).expect("a place's TCB can be suspended");
    sel4::unbind_context(cspace::sched_context(unit)).expect("a context can be unbound");
    space.vspace.release(&mut space.objects, stack_and_record(index), true);
    space.objects.give(unit);
    space.areas.uncharge(PAGES);
}

/// Starts one of `muslcsys`'s own threads, at start-up.
pub fn start_service(priority: u8, function: extern "C" fn() -> !) {
    let mut sched = SCHED.lock();
    let index = sched.add_place();
    let unit =
        equip(&mut SPACE.prepare().expect("memory to start"), index, Role::Service(priority)).expect("memory to start");
    sched.places[index as usize].unit = Some(unit);
    let record = renew_record(&mut sched, index, 0);
    let mut registers = sel4::empty_registers();
    registers.pc = arch::service_entry() as _;
    registers.sp = record.kernel_stack.get() as _;
    registers.x0 = record::ipc_buffer(index) as _;
    // A word of its own that stands for the thread-local __sel4_ipc_buffer: behind the record.
    registers.x1 = (record::ipc_buffer(index) + record::OWN_WORD_OFFSET) as _;
    registers.x2 = function as usize as _;
    sel4::tcb_write_registers(record.tcb, &mut registers, true).expect("a place's TCB takes registers");
}

/// Maps the kernel stack of place 0, the initial thread's; gives its top.
pub fn map_initial_kernel_stack(space: &mut Space) -> usize {
    let top = record::place(0) + PAGE + layout::KERNEL_STACK;
    for page in (record::place(0) + PAGE..top).step_by(PAGE) {
        space.vspace.map_small(&mut space.objects, page, Access::WRITE).expect("memory to start");
    }
    top
}

/// The place of the initial thread, which the kernel made: its record lies behind the IPC buffer that the kernel mapped.
pub fn adopt_initial(ipc_buffer: usize, tcb: CPtr, notification: CPtr, kernel_stack: usize) -> &'static Thread {
    let mut sched = SCHED.lock();
    let index = sched.add_place();
    let tid = sched.new_tid(index);
    let at = (ipc_buffer + RECORD_OFFSET) as *mut Thread;
    // SAFETY: the kernel maps a whole page for the IPC buffer and uses its first kilobyte.
    let thread = unsafe {
        at.write(Thread::new(index, tid, tcb, notification, kernel_stack));
        &*at
    };
    sched.places[index as usize].thread = Some(thread);
    sched.cores.enter(0);
    record::set_initial(thread);
    thread
}
