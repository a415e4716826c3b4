//! The capability space of the program: one layout, whose addresses are computed and never searched.
//!
//! The kernel gives the initial thread a root CNode of fixed size, too small for a frame capability per page of memory. So
//! a *directory* CNode takes its place as root, with the initial CNode as its first entry, which leaves the kernel's own
//! capability pointers valid:
//!
//! ```text
//!  63                 16+D        16              0
//! +-------------------+-----------+---------------+
//! | zero              | directory | slot          |
//! +-------------------+-----------+---------------+
//!   directory 0: the initial CNode         1: the untypeds of the blocks      2: the large frames
//!             3: the program's own slots   FIRST_BLOCK + STRIDE * b: the units of block b
//!             the entries between: copies of frames' capabilities
//! ```

use super::copies::{self, Copy};
use super::pool::{BlockId, Kind, UNITS, Unit};
use crate::sel4::{self, CPtr, Dest, Guard, WORD_BITS, init, object};

/// Bits of a slot number below the directory.
pub const SLOT_FIELD: usize = 16;
/// Directory entry of the blocks' untypeds.
const UNTYPEDS: usize = 1;
/// Directory entry of the large frames.
const LARGE: usize = 2;
/// Directory entry of the program's own slots.
const PROGRAM: usize = 3;
/// Directory entry of block 0's units.
const FIRST_BLOCK: usize = 4;
/// Directory entries from one block's units to the next one's; those between are for CNodes of copies.
const STRIDE: usize = 4;
/// log2 of the number of slots a program may use itself.
const PROGRAM_RADIX: usize = 12;

/// The directory and where the next free slot of the initial CNode is.
pub struct CSpace {
    /// The directory's capability in the initial CNode.
    directory: CPtr,
    guard: Guard,
    next_initial: usize,
    end_initial: usize,
    /// One bit for each of the program's own slots.
    program: [u64; (1 << PROGRAM_RADIX) / 64],
}

/// The untyped of a block.
pub fn untyped_of(block: BlockId) -> CPtr {
    CPtr(UNTYPEDS << SLOT_FIELD | block.0 as usize)
}

/// The frame of a block that is one large frame.
pub fn large_frame(block: BlockId) -> CPtr {
    CPtr(LARGE << SLOT_FIELD | block.0 as usize)
}

/// The first capability of a unit: small frame, untyped, or TCB.
pub fn unit(unit: Unit) -> CPtr {
    CPtr(entry_of(unit.block()) << SLOT_FIELD | unit.index())
}

/// The directory entry of a block's units.
fn entry_of(block: BlockId) -> usize {
    FIRST_BLOCK + STRIDE * block.0 as usize
}

/// The directory entry of a CNode of copies.
fn entry_of_copies(node: usize) -> usize {
    FIRST_BLOCK + node / (STRIDE - 1) * STRIDE + 1 + node % (STRIDE - 1)
}

/// CNodes of copies that there is room for, with memory of so many blocks.
pub fn copy_nodes(blocks: usize) -> usize {
    blocks * (STRIDE - 1)
}

/// A copy of a frame's capability.
pub fn copy(copy: Copy) -> CPtr {
    CPtr(entry_of_copies(copy.node()) << SLOT_FIELD | copy.slot())
}

/// The second capability of a unit: what was made from an untyped, or a thread's notification.
pub fn unit_second(unit: Unit) -> CPtr {
    CPtr(self::unit(unit).0 + UNITS)
}

/// The third capability of a unit: a thread's fault endpoint.
pub fn unit_third(unit: Unit) -> CPtr {
    CPtr(self::unit(unit).0 + 2 * UNITS)
}

/// Which capability of a thread's unit is its scheduling context, on kernels that have such.
pub const SCHED_CONTEXT: usize = 3;

/// The scheduling context of a thread's unit, on kernels that have such.
pub fn sched_context(unit: Unit) -> CPtr {
    CPtr(self::unit(unit).0 + SCHED_CONTEXT * UNITS)
}

impl CSpace {
    /// A view of the initial CNode alone, before there is a directory.
    pub fn initial(empty: core::ops::Range<usize>) -> Self {
        Self {
            directory: init::CNODE,
            guard: Guard { bits: 0 },
            next_initial: empty.start,
            end_initial: empty.end,
            program: [0; (1 << PROGRAM_RADIX) / 64],
        }
    }

    /// A free slot of the initial CNode; what start-up makes for good lives there.
    pub fn initial_slot(&mut self) -> CPtr {
        assert!(self.next_initial < self.end_initial, "the initial CNode is full");
        self.next_initial += 1;
        CPtr(self.next_initial - 1)
    }

    /// The initial CNode as the destination of a retype.
    pub fn initial_dest() -> Dest {
        Dest { root: init::CNODE, index: 0, depth: 0 }
    }

    /// Builds the directory for `blocks` blocks and makes it the CSpace of the calling, initial thread. `make` makes an object for
    /// good: type and size bits, to a slot of the initial CNode.
    pub fn build(
        &mut self,
        blocks: usize,
        initial_radix: usize,
        mut make: impl FnMut(&mut Self, object::Type, usize) -> CPtr,
    ) {
        let radix = (FIRST_BLOCK + STRIDE * blocks).next_power_of_two().trailing_zeros() as usize;
        let blocks_radix = blocks.next_power_of_two().trailing_zeros() as usize;
        assert!(initial_radix <= SLOT_FIELD && blocks_radix <= SLOT_FIELD, "the CSpace's fields are too narrow");
        let bare = make(self, object::CNODE, radix);
        self.guard = Guard { bits: WORD_BITS - SLOT_FIELD - radix };
        let initial = Guard { bits: SLOT_FIELD - initial_radix };
        sel4::mint_guard((bare, 0, radix), (init::CNODE, init::CNODE.0, WORD_BITS), initial)
            .expect("directory entry 0");
        for (entry, size) in [(UNTYPEDS, blocks_radix), (LARGE, blocks_radix), (PROGRAM, PROGRAM_RADIX)] {
            let cnode = make(self, object::CNODE, size);
            let guard = Guard { bits: SLOT_FIELD - size };
            sel4::mutate_guard((bare, entry, radix), (init::CNODE, cnode.0, WORD_BITS), guard)
                .expect("directory entry");
        }
        self.directory = self.initial_slot();
        sel4::mint_guard((init::CNODE, self.directory.0, WORD_BITS), (init::CNODE, bare.0, WORD_BITS), self.guard)
            .expect("the directory's guard");
        // Its faults go nowhere yet: start-up gives the endpoint once there is a thread to answer.
        sel4::tcb_set_space(init::TCB, CPtr(0), self.root()).expect("the initial thread takes the new CSpace");
    }

    /// The root and guard that every thread of the program gets.
    pub fn root(&self) -> (CPtr, Guard) {
        (self.directory, self.guard)
    }

    /// A slot as CNode invocations name one.
    pub fn path(&self, slot: CPtr) -> sel4::Slot {
        (self.directory, slot.0, WORD_BITS)
    }

    /// The CNode a slot lies in as the destination of a retype, and the slot's place in it.
    pub fn dest(&self, slot: CPtr) -> (Dest, usize) {
        let dest = Dest { root: self.directory, index: slot.0 >> SLOT_FIELD, depth: WORD_BITS - SLOT_FIELD };
        (dest, slot.0 & ((1 << SLOT_FIELD) - 1))
    }

    /// Makes the CNode of a block's units from the block itself; gives how many units it took.
    pub fn open(&mut self, block: BlockId, kind: Kind) -> Option<usize> {
        let Some(radix) = kind.cnode_radix() else { return Some(0) };
        self.make_node(untyped_of(block), radix, entry_of(block))?;
        Some((1 << (radix + object::SLOT_BITS)) >> super::pool::UNIT_BITS)
    }

    /// Makes a CNode of copies from an untyped of a unit's size.
    pub fn open_copies(&mut self, node: usize, memory: Unit) -> Option<()> {
        self.make_node(unit(memory), copies::RADIX, entry_of_copies(node))
    }

    /// Makes a CNode from an untyped and puts it into a free entry of the directory.
    fn make_node(&mut self, untyped: CPtr, radix: usize, entry: usize) -> Option<()> {
        let scratch = CPtr(self.next_initial);
        sel4::retype(untyped, object::CNODE, radix, Self::initial_dest(), scratch.0, 1).ok()?;
        let to = (self.directory, entry, WORD_BITS - SLOT_FIELD);
        let guard = Guard { bits: SLOT_FIELD - radix };
        sel4::mutate_guard(to, (init::CNODE, scratch.0, WORD_BITS), guard).ok()
    }

    /// `count` slots in a row for the program itself, a power of two up to 64.
    pub fn take_program_slots(&mut self, count: usize) -> Option<CPtr> {
        let mask = if count == 64 { u64::MAX } else { (1 << count) - 1 };
        for (index, word) in self.program.iter_mut().enumerate() {
            let fits = |shift: &usize| *word & (mask << shift) == 0;
            if let Some(shift) = (0..64).step_by(count).find(fits) {
                *word |= mask << shift;
                return Some(CPtr(PROGRAM << SLOT_FIELD | (index * 64 + shift)));
            }
        }
        None
    }

    /// Gives slots of [`CSpace::take_program_slots`] back after deleting what is in them; `false` if they were not taken.
    pub fn give_program_slots(&mut self, first: CPtr, count: usize) -> bool {
        let index = first.0 & ((1 << SLOT_FIELD) - 1);
        let mask = if count == 64 { u64::MAX } else { (1 << count) - 1 } << (index % 64);
        if first.0 >> SLOT_FIELD != PROGRAM || !index.is_multiple_of(count) || index >> PROGRAM_RADIX != 0 {
            return false;
        }
        if self.program[index / 64] & mask != mask {
            return false;
        }
        for slot in first.0..first.0 + count {
            let (root, index, depth) = self.path(CPtr(slot));
            let _ = sel4::delete(root, index, depth);
        }
        self.program[index / 64] &= !mask;
        true
    }
}
