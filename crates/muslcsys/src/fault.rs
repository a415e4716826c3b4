//! The thread that answers faults: pages that are touched for the first time, bad pointers in calls, and the program's own mistakes.

use crate::arch;
use crate::fs::console::emergency;
use crate::mm::SPACE;
use crate::mm::areas::Attributes;
use crate::mm::space::{FaultOutcome, SpaceGuard};
use crate::sel4::{self, CPtr, Fault};
use crate::signal::context::Context;
use crate::signal::send;
use crate::thread::sched::FIRST_TID;
use crate::thread::{Thread, record_at, standstill};
use crate::uaccess;
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};
use linux_raw_sys::general as linux;

/// Added to a thread's number, since a badge of zero is none.
const BADGE: usize = 1;

static ENDPOINT: AtomicUsize = AtomicUsize::new(0);

/// The endpoint that faults arrive at.
pub fn endpoint() -> CPtr {
    CPtr(ENDPOINT.load(Ordering::Relaxed))
}

/// Gives the endpoint; start-up calls this.
pub fn set_endpoint(endpoint: CPtr) {
    ENDPOINT.store(endpoint.0, Ordering::Relaxed);
}

/// The badge of the fault endpoint of the thread at `index`.
pub fn badge_of(index: u32) -> usize {
    index as usize + BADGE
}

/// Answers faults for ever.
pub extern "C" fn serve() -> ! {
    loop {
        let (badge, fault) = sel4::fault_wait(endpoint());
        let thread = record_at((badge - BADGE) as u32).expect("a thread that faults exists");
        if !standstill::begin_answer(thread) {
            sel4::fault_resume();
            continue;
        }
        answer(thread, fault);
        let answered = standstill::end_answer(thread);
        deliver_if_signalled(thread);
        answered.let_go(sel4::fault_resume);
    }
}

/// si_code values of the faults (asm-generic/siginfo.h).
const SEGV_MAPERR: i32 = 1;
const SEGV_ACCERR: i32 = 2;
const BUS_ADRERR: i32 = 2;
const BUS_OBJERR: i32 = 3;
const ILL_ILLOPC: i32 = 1;
const SYS_SECCOMP: i32 = 1;
const BUS_ADRALN: i32 = 1;
const TRAP_BRKPT: i32 = 1;

fn answer(thread: &Thread, fault: Fault) {
    let (signal, code, ip, address) = match fault {
        // The page is there, and trying again would fault again.
        Fault::Memory { ip, address, by_tables: false, .. } => (linux::SIGBUS, BUS_ADRALN, ip, address),
        Fault::Memory { ip, address, fetch, write, .. } => {
            let needs = match (fetch, write) {
                (true, _) => Attributes::EXECUTE,
                (_, true) => Attributes::WRITE,
                _ => Attributes::READ,
            };
            // Named first, so that the lock is let go before anything else is done.
            let outcome = space_for(thread, ip, address).fault(address, needs);
            match outcome {
                FaultOutcome::Mapped => return,
                FaultOutcome::NoArea => (linux::SIGSEGV, SEGV_MAPERR, ip, address),
                FaultOutcome::Forbidden => (linux::SIGSEGV, SEGV_ACCERR, ip, address),
                FaultOutcome::BehindFile => (linux::SIGBUS, BUS_ADRERR, ip, address),
                FaultOutcome::NoMemory => (linux::SIGBUS, BUS_OBJERR, ip, address),
            }
        }
        Fault::Exception { ip, .. } if ip == arch::resume_trap() => return load_context(thread),
        // seL4 5.0.0 does not pass the syndrome on; what stands there tells.
        Fault::Exception { ip, .. } if !ip.is_multiple_of(4) => (linux::SIGBUS, BUS_ADRALN, ip, ip),
        Fault::Exception { ip, .. } if is_breakpoint(ip) => (linux::SIGTRAP, TRAP_BRKPT, ip, ip),
        Fault::Exception { ip, .. } => (linux::SIGILL, ILL_ILLOPC, ip, ip),
        Fault::Syscall { ip } => (linux::SIGSYS, SYS_SECCOMP, ip, ip),
        Fault::Other(_) => (linux::SIGSEGV, SEGV_MAPERR, 0, 0),
    };
    let Ok(mut registers) = sel4::tcb_read_registers(thread.tcb, false) else { return };
    if let Some(error) = uaccess::error_return(ip) {
        registers.pc = error as _;
        let _ = sel4::tcb_write_registers(thread.tcb, &mut registers, false);
        return;
    }
    let context = Context::from_registers(&registers);
    if is_own(thread, &registers) {
        own_fault(thread, &context, signal, address);
    }
    // The thread delivers it to itself: only it can touch its stack, which may not be there yet.
    thread.own_fault.set(Some((signal, code, address)));
    let _ = sel4::tcb_write_registers(thread.tcb, &mut send::divert(thread, context), false);
}

/// The address space, for a thread that faulted: unless that one holds its lock itself, and would never let it go.
fn space_for(thread: &Thread, ip: usize, address: usize) -> SpaceGuard<'static> {
    if let Some(space) = SPACE.try_lock() {
        return space;
    }
    // In copies from and to the program's memory no thread holds it.
    if uaccess::error_return(ip).is_none()
        && let Ok(registers) = sel4::tcb_read_registers(thread.tcb, false)
        && is_own(thread, &registers)
    {
        own_fault(thread, &Context::from_registers(&registers), linux::SIGSEGV, address);
    }
    SPACE.lock()
}

/// Whether a thread with these registers runs code of `muslcsys`.
fn is_own(thread: &Thread, registers: &sel4::Registers) -> bool {
    thread.tid() == 0 || thread.is_on_kernel_stack(registers.sp as usize)
}

/// Ends the program for a mistake in `muslcsys`.
fn own_fault(thread: &Thread, context: &Context, signal: u32, address: usize) -> ! {
    describe(thread, context, signal, address);
    defect(format_args!("muslcsys itself faulted"))
}

/// Whether a BRK instruction (Arm ARM, C6.2) is at an address, where an instruction was just executed.
fn is_breakpoint(ip: usize) -> bool {
    const BRK: u32 = 0xd420_0000;
    const BRK_MASK: u32 = 0xffe0_001f;
    // SAFETY: mapped, readable and aligned.
    is_resident(ip) && unsafe { *(ip as *const u32) } & BRK_MASK == BRK
}

/// A signal came while the thread stood still: one that runs the program's code is sent to deliver it.
fn deliver_if_signalled(thread: &Thread) {
    if thread.signalled.load(Ordering::Acquire) == 0 {
        return;
    }
    let Ok(registers) = sel4::tcb_read_registers(thread.tcb, false) else { return };
    if !thread.is_on_kernel_stack(registers.sp as usize) {
        let context = Context::from_registers(&registers);
        let _ = sel4::tcb_write_registers(thread.tcb, &mut send::divert(thread, context), false);
    }
}

/// Gives a thread all the registers of the context that it points to with x0, on its kernel stack.
fn load_context(thread: &Thread) {
    let Ok(registers) = sel4::tcb_read_registers(thread.tcb, false) else { return };
    let at = registers.x0 as usize;
    assert!(thread.is_on_kernel_stack(at) && thread.is_on_kernel_stack(at + size_of::<Context>()));
    // SAFETY: the thread stands at the trap, with the address of a context on its kernel stack.
    let context = unsafe { *(at as *const Context) };
    // The vectors are loaded already. A signal that came on the way here is delivered first (see `serve`), and saves them again as they are.
    let _ = sel4::tcb_write_registers(thread.tcb, &mut context.to_registers(), false);
}

/// Reports a fault that nobody handles, before the program ends as Linux's default action ends it; gives the exit status.
///
/// std tells of overflowing stacks itself, but does not know where the initial thread's ends: on musl it is told a size that need not be
/// the last. It is known here, so a thread that asked for a stack to handle overflows on, as std does, ends as by std's handler.
pub fn report(thread: &Thread, context: &Context, signal: u32, address: usize) -> u8 {
    crate::fs::console::drain();
    let overflow = signal == linux::SIGSEGV && thread.tid() == FIRST_TID && crate::start::is_below_main_stack(address);
    if overflow {
        emergency(format_args!("\nthread 'main' ({FIRST_TID}) has overflowed its stack\n"));
    }
    describe(thread, context, signal, address);
    let (_, handlers_stack, _) = thread.alternate_stack.get();
    128 + if overflow && handlers_stack != 0 { linux::SIGABRT } else { signal } as u8
}

/// The report itself. It waits for no lock: the thread that it is about may hold any.
fn describe(thread: &Thread, context: &Context, signal: u32, address: usize) {
    let name = thread.name.get();
    let name = core::str::from_utf8(&name).unwrap_or("").trim_end_matches('\0');
    let (kind, tid, pc, sp) = (signal_name(signal), thread.tid(), context.pc, context.sp);
    emergency(format_args!(
        "\nsel4std: thread '{name}' (tid {tid}) {kind} at address {address:#x}, instruction {pc:#x}, stack {sp:#x}\n"
    ));
    backtrace(context);
}

fn signal_name(signal: u32) -> &'static str {
    match signal {
        linux::SIGSEGV => "SIGSEGV: access that is not allowed",
        linux::SIGBUS => "SIGBUS: misaligned access, or no memory for a page",
        linux::SIGTRAP => "SIGTRAP: breakpoint",
        linux::SIGILL => "SIGILL: exception that is not about memory",
        linux::SIGSYS => "SIGSYS: system call instruction",
        _ => "signal",
    }
}

/// Frames a backtrace shows at most.
const FRAMES: usize = 64;

/// Prints the chain of frame records (AAPCS64 6.4.6) in the form that the host symbolises.
fn backtrace(context: &Context) {
    emergency(format_args!("stack backtrace:\n   0: {:#x}\n", context.pc));
    let (mut frame, mut back) = (context.x[29], context.x[30]);
    for number in 1..FRAMES {
        if back == 0 {
            break;
        }
        emergency(format_args!("{number:4}: {back:#x}\n"));
        if frame == 0 || !frame.is_multiple_of(8) || !is_resident(frame) {
            break;
        }
        // SAFETY: both words are mapped and aligned.
        let [next, address] = unsafe { *(frame as *const [usize; 2]) };
        if next != 0 && next <= frame {
            break;
        }
        (frame, back) = (next, address);
    }
}

/// Whether 16 bytes can be read: what the fault thread touches itself must be there.
fn is_resident(address: usize) -> bool {
    let Some(mut space) = SPACE.try_lock() else { return false };
    let mut there = |at: usize| crate::start::in_image(at) || space.vspace.page(at).1;
    there(address) && address.checked_add(8).is_some_and(there)
}

/// Reports a defect of `muslcsys` itself and ends the program.
pub fn defect(text: fmt::Arguments<'_>) -> ! {
    emergency(format_args!("\nsel4std: defect: {text}\n"));
    crate::platform::end(128 + linux::SIGABRT as u8)
}
