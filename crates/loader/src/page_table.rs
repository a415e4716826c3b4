//! The contents of the first page tables.
//!
//! Two of them matter. The *identity map* is what the loader itself runs in: 1 GiB blocks, virtual address equal to
//! physical address, memory cached, devices not. The *kernel window* is what the kernel starts in: 2 MiB blocks from
//! the kernel's lowest virtual address to the end of that GiB, as seL4's kernels expect of any loader. The kernel
//! replaces both by its own tables soon after it starts.
//!
//! Descriptor formats: Arm Architecture Reference Manual DDI 0487, D8.3, VMSAv8-64 with the 4 KiB granule.

use core::fmt;

use payload::board;
use payload::elf::Program;
use payload::span::{Span, align_down, align_up};

/// Entries of a table.
pub const ENTRIES: usize = 512;
/// Size of what an entry of a level 1 table maps, in bytes.
pub const GIB: u64 = 1 << 30;
/// Size of what an entry of a level 2 table maps, in bytes.
pub const BLOCK_2M: u64 = 1 << 21;

/// Descriptor of a block.
const BLOCK: u64 = 0b01;
/// Descriptor of a table of the next level.
const TABLE: u64 = 0b11;
/// The access flag, without which a first access faults.
const ACCESSED: u64 = 1 << 10;
/// Attribute index of uncached device memory in the MAIR that seL4's kernels share with their loader.
const DEVICE: u64 = 0 << 2;
/// Attribute index of cached memory in the same MAIR.
const NORMAL: u64 = 4 << 2;
/// Neither EL0 nor the level that uses the table may execute from here.
const NO_EXECUTE: u64 = 0b11 << 53;

/// Shareability of the kernel window: must equal the kernel's own, which is "none" for kernels of one core, and "inner shareable"
/// for those of several.
const INNER_SHAREABLE: u64 = 0b11 << 8;

/// A page table of any level.
#[repr(C, align(4096))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table(pub [u64; ENTRIES]);

impl Table {
    /// A table that maps nothing.
    pub const EMPTY: Self = Self([0; ENTRIES]);

    /// The level 1 table of the identity map: all of `ram`, and `devices` uncached and not executable.
    #[must_use]
    pub const fn identity(ram: &[Span], devices: Span) -> Self {
        let mut table = Self::EMPTY;
        let mut index = 0;
        while index < ENTRIES {
            let start = index as u64 * GIB;
            let block = Span::between(start, start + GIB);
            if overlaps_any(block, ram) {
                table.0[index] = start | ACCESSED | NORMAL | BLOCK;
            } else if block.overlaps(devices) {
                table.0[index] = start | ACCESSED | DEVICE | NO_EXECUTE | BLOCK;
            }
            index += 1;
        }
        table
    }
}

const fn overlaps_any(block: Span, ram: &[Span]) -> bool {
    let mut index = 0;
    while index < ram.len() {
        if block.overlaps(ram[index]) {
            return true;
        }
        index += 1;
    }
    false
}

/// The descriptor that makes the table at physical address `table` the next level.
#[must_use]
pub const fn table_descriptor(table: u64) -> u64 {
    table | TABLE
}

/// Which half of the address space a kernel lives in, and with it the exception level it runs at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// Upper half: TTBR1_EL1, a kernel for EL1.
    Upper,
    /// Lower half: TTBR0_EL2, a kernel with hypervisor support for EL2, beside the identity map.
    Lower,
}

/// Where the kernel window lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The half of the address space.
    pub half: Half,
    /// Index in the level 0 table.
    pub l0_index: usize,
    /// Index in the level 1 table.
    pub l1_index: usize,
    /// First index in the level 2 table.
    first: usize,
    /// Physical address of the first block.
    phys: u64,
    /// End of the memory that may be mapped.
    limit: u64,
    /// Shareability of every block.
    shareability: u64,
}

impl Window {
    /// The window for `kernel`, up to the end of the bank of memory that it is loaded into. mkimage makes this check
    /// too.
    ///
    /// # Errors
    /// As [`Window::new`].
    pub fn of(kernel: &Program<'_>) -> Result<Self, WindowError> {
        let phys = kernel.phys();
        let bank = board::RAM.iter().find(|bank| bank.covers(phys)).copied().unwrap_or(phys);
        Self::new(kernel.virt(), phys, bank.end())
    }

    /// The window for a kernel at `virt` that is loaded at `phys`, both of the same length, in the bank of memory that
    /// ends at `limit`.
    ///
    /// # Errors
    /// [`WindowError`]: not a place that one level 2 table can map.
    pub fn new(virt: Span, phys: Span, limit: u64) -> Result<Self, WindowError> {
        let last = virt.end().saturating_sub(1);
        let half = match (virt.start() >> 48, last >> 48) {
            (0xffff, 0xffff) => Half::Upper,
            (0, 0) => Half::Lower,
            _ => return Err(WindowError::NotCanonical(virt)),
        };
        if (virt.start() ^ phys.start()) & (BLOCK_2M - 1) != 0 {
            return Err(WindowError::Misaligned { virt, phys });
        }
        if virt.start() / GIB != last / GIB {
            return Err(WindowError::CrossesGib(virt));
        }
        let index = |shift: u32| (virt.start() >> shift) as usize % ENTRIES;
        if half == Half::Lower && index(39) == 0 {
            return Err(WindowError::OnIdentityMap(virt));
        }
        Ok(Self {
            half,
            l0_index: index(39),
            l1_index: index(30),
            first: index(21),
            phys: align_down(phys.start(), BLOCK_2M),
            limit,
            shareability: 0,
        })
    }

    /// The same window for a kernel that runs on `cores` cores.
    #[must_use]
    pub fn for_cores(self, cores: u8) -> Self {
        Self { shareability: if cores > 1 { INNER_SHAREABLE } else { 0 }, ..self }
    }

    /// Fills the level 2 table: blocks of consecutive memory up to the end of the table or of the memory.
    pub fn fill(&self, l2: &mut Table) {
        let limit = align_up(self.limit, BLOCK_2M).unwrap_or(self.limit);
        let blocks = (self.phys..limit).step_by(BLOCK_2M as usize);
        for (entry, phys) in l2.0[self.first..].iter_mut().zip(blocks) {
            *entry = phys | ACCESSED | self.shareability | NORMAL | BLOCK;
        }
    }
}

/// Why a kernel cannot be mapped for its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowError {
    /// Not within the upper or the lower half of a 48-bit address space.
    NotCanonical(Span),
    /// Virtual and physical address differ within a 2 MiB block.
    Misaligned {
        /// Virtual addresses.
        virt: Span,
        /// Physical addresses.
        phys: Span,
    },
    /// The kernel is in two GiB.
    CrossesGib(Span),
    /// A kernel of the lower half where the loader runs.
    OnIdentityMap(Span),
}

impl fmt::Display for WindowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotCanonical(virt) => {
                write!(f, "linked at {virt}, in neither half of the address space")
            }
            Self::Misaligned { virt, phys } => {
                write!(f, "linked at {virt} but loaded at {phys}: they differ within 2 MiB")
            }
            Self::CrossesGib(virt) => write!(f, "linked at {virt}, across a GiB boundary"),
            Self::OnIdentityMap(virt) => {
                write!(f, "linked at {virt}, in the loader's own first 512 GiB")
            }
        }
    }
}

impl core::error::Error for WindowError {}
