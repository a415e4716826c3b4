//! The last step: the kernel's window, the registers it expects, the jump.

use core::arch::asm;
use core::cell::UnsafeCell;

use loader::page_table::{Half, Table, Window, table_descriptor};
use payload::span::Span;

use crate::registers;

/// What the kernel is entered with.
pub struct Entry {
    /// Where the kernel is mapped.
    pub window: Window,
    /// On how many cores it runs.
    pub cores: u8,
    /// What was loaded for it to find in memory.
    pub loaded: [Span; 2],
    /// Virtual address of its first instruction.
    pub kernel: u64,
    /// x0 to x5: start and end of the root task's image in physical memory, its physical minus its virtual addresses
    /// (modulo 2^64), its entry point, and physical address and size of the device tree (0, 0 for none).
    pub arguments: [u64; 6],
}

/// A page table that is written once, before it is used.
#[repr(transparent)]
struct Shared(UnsafeCell<Table>);

// SAFETY: only the window's tables are written, once, in `map`, before another core runs.
unsafe impl Sync for Shared {}

impl Shared {
    const fn empty() -> Self {
        Self(UnsafeCell::new(Table::EMPTY))
    }

    fn address(&self) -> u64 {
        self.0.get() as u64
    }
}

static WINDOW_L0: Shared = Shared::empty();
static WINDOW_L1: Shared = Shared::empty();
static WINDOW_L2: Shared = Shared::empty();

unsafe extern "C" {
    /// The identity map's level 0 table, of `head.S`.
    #[link_name = "identity_l0"]
    static IDENTITY_L0: Shared;
}

/// The exception level the loader runs at: 1 or 2.
pub fn level() -> u64 {
    let level: u64;
    // SAFETY: reads the current level.
    unsafe { asm!("mrs {}, CurrentEL", out(reg) level, options(nomem, nostack, preserves_flags)) }
    level >> 2
}

/// Gives EL0 what muslcsys's clocks need, and keeps the performance counters from it. A kernel may decide otherwise
/// later; 5.0.0 does not.
pub fn open_to_user() {
    // SAFETY: changes what EL0 may do, and nothing runs there yet.
    unsafe {
        asm!(
            "msr cntkctl_el1, {timer}",
            "msr pmuserenr_el0, xzr",
            timer = in(reg) registers::CNTKCTL_EL1,
            options(nomem, nostack, preserves_flags),
        );
    }
}

/// Enters the kernel, which [`map`] has mapped, on the running core, the `core`th.
///
/// # Safety
/// Kernel and root task are in memory as `entry` says, and a kernel of the lower half is entered at EL2.
pub unsafe fn enter(entry: &Entry, core: u64) -> ! {
    // SAFETY: the loader does not use the register. A kernel for several cores finds there which of them it runs on.
    unsafe { asm!("msr tpidr_el1, {}", in(reg) core, options(nomem, nostack, preserves_flags)) };
    match (entry.window.half, level()) {
        // SAFETY: the caller's promise; the window is mapped.
        (Half::Upper, 2) => unsafe { leave_el2(entry) },
        // SAFETY: as above.
        (Half::Upper, _) => unsafe { stay_at_el1(entry) },
        // SAFETY: as above.
        (Half::Lower, _) => unsafe { stay_at_el2(entry) },
    }
}

/// The tables that [`map`] writes.
pub fn tables() -> [u64; 4] {
    // SAFETY: the table is there, and only its address is taken.
    [WINDOW_L0.address(), WINDOW_L1.address(), WINDOW_L2.address(), unsafe { &IDENTITY_L0 }.address()]
}

/// Fills the window's tables, and hangs them into the level 0 table of the kernel's half.
pub fn map(window: &Window) {
    let l0 = match window.half {
        Half::Upper => &WINDOW_L0,
        // SAFETY: the table is there, and only its address is taken here.
        Half::Lower => unsafe { &IDENTITY_L0 },
    };
    // SAFETY: one core, nobody else refers to these tables as Rust values, and the entries that are written are invalid
    // until then, so that no table walk holds them.
    unsafe {
        window.fill(&mut *WINDOW_L2.0.get());
        (*WINDOW_L1.0.get()).0[window.l1_index] = table_descriptor(WINDOW_L2.address());
        (*l0.0.get()).0[window.l0_index] = table_descriptor(WINDOW_L1.address());
        asm!("dsb sy", "isb", options(nostack, preserves_flags));
    }
}

/// From EL1 into a kernel for EL1. Floating point is trapped again, as after reset.
///
/// # Safety
/// As [`enter`].
unsafe fn stay_at_el1(entry: &Entry) -> ! {
    let [x0, x1, x2, x3, x4, x5] = entry.arguments;
    // SAFETY: the caller's promise. The code goes on in the identity map, which stays.
    unsafe {
        asm!(
            "msr cpacr_el1, xzr",
            "msr ttbr1_el1, {ttbr1}",
            "msr tcr_el1, {tcr}",
            "isb",
            "tlbi vmalle1",
            "ic iallu",
            "dsb sy",
            "isb",
            "br {kernel}",
            ttbr1 = in(reg) WINDOW_L0.address(),
            tcr = in(reg) registers::TCR_EL1,
            kernel = in(reg) entry.kernel,
            in("x0") x0, in("x1") x1, in("x2") x2, in("x3") x3, in("x4") x4, in("x5") x5,
            options(noreturn),
        )
    }
}

/// From EL2 into a kernel for EL1, whose MMU is on when it arrives there. EL2's is switched off, since its tables are
/// in memory that the kernel gives away.
///
/// # Safety
/// As [`enter`].
unsafe fn leave_el2(entry: &Entry) -> ! {
    let [x0, x1, x2, x3, x4, x5] = entry.arguments;
    // SAFETY: the caller's promise. After EL2's MMU is off, execution goes on at the same address, without data
    // accesses.
    unsafe {
        asm!(
            "msr cpacr_el1, xzr",
            "msr mair_el1, {mair}",
            "msr tcr_el1, {tcr}",
            "msr ttbr0_el1, {ttbr0}",
            "msr ttbr1_el1, {ttbr1}",
            "msr sctlr_el1, {sctlr}",
            "msr spsr_el2, {spsr}",
            "msr elr_el2, {kernel}",
            "isb",
            "tlbi alle1",
            "ic iallu",
            "dsb sy",
            "isb",
            "msr sctlr_el2, {off}",
            "isb",
            "eret",
            mair = in(reg) registers::MAIR,
            tcr = in(reg) registers::TCR_EL1,
            ttbr0 = in(reg) IDENTITY_L0.address(),
            ttbr1 = in(reg) WINDOW_L0.address(),
            sctlr = in(reg) registers::SCTLR_EL1,
            spsr = in(reg) registers::SPSR_EL1H,
            kernel = in(reg) entry.kernel,
            off = in(reg) registers::SCTLR_EL2_OFF,
            in("x0") x0, in("x1") x1, in("x2") x2, in("x3") x3, in("x4") x4, in("x5") x5,
            options(noreturn),
        )
    }
}

/// From EL2 into a kernel for EL2, in the table that holds the identity map as well.
///
/// # Safety
/// As [`enter`].
unsafe fn stay_at_el2(entry: &Entry) -> ! {
    let [x0, x1, x2, x3, x4, x5] = entry.arguments;
    // SAFETY: the caller's promise.
    unsafe {
        asm!(
            "tlbi alle2",
            "ic iallu",
            "dsb sy",
            "isb",
            "br {kernel}",
            kernel = in(reg) entry.kernel,
            in("x0") x0, in("x1") x1, in("x2") x2, in("x3") x3, in("x4") x4, in("x5") x5,
            options(noreturn),
        )
    }
}
