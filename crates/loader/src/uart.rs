//! The board's UARTs, Cadence's. seL4 never enables them, so the loader does, for itself and for everyone after it.
//! Register reference: UG1087, module UART.

use core::fmt;
use core::ptr;

/// UART0, the console.
const UART0: usize = 0xff00_0000;
/// UART1.
const UART1: usize = 0xff01_0000;

/// Control register.
const CONTROL: usize = 0x00;
/// Receiver on (RXEN), transmitter on (TXEN).
const CONTROL_ON: u32 = 1 << 2 | 1 << 4;
/// Mode register.
const MODE: usize = 0x04;
/// 8 data bits, no parity, 1 stop bit.
const MODE_8N1: u32 = 0x20;
/// Channel status register.
const STATUS: usize = 0x2c;
/// The transmit FIFO is full.
const STATUS_TX_FULL: u32 = 1 << 4;
/// Transmit and receive FIFO.
const FIFO: usize = 0x30;

/// Switches both UARTs on. The baud rate is left as it is.
pub fn enable() {
    for base in [UART0, UART1] {
        write(base + CONTROL, CONTROL_ON);
        write(base + MODE, MODE_8N1);
    }
}

/// The console, UART0. Ends lines with CR LF, as terminals expect.
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if byte == b'\n' {
                put(b'\r');
            }
            put(byte);
        }
        Ok(())
    }
}

fn put(byte: u8) {
    while read(UART0 + STATUS) & STATUS_TX_FULL != 0 {
        core::hint::spin_loop();
    }
    write(UART0 + FIFO, byte.into());
}

fn write(register: usize, value: u32) {
    // SAFETY: every caller names a 32-bit register of a UART, which the identity map maps as device memory.
    unsafe { ptr::write_volatile(ptr::with_exposed_provenance_mut(register), value) }
}

fn read(register: usize) -> u32 {
    // SAFETY: as in `write`.
    unsafe { ptr::read_volatile(ptr::with_exposed_provenance(register)) }
}
