//! The one alarm behind all deadlines: the generic timer where EL0 may use it, a triple timer counter otherwise.

use super::interrupts;
use super::ttc::Ttc;
use crate::arch;
use crate::mm::Space;
use crate::time::clock;
use crate::uaccess;
use core::cell::Cell;

/// Interrupt of the physical generic timer: private peripheral interrupt 30 at the GIC.
const PHYSICAL_TIMER_IRQ: usize = 30;

#[derive(Clone, Copy)]
enum Alarm {
    /// None yet.
    None,
    /// CNTP, whose counter is ahead of the virtual one by this much.
    Generic { ahead: u64 },
    /// A TTC.
    Ttc(Ttc),
}

struct Shared(Cell<Alarm>);
// SAFETY: set by start-up before a second thread exists, read only afterwards.
unsafe impl Sync for Shared {}
static ALARM: Shared = Shared(Cell::new(Alarm::None));

/// Chooses the timer; gives its interrupt. `force_ttc` is for tests of the second choice.
pub fn start(space: &mut Space, force_ttc: bool) -> Option<usize> {
    if !force_ttc && uaccess::may_use_physical_timer() {
        // Zero where there is no hypervisor; what passes between the two reads makes an alarm late by that much, never early.
        let behind = arch::virtual_counter();
        let ahead = arch::physical_counter().wrapping_sub(behind);
        arch::stop_physical_timer();
        ALARM.0.set(Alarm::Generic { ahead });
        return Some(PHYSICAL_TIMER_IRQ);
    }
    let ttc = Ttc::start(space)?;
    ALARM.0.set(Alarm::Ttc(ttc));
    Some(super::ttc::IRQ)
}

/// Has the interrupt come at a tick of the virtual counter, or not at all; under the scheduler's lock.
pub fn set(tick: Option<u64>) {
    match (ALARM.0.get(), tick) {
        // Each core has a generic timer of its own; the one that serves is where the interrupt is served.
        (Alarm::Generic { .. }, _) if interrupts::is_elsewhere() => interrupts::ask_for_alarm(),
        (Alarm::Generic { ahead }, Some(tick)) => arch::set_physical_timer(tick.saturating_add(ahead)),
        (Alarm::Generic { .. }, None) => arch::stop_physical_timer(),
        (Alarm::Ttc(ttc), Some(tick)) => ttc.set(clock::until(tick)),
        (Alarm::Ttc(ttc), None) => ttc.stop(),
        (Alarm::None, _) => {}
    }
}

/// Takes the interrupt back at the device.
pub fn acknowledge() {
    match ALARM.0.get() {
        Alarm::Ttc(ttc) => ttc.acknowledge(),
        // Level-triggered: setting the next alarm, or stopping the timer, takes it back.
        _ => arch::stop_physical_timer(),
    }
}
