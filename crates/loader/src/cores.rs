//! The other cores: started by PSCI, they enter the kernel as the first one does.
//!
//! PSCI is Arm's interface to whatever runs at EL3, here by SMC: the board's firmware, or QEMU itself (Arm DEN 0022).

use core::arch::asm;
use core::cell::UnsafeCell;

use crate::enter::{self, Entry};
use crate::fail::Error;
use crate::memory;

/// Cores of the board besides the first.
pub const OTHERS: usize = 3;
/// log2 of the bytes of such a core's stack.
pub const STACK_BITS: usize = 12;

/// CPU_ON with 64-bit arguments (DEN 0022, 5.1.4): `[core, entry, context]`.
const CPU_ON: u64 = 0xc400_0003;
/// INVALID_PARAMETERS, what PSCI answers for a core that is not there.
const INVALID_PARAMETERS: i64 = -2;

/// What every core enters the kernel with.
struct Shared(UnsafeCell<Option<Entry>>);
// SAFETY: written once, before another core runs, and only read afterwards.
unsafe impl Sync for Shared {}
static ENTRY: Shared = Shared(UnsafeCell::new(None));

unsafe extern "C" {
    /// Where another core starts (`head.S`).
    safe static secondary_start: u8;
}

/// Maps the kernel, and starts the other cores that it runs on.
///
/// # Errors
/// [`Error::Core`]
///
/// # Safety
/// As [`enter::enter`].
pub unsafe fn start_others(entry: Entry) -> Result<&'static Entry, Error> {
    enter::map(&entry.window);
    // SAFETY: one core runs yet.
    let entry: &'static Entry = unsafe { (*ENTRY.0.get()).insert(entry) };
    if entry.cores > 1 {
        // What this core wrote is in its cache alone, as memory that is not shared: the others find it in memory.
        for span in entry.loaded {
            memory::clean(span.start(), span.len());
        }
        enter::tables().iter().for_each(|&table| memory::clean(table, payload::PAGE));
        memory::clean(ENTRY.0.get() as u64, size_of::<Option<Entry>>() as u64);
    }
    for core in 1..entry.cores {
        // The number of a core of the one cluster is its affinity (MPIDR_EL1.Aff0).
        let error = match usize::from(core) <= OTHERS {
            // SAFETY: `secondary_start` is fit for a core that starts at the level of this one.
            true => unsafe { psci(CPU_ON, [core.into(), &raw const secondary_start as u64, core.into()]) },
            false => INVALID_PARAMETERS,
        };
        if error != 0 {
            return Err(Error::Core(core, error));
        }
    }
    Ok(entry)
}

/// Calls PSCI.
///
/// # Safety
/// What the function does must be sound.
unsafe fn psci(function: u64, arguments: [u64; 3]) -> i64 {
    let result;
    // SAFETY: the caller's promise. The SMC Calling Convention (DEN 0028) keeps x18 to x30.
    unsafe {
        asm!(
            "smc #0",
            inout("x0") function => result,
            in("x1") arguments[0], in("x2") arguments[1], in("x3") arguments[2],
            clobber_abi("C"),
            options(nostack),
        )
    }
    result
}

/// Where `head.S` leads on another core.
pub extern "C" fn secondary(core: u64) -> ! {
    // SAFETY: the first core wrote it before it started this one.
    match unsafe { &*ENTRY.0.get() } {
        // SAFETY: as for the first core, which checked it.
        Some(entry) => unsafe { enter::enter(entry, core) },
        None => unreachable!("the first core has an entry"),
    }
}
