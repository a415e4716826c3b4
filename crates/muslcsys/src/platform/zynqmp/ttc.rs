//! A triple timer counter (UG1087, module TTC), its first counter, as an alarm for kernels that keep the generic timer to themselves.

use crate::mm::Space;
use crate::platform::Registers;

/// Physical address of TTC0.
const TTC0: usize = 0xff11_0000;
/// Interrupt of its first counter at the GIC: shared peripheral interrupt 36.
pub const IRQ: usize = 32 + 36;

const CLOCK_CONTROL: usize = 0x00;
const COUNTER_CONTROL: usize = 0x0c;
const INTERVAL: usize = 0x24;
const INTERRUPT_STATUS: usize = 0x54;
const INTERRUPT_ENABLE: usize = 0x60;

const DISABLE: u32 = 1 << 0;
const INTERVAL_MODE: u32 = 1 << 1;
const RESET: u32 = 1 << 4;
const INTERVAL_INTERRUPT: u32 = 1 << 0;
/// Counts in a second: the peripheral clock, not divided.
const HZ: u64 = 100_000_000;

/// The counter.
#[derive(Clone, Copy)]
pub struct Ttc(Registers);

impl Ttc {
    /// Maps the device and stops it.
    pub fn start(space: &mut Space) -> Option<Ttc> {
        let address = space.map_device(TTC0)?;
        // SAFETY: the page was just mapped and stays; the counter touches no memory.
        let ttc = Ttc(unsafe { Registers::new(address) });
        ttc.stop();
        ttc.0.write(CLOCK_CONTROL, 0);
        ttc.0.write(INTERRUPT_ENABLE, INTERVAL_INTERRUPT);
        Some(ttc)
    }

    /// Has the interrupt come once in `nanoseconds`; for longer than the counter is wide it comes early, and is set again.
    pub fn set(self, nanoseconds: u64) {
        let counts = (nanoseconds as u128 * HZ as u128 / 1_000_000_000 + 1).min(u32::MAX as u128) as u32;
        self.0.write(COUNTER_CONTROL, DISABLE);
        self.0.write(INTERVAL, counts);
        self.0.write(COUNTER_CONTROL, INTERVAL_MODE | RESET);
    }

    /// Stops the counter.
    pub fn stop(self) {
        self.0.write(COUNTER_CONTROL, DISABLE);
    }

    /// Reading the status clears it.
    pub fn acknowledge(self) {
        self.stop();
        self.0.read(INTERRUPT_STATUS);
    }
}
