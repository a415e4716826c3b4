//! The Cadence UART (UG1087, module UART): bytes out, bytes in, and the interrupt for both.

use crate::mm::Space;
use crate::platform::Registers;
use crate::sync::{Lock, Notification};

/// Physical address of UART0, the console.
const UART0: usize = 0xff00_0000;
/// Its interrupt at the GIC: shared peripheral interrupt 21.
pub const IRQ: usize = 32 + 21;

const CONTROL: usize = 0x00;
const MODE: usize = 0x04;
const INTERRUPT_ENABLE: usize = 0x08;
const INTERRUPT_DISABLE: usize = 0x0c;
const INTERRUPT_STATUS: usize = 0x14;
const RECEIVE_TRIGGER: usize = 0x20;
const STATUS: usize = 0x2c;
const FIFO: usize = 0x30;

/// Receiver and transmitter enabled.
const CONTROL_ON: u32 = 1 << 2 | 1 << 4;
/// Eight data bits, no parity, one stop bit.
const MODE_8N1: u32 = 1 << 5;
const RECEIVE_TRIGGERED: u32 = 1 << 0;
const RECEIVE_EMPTY: u32 = 1 << 1;
const TRANSMIT_EMPTY: u32 = 1 << 3;
const TRANSMIT_FULL: u32 = 1 << 4;
/// Depth of the transmit FIFO in bytes.
const DEPTH: usize = 64;

static REGISTERS: Lock<Option<Registers>> = Lock::new(None, Notification::none());

/// The event of this module's lock, for start-up to arm.
pub fn event() -> &'static Notification {
    REGISTERS.event()
}

/// The console's UART; used under the console's lock, and in emergencies.
#[derive(Clone, Copy)]
pub struct Uart(Registers);

impl Uart {
    /// Maps and enables the device; start-up calls this once.
    pub fn start(space: &mut Space) -> Option<Uart> {
        let address = space.map_device(UART0)?;
        // SAFETY: the page was just mapped and stays; the UART touches no memory.
        let registers = unsafe { Registers::new(address) };
        registers.write(CONTROL, CONTROL_ON);
        registers.write(MODE, MODE_8N1);
        registers.write(RECEIVE_TRIGGER, 1);
        registers.write(INTERRUPT_STATUS, u32::MAX);
        // No interrupt before somebody serves it: what comes until then stays in the FIFO.
        registers.write(INTERRUPT_DISABLE, u32::MAX);
        *REGISTERS.lock() = Some(registers);
        Some(Uart(registers))
    }

    /// The device if start-up has come that far.
    pub fn get() -> Option<Uart> {
        REGISTERS.lock().map(Uart)
    }

    /// Puts as many bytes into the FIFO as it takes now; gives their number.
    pub fn send(self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        while sent < bytes.len() {
            // An empty FIFO takes its depth unasked; else ask for each byte.
            let status = self.0.read(STATUS);
            let room = match status {
                s if s & TRANSMIT_EMPTY != 0 => DEPTH,
                s if s & TRANSMIT_FULL != 0 => return sent,
                _ => 1,
            };
            let end = bytes.len().min(sent + room);
            for &byte in &bytes[sent..end] {
                self.0.write(FIFO, byte as u32);
            }
            sent = end;
        }
        sent
    }

    /// A byte that has come, if any.
    pub fn receive(self) -> Option<u8> {
        (self.0.read(STATUS) & RECEIVE_EMPTY == 0).then(|| self.0.read(FIFO) as u8)
    }

    /// Whether everything has left.
    pub fn is_drained(self) -> bool {
        self.0.read(STATUS) & TRANSMIT_EMPTY != 0
    }

    /// Has the interrupt come, or not come, when the transmit FIFO is empty.
    pub fn want_room(self, want: bool) {
        self.0.write(if want { INTERRUPT_ENABLE } else { INTERRUPT_DISABLE }, TRANSMIT_EMPTY);
    }

    /// Has the interrupt come, or not come, when a byte has: while it does not, bytes stay in the FIFO.
    pub fn want_input(self, want: bool) {
        self.0.write(if want { INTERRUPT_ENABLE } else { INTERRUPT_DISABLE }, RECEIVE_TRIGGERED);
    }

    /// Takes back the interrupts that are served.
    pub fn acknowledge(self) {
        self.0.write(INTERRUPT_STATUS, RECEIVE_TRIGGERED | TRANSMIT_EMPTY);
    }
}
