//! Who owns which piece of memory: plain bookkeeping, with the kernel behind a trait, so that it runs on the host.
//!
//! Memory is cut into *blocks* of 2 MiB, each an untyped of its own. A block is *raw*, or it is *open* for one kind of
//! object: either one large frame, or up to 512 *units* of 4 KiB. Objects of an open block are made in batches as they are
//! first needed, and are used again rather than deleted when they are given back. A block all of whose units are free is
//! *idle*: it stays open, since the next request is likely of the same kind, and is closed (everything in it revoked)
//! only when another kind finds no raw block.
//!
//! The capabilities of a block's units live in a CNode that is made from the block's own first units, so slots are never
//! what runs out, and a unit's number is its slot.

use alloc::vec::Vec;

/// log2 of a block's bytes: a large frame's.
pub const BLOCK_BITS: usize = 21;
/// log2 of a unit's bytes: a small frame's.
pub const UNIT_BITS: usize = 12;
/// Units in a block.
pub const UNITS: usize = 1 << (BLOCK_BITS - UNIT_BITS);
/// Objects made by one call of the kernel, at most: a page fault must not wait for the retyping of a whole block.
const BATCH: usize = 32;

const NONE: u32 = u32::MAX;

/// A block's number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BlockId(pub u32);

/// A unit's number, counted over all blocks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Unit(pub u32);

impl Unit {
    /// The block it lies in.
    pub fn block(self) -> BlockId {
        BlockId(self.0 >> (BLOCK_BITS - UNIT_BITS))
    }
    /// Its number within the block.
    pub fn index(self) -> usize {
        self.0 as usize % UNITS
    }
    fn new(block: u32, index: usize) -> Self {
        Self(block * UNITS as u32 + index as u32)
    }
}

/// What a block is open for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// Frames of 4 KiB.
    Small,
    /// One frame of 2 MiB.
    Large,
    /// Untypeds of 4 KiB, each for one object made from it: page tables, a program's own objects.
    Untyped,
    /// A thread's TCB, notification and, where the kernel has such, scheduling context, with a slot for its fault endpoint.
    Thread,
    /// The whole block given away as one untyped.
    Whole,
}

/// Number of kinds.
const KINDS: usize = 5;

impl Kind {
    /// log2 of the slots in the CNode of a block of this kind; no CNode if the block's single capability needs none.
    pub fn cnode_radix(self) -> Option<usize> {
        match self {
            Kind::Small => Some(9),
            Kind::Untyped => Some(10),
            Kind::Thread => Some(11),
            Kind::Large | Kind::Whole => None,
        }
    }
}

/// What the pool has the kernel do.
pub trait Kernel {
    /// Makes the untyped of a block that was never used; `false` if the kernel refuses.
    fn carve(&mut self, block: BlockId) -> bool;
    /// Opens a raw block for `kind`; gives the number of units its CNode takes.
    fn open(&mut self, block: BlockId, kind: Kind) -> Option<usize>;
    /// Makes the objects of units `first..first + count`.
    fn create(&mut self, block: BlockId, kind: Kind, first: usize, count: usize) -> bool;
    /// Deletes every object of the block: it is raw again.
    fn close(&mut self, block: BlockId, kind: Kind);
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Never used: its untyped is not yet made.
    Uncarved,
    Raw,
    Open(Kind),
}

struct Block {
    state: State,
    /// Units whose objects exist.
    created: u16,
    /// Units taken by the block's CNode.
    reserved: u16,
    /// Units free, made or not.
    free: u16,
    next: u32,
    prev: u32,
    used: [u64; UNITS / 64],
}

#[derive(Clone, Copy)]
struct List(u32);

/// All memory that is handed out.
pub struct Pool {
    blocks: Vec<Block>,
    /// Blocks below this number are carved or given up.
    carved: usize,
    raw: List,
    partial: [List; KINDS],
    idle: [List; KINDS],
    /// Blocks all of which is free, on whatever list.
    whole_blocks_free: usize,
    /// Units free in partial blocks, by kind.
    units_free: [usize; KINDS],
    /// Blocks that do not become frames nor are given away.
    kept: usize,
}

impl Pool {
    /// A pool of `blocks` blocks, all uncarved. Allocates what it ever needs.
    pub fn new(blocks: usize) -> Self {
        let fresh = || Block {
            state: State::Uncarved,
            created: 0,
            reserved: 0,
            free: 0,
            next: NONE,
            prev: NONE,
            used: [0; UNITS / 64],
        };
        Self {
            blocks: (0..blocks).map(|_| fresh()).collect(),
            carved: 0,
            raw: List(NONE),
            partial: [List(NONE); KINDS],
            idle: [List(NONE); KINDS],
            whole_blocks_free: blocks,
            units_free: [0; KINDS],
            kept: 0,
        }
    }

    /// Number of blocks.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// 4 KiB pieces that are free, whatever they are open for now.
    pub fn free_units(&self) -> usize {
        self.whole_blocks_free * UNITS + self.units_free.iter().sum::<usize>()
    }

    /// Units that are free in blocks of which others are in use: good for `kind` only.
    pub fn free_of(&self, kind: Kind) -> usize {
        self.units_free[kind as usize]
    }

    /// Keeps so many whole blocks for kinds that are no frames: what frames leave over is of no use to them.
    pub fn keep_blocks(&mut self, blocks: usize) {
        self.kept = blocks;
    }

    /// A block number for a large frame or to be given away whole.
    pub fn take_block(&mut self, kernel: &mut impl Kernel, kind: Kind) -> Option<BlockId> {
        let block = self.all_free(kernel, kind)?;
        self.blocks[block as usize].free = 0;
        Some(BlockId(block))
    }

    /// Takes a block of [`Pool::take_block`] back. A large frame must have been zeroed.
    pub fn give_block(&mut self, block: BlockId) {
        let State::Open(kind) = self.blocks[block.0 as usize].state else { panic!("a raw block was given back") };
        self.blocks[block.0 as usize].free = UNITS as u16;
        self.push_idle(kind, block.0);
    }

    /// One unit of `kind`; a small frame is zero.
    pub fn take(&mut self, kernel: &mut impl Kernel, kind: Kind) -> Option<Unit> {
        let block = match self.partial[kind as usize] {
            List(NONE) => {
                let block = self.all_free(kernel, kind)?;
                self.units_free[kind as usize] += self.blocks[block as usize].free as usize;
                self.push(|p| &mut p.partial[kind as usize], block);
                block
            }
            List(block) => block,
        };
        let b = &mut self.blocks[block as usize];
        let index = first_free(&b.used).expect("a partial block has a free unit");
        if index >= b.created as usize {
            let first = b.created as usize;
            let count = BATCH.min(UNITS - first);
            if !kernel.create(BlockId(block), kind, first, count) {
                return None;
            }
            b.created = (first + count) as u16;
        }
        b.used[index / 64] |= 1 << (index % 64);
        b.free -= 1;
        self.units_free[kind as usize] -= 1;
        if b.free == 0 {
            self.remove(|p| &mut p.partial[kind as usize], block);
        }
        Some(Unit::new(block, index))
    }

    /// Takes a unit back. A small frame must have been zeroed.
    pub fn give(&mut self, unit: Unit) {
        let block = unit.block().0;
        let b = &mut self.blocks[block as usize];
        let State::Open(kind) = b.state else { panic!("a unit of a raw block was given back") };
        let (word, bit) = (unit.index() / 64, 1u64 << (unit.index() % 64));
        assert!(b.used[word] & bit != 0 && unit.index() >= b.reserved as usize, "a free unit was given back");
        b.used[word] &= !bit;
        b.free += 1;
        self.units_free[kind as usize] += 1;
        let (free, capacity) = (b.free, UNITS as u16 - b.reserved);
        if free == 1 {
            self.push(|p| &mut p.partial[kind as usize], block);
        }
        if free == capacity {
            self.remove(|p| &mut p.partial[kind as usize], block);
            self.units_free[kind as usize] -= free as usize;
            self.push_idle(kind, block);
        }
    }

    /// A block open for `kind` that is on no list, all of it free: an idle one, or a raw one opened for it.
    fn all_free(&mut self, kernel: &mut impl Kernel, kind: Kind) -> Option<u32> {
        if self.whole_blocks_free <= self.kept && !matches!(kind, Kind::Untyped | Kind::Thread) {
            return None;
        }
        if let Some(block) = self.pop_idle(kind) {
            return Some(block);
        }
        let block = self.take_raw(kernel)?;
        self.open(kernel, block, kind).then_some(block)
    }

    /// A raw block: one that was closed, the next uncarved one, or an idle one of another kind.
    fn take_raw(&mut self, kernel: &mut impl Kernel) -> Option<u32> {
        if let List(block) = self.raw
            && block != NONE
        {
            self.remove(|p| &mut p.raw, block);
            self.whole_blocks_free -= 1;
            return Some(block);
        }
        while self.carved < self.blocks.len() {
            let block = self.carved as u32;
            self.carved += 1;
            self.whole_blocks_free -= 1;
            if kernel.carve(BlockId(block)) {
                self.blocks[block as usize].state = State::Raw;
                return Some(block);
            }
        }
        let kind = [Kind::Small, Kind::Large, Kind::Untyped, Kind::Thread, Kind::Whole]
            .into_iter()
            .find(|&kind| self.idle[kind as usize].0 != NONE)?;
        let block = self.pop_idle(kind)?;
        kernel.close(BlockId(block), kind);
        self.blocks[block as usize].state = State::Raw;
        Some(block)
    }

    /// Opens a raw block that is on no list; puts it back if the kernel refuses.
    fn open(&mut self, kernel: &mut impl Kernel, block: u32, kind: Kind) -> bool {
        let Some(reserved) = kernel.open(BlockId(block), kind) else {
            self.push(|p| &mut p.raw, block);
            self.whole_blocks_free += 1;
            return false;
        };
        let b = &mut self.blocks[block as usize];
        b.state = State::Open(kind);
        b.used = [0; UNITS / 64];
        (0..reserved).for_each(|i| b.used[i / 64] |= 1 << (i % 64));
        b.reserved = reserved as u16;
        b.created = reserved as u16;
        b.free = (UNITS - reserved) as u16;
        true
    }

    fn pop_idle(&mut self, kind: Kind) -> Option<u32> {
        let List(block) = self.idle[kind as usize];
        if block == NONE {
            return None;
        }
        self.remove(|p| &mut p.idle[kind as usize], block);
        self.whole_blocks_free -= 1;
        Some(block)
    }

    fn push_idle(&mut self, kind: Kind, block: u32) {
        self.push(|p| &mut p.idle[kind as usize], block);
        self.whole_blocks_free += 1;
    }

    fn push(&mut self, list: impl Fn(&mut Self) -> &mut List, block: u32) {
        let head = list(self).0;
        self.blocks[block as usize].next = head;
        self.blocks[block as usize].prev = NONE;
        if head != NONE {
            self.blocks[head as usize].prev = block;
        }
        list(self).0 = block;
    }

    fn remove(&mut self, list: impl Fn(&mut Self) -> &mut List, block: u32) {
        let (next, prev) = (self.blocks[block as usize].next, self.blocks[block as usize].prev);
        match prev {
            NONE => list(self).0 = next,
            prev => self.blocks[prev as usize].next = next,
        }
        if next != NONE {
            self.blocks[next as usize].prev = prev;
        }
    }
}

fn first_free(used: &[u64]) -> Option<usize> {
    let word = used.iter().position(|&word| word != u64::MAX)?;
    Some(word * 64 + used[word].trailing_ones() as usize)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// A kernel that checks what the pool asks for.
    #[derive(Default)]
    struct Checked {
        carved: BTreeSet<u32>,
        open: std::collections::BTreeMap<u32, (Kind, usize)>,
    }

    impl Kernel for Checked {
        fn carve(&mut self, block: BlockId) -> bool {
            assert!(self.carved.insert(block.0));
            true
        }
        fn open(&mut self, block: BlockId, kind: Kind) -> Option<usize> {
            let reserved = kind.cnode_radix().map_or(0, |radix| (1usize << (radix + 5)) >> UNIT_BITS);
            assert!(self.carved.contains(&block.0));
            assert!(self.open.insert(block.0, (kind, reserved)).is_none());
            Some(reserved)
        }
        fn create(&mut self, block: BlockId, kind: Kind, first: usize, count: usize) -> bool {
            let made = self.open.get_mut(&block.0).unwrap();
            assert_eq!((kind, first), (made.0, made.1));
            made.1 += count;
            assert!(made.1 <= UNITS);
            true
        }
        fn close(&mut self, block: BlockId, kind: Kind) {
            assert_eq!(self.open.remove(&block.0).unwrap().0, kind);
        }
    }

    #[test]
    fn memory_ends_and_comes_back() {
        let (mut pool, mut kernel) = (Pool::new(2), Checked::default());
        let before = pool.free_units();
        assert_eq!(before, 2 * UNITS);
        let mut taken = Vec::new();
        while let Some(unit) = pool.take(&mut kernel, Kind::Small) {
            taken.push(unit);
        }
        assert_eq!(taken.len(), 2 * (UNITS - 4));
        assert_eq!(pool.free_units(), 0);
        assert!(pool.take_block(&mut kernel, Kind::Large).is_none());
        taken.into_iter().for_each(|unit| pool.give(unit));
        assert_eq!(pool.free_units(), before);
        let large: Vec<_> = (0..2).map(|_| pool.take_block(&mut kernel, Kind::Large).unwrap()).collect();
        assert!(pool.take(&mut kernel, Kind::Thread).is_none());
        large.into_iter().for_each(|block| pool.give_block(block));
        assert_eq!(pool.free_units(), before);
    }

    #[test]
    fn kept_blocks_are_not_for_frames() {
        let (mut pool, mut kernel) = (Pool::new(4), Checked::default());
        pool.keep_blocks(2);
        let small: Vec<_> = core::iter::from_fn(|| pool.take(&mut kernel, Kind::Small)).collect();
        assert_eq!(small.len(), 2 * (UNITS - 4));
        assert!(
            pool.take_block(&mut kernel, Kind::Large).is_none() && pool.take_block(&mut kernel, Kind::Whole).is_none()
        );
        // One frame in each block is enough to keep both from everything else.
        small.iter().filter(|unit| unit.index() % 100 != 7).for_each(|&unit| pool.give(unit));
        assert!(pool.free_of(Kind::Small) > UNITS && pool.free_of(Kind::Untyped) == 0);
        let tables: Vec<_> = core::iter::from_fn(|| pool.take(&mut kernel, Kind::Untyped)).collect();
        assert_eq!(tables.len(), 2 * (UNITS - 8));
        pool.give(tables[0]);
        assert_eq!(pool.free_of(Kind::Untyped), 1);
    }

    #[test]
    #[should_panic(expected = "a free unit was given back")]
    fn giving_twice_is_noticed() {
        let (mut pool, mut kernel) = (Pool::new(1), Checked::default());
        let (a, _b) = (pool.take(&mut kernel, Kind::Small).unwrap(), pool.take(&mut kernel, Kind::Small).unwrap());
        pool.give(a);
        pool.give(a);
    }

    proptest! {
        #![proptest_config(crate::testing::cases(2))]
        #[test]
        fn no_piece_is_given_twice_and_none_is_lost(ops in prop::collection::vec((0u8..4, any::<u16>()), crate::testing::steps(2000))) {
            let (mut pool, mut kernel) = (Pool::new(4), Checked::default());
            let before = pool.free_units();
            let (mut units, mut blocks) = (Vec::<Unit>::new(), Vec::<BlockId>::new());
            for (op, pick) in ops {
                match op {
                    0 | 1 => {
                        let kind = [Kind::Small, Kind::Untyped, Kind::Thread][pick as usize % 3];
                        if let Some(unit) = pool.take(&mut kernel, kind) {
                            prop_assert!(!units.contains(&unit) && !blocks.contains(&unit.block()));
                            units.push(unit);
                        }
                    }
                    2 if pick % 4 == 0 => {
                        if let Some(block) = pool.take_block(&mut kernel, Kind::Large) {
                            prop_assert!(!blocks.contains(&block) && units.iter().all(|u| u.block() != block));
                            blocks.push(block);
                        }
                    }
                    _ if pick % 5 == 0 && !blocks.is_empty() => {
                        pool.give_block(blocks.swap_remove(pick as usize % blocks.len()));
                    }
                    _ if !units.is_empty() => pool.give(units.swap_remove(pick as usize % units.len())),
                    _ => {}
                }
            }
            units.into_iter().for_each(|u| pool.give(u));
            blocks.into_iter().for_each(|b| pool.give_block(b));
            prop_assert_eq!(pool.free_units(), before);
        }
    }
}
