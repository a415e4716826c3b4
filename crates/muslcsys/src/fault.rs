//! The thread that answers faults: pages that are touched for the first time, bad pointers in calls, and the program's own mistakes.

use crate::fs::console::emergency;
use crate::mm::SPACE;
use crate::mm::areas::Attributes;
use crate::mm::space::FaultOutcome;
use crate::sel4::{self, CPtr, Fault};
use crate::thread::Thread;
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
        let index = (badge - BADGE) as u32;
        answer(index, fault);
        sel4::fault_resume();
    }
}

fn answer(index: u32, fault: Fault) {
    let (signal, ip) = match fault {
        Fault::Memory { ip, address, fetch, write } => {
            let needs = match (fetch, write) {
                (true, _) => Attributes::EXECUTE,
                (_, true) => Attributes::WRITE,
                _ => Attributes::READ,
            };
            match SPACE.lock().fault(address, needs) {
                FaultOutcome::Mapped => return,
                FaultOutcome::NoMemory => (linux::SIGBUS, ip),
                _ => (linux::SIGSEGV, ip),
            }
        }
        Fault::Exception { ip, .. } => (linux::SIGILL, ip),
        Fault::Syscall { ip } => (linux::SIGSYS, ip),
        Fault::Other(_) => (linux::SIGSEGV, 0),
    };
    if let Some(error) = uaccess::error_return(ip)
        && let Some(thread) = thread_at(index)
        && let Ok(mut registers) = sel4::tcb_read_registers(thread.tcb, false)
    {
        registers.pc = error as _;
        let _ = sel4::tcb_write_registers(thread.tcb, &mut registers, false);
        return;
    }
    fatal(index, signal, fault)
}

fn thread_at(index: u32) -> Option<&'static Thread> {
    // Not through the lock: the faulting thread may hold it. A place's record stays as long as its thread faults.
    crate::thread::record_at(index)
}

/// Reports a fault that nobody handles, and ends the program as Linux's default action does.
fn fatal(index: u32, signal: u32, fault: Fault) -> ! {
    let (tid, name) = thread_at(index).map_or((0, [0; 16]), |t| (t.tid(), t.name.get()));
    let name = core::str::from_utf8(&name).unwrap_or("").trim_end_matches('\0');
    emergency(format_args!("\nsel4std: thread '{name}' (tid {tid}) "));
    match fault {
        Fault::Memory { ip, address, fetch, write } => {
            let what = if fetch { "fetched an instruction from" } else if write { "wrote to" } else { "read from" };
            emergency(format_args!("{what} {address:#x}, which it may not, at instruction {ip:#x}\n"));
        }
        Fault::Exception { ip, syndrome } => {
            emergency(format_args!("raised an exception at instruction {ip:#x}, syndrome {syndrome:#x}\n"));
        }
        Fault::Syscall { ip } => emergency(format_args!("made a system call that seL4 does not have, before {ip:#x}\n")),
        Fault::Other(label) => emergency(format_args!("faulted in a way of its own, label {label}\n")),
    }
    if let Some(thread) = thread_at(index)
        && let Ok(registers) = sel4::tcb_read_registers(thread.tcb, false)
    {
        backtrace(registers.pc as usize, registers.x30 as usize, registers.x29 as usize, registers.sp as usize);
    }
    crate::platform::end(128 + signal as u8)
}

/// Frames a backtrace shows at most.
const FRAMES: usize = 64;

/// Prints the chain of frame records (AAPCS64 6.4.6) in the form that the host symbolises.
fn backtrace(pc: usize, lr: usize, fp: usize, sp: usize) {
    emergency(format_args!("stack backtrace (sp {sp:#x}):\n   0: {pc:#x}\n"));
    let mut frame = fp;
    let mut last = lr;
    for number in 1..FRAMES {
        emergency(format_args!("{number:4}: {last:#x}\n"));
        if frame == 0 || !frame.is_multiple_of(8) || !is_resident(frame) {
            break;
        }
        // SAFETY: the page is mapped; a frame record is two words that do not cross a page, being aligned... checked above.
        let [next, back] = unsafe { *(frame as *const [usize; 2]) };
        if back == 0 || next <= frame {
            break;
        }
        (frame, last) = (next, back);
    }
}

/// Whether 16 bytes can be read: what the fault thread touches itself must be there.
fn is_resident(address: usize) -> bool {
    let mut space = SPACE.lock();
    let there = |space: &mut crate::mm::Space, at: usize| crate::start::in_image(at) || space.vspace.page(at).1;
    there(&mut space, address) && there(&mut space, address + 8)
}

/// Reports a defect of `muslcsys` itself and ends the program.
pub fn defect(text: fmt::Arguments<'_>) -> ! {
    emergency(format_args!("\nsel4std: defect: {text}\n"));
    crate::platform::end(128 + linux::SIGABRT as u8)
}
