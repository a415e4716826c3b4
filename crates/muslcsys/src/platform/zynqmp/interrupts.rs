//! The thread that serves interrupts: deadlines and the console.

use super::{timer, uart};
use crate::mm::Space;
use crate::object::cspace;
use crate::object::pool::Kind;
use crate::sel4::{self, CPtr};
use crate::thread::sched::SCHED;
use crate::thread::standstill;
use crate::time::clock;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Badge of the timer's interrupt.
const TIMER: usize = 1;
/// Badge of the console's.
const CONSOLE: usize = 2;
/// Badge of threads on other cores that have changed the earliest deadline.
const DEADLINES: usize = 4;

static NOTIFICATION: AtomicUsize = AtomicUsize::new(0);
static TIMER_HANDLER: AtomicUsize = AtomicUsize::new(0);
static CONSOLE_HANDLER: AtomicUsize = AtomicUsize::new(0);
/// The notification as those threads signal it.
static ASK: AtomicUsize = AtomicUsize::new(0);
/// The IPC buffer of the thread that serves, by which it is known.
static SERVER: AtomicUsize = AtomicUsize::new(0);

/// Binds the interrupts, the console's if asked, to a notification; start-up calls this before it starts [`serve`].
pub fn start(space: &mut Space, timer_irq: usize, console: bool) {
    let unit = space.objects.take(Kind::Thread).expect("memory to start");
    let notification = cspace::unit_second(unit);
    NOTIFICATION.store(notification.0, Ordering::Relaxed);
    let cspace = space.objects.cspace();
    let ask = cspace.initial_slot();
    sel4::mint_badge(cspace.path(ask), cspace.path(notification), DEADLINES).expect("a badge for deadlines");
    ASK.store(ask.0, Ordering::Relaxed);
    let served = [(timer_irq, TIMER, &TIMER_HANDLER), (uart::IRQ, CONSOLE, &CONSOLE_HANDLER)];
    for (irq, badge, handler) in served.into_iter().take(if console { 2 } else { 1 }) {
        let cspace = space.objects.cspace();
        let (badged, slot) = (cspace.initial_slot(), cspace.initial_slot());
        sel4::mint_badge(cspace.path(badged), cspace.path(notification), badge).expect("a badge for an interrupt");
        sel4::irq_handler(irq, cspace.path(slot)).expect("the interrupt is free");
        sel4::irq_set_notification(slot, badged).expect("an interrupt takes a notification");
        sel4::irq_ack(slot);
        handler.store(slot.0, Ordering::Relaxed);
    }
}

fn ipc_buffer() -> usize {
    // SAFETY: reads the running thread's own variable.
    unsafe { libsel4_sys::seL4_GetIPCBuffer() as usize }
}

/// Whether the running thread may be on another core than the one that interrupts are served on.
pub fn is_elsewhere() -> bool {
    standstill::is_parallel() && SERVER.load(Ordering::Relaxed) != ipc_buffer()
}

/// Has the alarm set where interrupts are served, to the earliest deadline.
pub fn ask_for_alarm() {
    sel4::signal(CPtr(ASK.load(Ordering::Relaxed)));
}

/// Serves interrupts for ever.
pub extern "C" fn serve() -> ! {
    SERVER.store(ipc_buffer(), Ordering::Relaxed);
    let load = |cap: &AtomicUsize| CPtr(cap.load(Ordering::Relaxed));
    loop {
        let badges = sel4::wait(load(&NOTIFICATION));
        if badges & TIMER != 0 {
            let mut sched = SCHED.lock();
            timer::acknowledge();
            let next = sched.expire(clock::ticks());
            clock::set_alarm(next);
            drop(sched);
            sel4::irq_ack(load(&TIMER_HANDLER));
        }
        if badges & DEADLINES != 0 {
            let sched = SCHED.lock();
            clock::set_alarm(sched.next_deadline());
        }
        if badges & CONSOLE != 0 {
            crate::fs::console::serve();
            sel4::irq_ack(load(&CONSOLE_HANDLER));
        }
    }
}
