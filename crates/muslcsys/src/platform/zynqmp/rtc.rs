//! The battery-backed real-time clock: seconds since 1970 (UG1087, module RTC).

use crate::mm::Space;
use crate::platform::Registers;

/// Physical address.
const RTC: usize = 0xffa6_0000;
const CURRENT_TIME: usize = 0x10;

/// The date, or 0 if the kernel does not give the device to user level.
pub fn read(space: &mut Space) -> u64 {
    let Some(address) = space.map_device(RTC) else { return 0 };
    // SAFETY: the page was just mapped and stays; the register is read only.
    unsafe { Registers::new(address) }.read(CURRENT_TIME) as u64
}
