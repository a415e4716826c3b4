//! Values of system registers, each with what it chooses. Register reference: Arm Architecture Reference Manual
//! DDI 0487, D19; seL4's expectations: its loaders for AArch64.

/// MAIR: attribute indexes 0 to 4: device nGnRnE, nGnRE, GRE, normal uncached, normal write-back. seL4's page tables
/// use these indexes, and the kernel never writes the register.
pub const MAIR: u64 = 0x0000_00ff_440c_0400;

/// 48-bit addresses; table walks cached (write-back, write-allocate), inner shareable. For TTBR0.
const TCR_WALK0: u64 = 16 | 1 << 8 | 1 << 10 | 0b11 << 12;
/// The same for TTBR1, with its 4 KiB granule (TG1 = 0b10).
const TCR_WALK1: u64 = TCR_WALK0 << 16 | 0b10 << 30;
/// 40-bit physical addresses, what a Cortex-A53 has.
const PHYS_40: u64 = 0b010;

/// TCR_EL1 for the kernel: both halves, 16-bit address space identifiers, which TTBR0 holds.
pub const TCR_EL1: u64 = TCR_WALK0 | TCR_WALK1 | PHYS_40 << 32 | 1 << 36;
/// TCR_EL1 for the loader: walks of the upper half are off (EPD1), as there is no table for it yet.
pub const TCR_EL1_LOADER: u64 = TCR_EL1 | 1 << 23;
/// TCR_EL2, with the bits that are always one.
pub const TCR_EL2: u64 = TCR_WALK0 | PHYS_40 << 16 | 1 << 23 | 1 << 31;

/// MMU, data cache, instruction cache on.
const SCTLR_ON: u64 = 1 << 0 | 1 << 2 | 1 << 12;
/// SCTLR_EL1 with everything off: the bits that are always one.
pub const SCTLR_EL1_OFF: u64 = 0x30d0_0800;
/// SCTLR_EL1 for loader and kernel. EL0 may zero by DC ZVA (DZE), read CTR_EL0 (UCT), do cache maintenance by address
/// (UCI), and wait for interrupts and events without a trap (nTWI, nTWE). 5.0.0 keeps these as the loader sets them.
pub const SCTLR_EL1: u64 = SCTLR_EL1_OFF | SCTLR_ON | 1 << 14 | 1 << 15 | 1 << 26 | 1 << 16 | 1 << 18;
/// SCTLR_EL2 with everything off: the bits that are always one.
pub const SCTLR_EL2_OFF: u64 = 0x30c5_0830;
/// SCTLR_EL2 for loader and hypervisor kernel.
pub const SCTLR_EL2: u64 = SCTLR_EL2_OFF | SCTLR_ON;

/// SCR_EL3: lower levels are non-secure (NS) and AArch64 (RW), HVC on (HCE), SMC off (SMD), bits that are always one.
pub const SCR_EL3: u64 = 0x5b1;
/// HCR_EL2: EL1 is AArch64 (RW), nothing is trapped.
pub const HCR_EL2: u64 = 1 << 31;
/// CPTR_EL2: no floating-point traps; the bits that are always one.
pub const CPTR_EL2: u64 = 0x33ff;
/// CNTHCTL_EL2: EL1 may use the physical counter and timer.
pub const CNTHCTL_EL2: u64 = 0b11;
/// CPACR_EL1: no floating-point traps. For the loader, whose compiler uses vector registers to copy.
pub const CPACR_EL1_FP: u64 = 0b11 << 20;

/// SPSR for EL1 with its own stack pointer, all interrupts masked.
pub const SPSR_EL1H: u64 = 0x3c5;
/// The same for EL2.
pub const SPSR_EL2H: u64 = 0x3c9;

/// CNTKCTL_EL1: EL0 may read the physical counter (EL0PCTEN) and the virtual one (EL0VCTEN), and use the physical timer
/// (EL0PTEN). muslcsys's clocks and timers stand on these.
pub const CNTKCTL_EL1: u64 = 1 << 0 | 1 << 1 | 1 << 9;

/// Distributor of the GIC-400 (UG1087).
pub const GICD: u64 = 0xf901_0000;
/// CPU interface of the GIC-400.
pub const GICC: u64 = 0xf902_0000;
/// Registers GICD_IGROUPRn of its 192 interrupts.
pub const GICD_IGROUPR_COUNT: u64 = 6;
