//! Everything that knows a register's address. A board is one folder here.

pub mod zynqmp;

pub use zynqmp::{end, interrupts, rtc, set_emulated, timer, uart};

use core::ptr;

/// A device's registers, mapped.
#[derive(Clone, Copy)]
pub struct Registers(usize);

impl Registers {
    /// Registers at a mapped address.
    ///
    /// # Safety
    /// A device's page must be mapped there, for as long as this is used, and reading or writing its registers must not touch
    /// memory that somebody else relies on.
    pub const unsafe fn new(address: usize) -> Self {
        Self(address)
    }

    /// Reads a register.
    pub fn read(self, offset: usize) -> u32 {
        // SAFETY: `new`'s promise.
        unsafe { ptr::read_volatile((self.0 + offset) as *const u32) }
    }

    /// Writes a register.
    pub fn write(self, offset: usize, value: u32) {
        // SAFETY: `new`'s promise.
        unsafe { ptr::write_volatile((self.0 + offset) as *mut u32, value) }
    }
}
