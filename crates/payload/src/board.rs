//! The memory of the board: the one table that loader and mkimage take it from.

use crate::PAGE;
use crate::span::Span;

/// RAM of the ZCU102 with 4 GiB, in physical addresses, lowest first (Zynq UltraScale+ TRM UG1085, "System Addresses":
/// DDR Low and DDR High).
pub const RAM: [Span; 2] = [Span::between(0, 0x8000_0000), Span::between(0x8_0000_0000, 0x8_8000_0000)];

/// Virtual addresses a root task may be linked at. The first page stays empty, so that a null pointer faults. The end
/// is the lowest `USER_TOP` of seL4's AArch64 kernels without hypervisor support; 5.0.0 allows twice as much.
pub const USER: Span = Span::between(PAGE, 0x7fff_ffff_f000);
