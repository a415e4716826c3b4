//! Who owns which capability: untypeds, slots, objects.
//!
//! [`pool`] keeps the books, [`cspace`] says at which capability pointer each object is, and [`Objects`] joins the two with
//! the kernel. Everything here is reached through the lock of the address space (`mm::SPACE`).

pub mod copies;
pub mod devices;
pub mod pool;

#[cfg(target_vendor = "sel4")]
pub mod cspace;

#[cfg(target_vendor = "sel4")]
pub use on_sel4::Objects;

#[cfg(target_vendor = "sel4")]
mod on_sel4 {
    use super::copies::{Copies, Copy};
    use super::cspace::{self, CSpace};
    use super::pool::{BLOCK_BITS, BlockId, Kernel, Kind, Pool, UNITS, Unit};
    use crate::sel4::{self, CPtr, object};
    use alloc::vec::Vec;

    /// An untyped that the kernel gave us, as large as a block or larger.
    struct Source {
        untyped: CPtr,
        first_block: u32,
        blocks: u32,
    }

    /// The kernel, as the pool calls it.
    struct Maker {
        cspace: CSpace,
        sources: Vec<Source>,
    }

    /// All memory and all capabilities of the program.
    pub struct Objects {
        pool: Pool,
        copies: Copies,
        maker: Maker,
    }

    impl Kernel for Maker {
        fn carve(&mut self, block: BlockId) -> bool {
            let at = self.sources.partition_point(|s| s.first_block + s.blocks <= block.0);
            let (dest, offset) = self.cspace.dest(cspace::untyped_of(block));
            sel4::retype(self.sources[at].untyped, object::UNTYPED, BLOCK_BITS, dest, offset, 1).is_ok()
        }

        fn open(&mut self, block: BlockId, kind: Kind) -> Option<usize> {
            let reserved = self.cspace.open(block, kind)?;
            if kind == Kind::Large {
                let (dest, offset) = self.cspace.dest(cspace::large_frame(block));
                sel4::retype(cspace::untyped_of(block), object::LARGE_PAGE, 0, dest, offset, 1).ok()?;
            }
            Some(reserved)
        }

        fn create(&mut self, block: BlockId, kind: Kind, first: usize, count: usize) -> bool {
            let untyped = cspace::untyped_of(block);
            let start = Unit((block.0 as usize * UNITS + first) as u32);
            let (dest, offset) = self.cspace.dest(cspace::unit(start));
            match kind {
                Kind::Small => sel4::retype(untyped, object::SMALL_PAGE, 0, dest, offset, count).is_ok(),
                Kind::Untyped => {
                    sel4::retype(untyped, object::UNTYPED, super::pool::UNIT_BITS, dest, offset, count).is_ok()
                }
                // A thread's objects in turn, so that they stay within its unit's 4 KiB
                Kind::Thread => (offset..offset + count).all(|slot| {
                    sel4::retype(untyped, object::TCB, 0, dest, slot, 1).is_ok()
                        && sel4::retype(untyped, object::NOTIFICATION, 0, dest, slot + UNITS, 1).is_ok()
                        && object::SCHED_CONTEXT.is_none_or(|context| {
                            let slot = slot + cspace::SCHED_CONTEXT * UNITS;
                            sel4::retype(untyped, context, context.bits, dest, slot, 1).is_ok()
                        })
                }),
                Kind::Large | Kind::Whole => false,
            }
        }

        fn close(&mut self, block: BlockId, _kind: Kind) {
            let (root, index, depth) = self.cspace.path(cspace::untyped_of(block));
            sel4::revoke(root, index, depth).expect("a block's untyped can be revoked");
        }
    }

    /// A piece of memory that BootInfo lists.
    #[derive(Clone, Copy)]
    pub struct Untyped {
        /// Its capability.
        pub cap: CPtr,
        /// log2 of its bytes.
        pub bits: usize,
    }

    impl Objects {
        /// Takes over the memory that BootInfo lists, and makes `cspace` the initial thread's space; gives the small untypeds
        /// that are left for objects made for good.
        pub fn new(mut cspace: CSpace, initial_radix: usize, mut ram: Vec<Untyped>) -> (Self, Permanent) {
            // Small ones first: the first retype from an untyped clears all of it.
            ram.sort_by_key(|u| u.bits);
            let small = ram.partition_point(|u| u.bits < BLOCK_BITS);
            let mut permanent = Permanent { small: ram[..small].iter().copied().map(Piece::from).collect() };
            let total: usize = ram[small..].iter().map(|u| 1usize << (u.bits - BLOCK_BITS)).sum();
            // What start-up makes for good may need one block more than the small pieces hold.
            permanent.small.extend(ram.get(small).copied().filter(|u| u.bits == BLOCK_BITS).map(Piece::from));
            let rest = &ram[small + permanent.small.len().saturating_sub(small)..];
            cspace.build(total, initial_radix, |cspace, ty, bits| permanent.make(cspace, ty, bits));
            let mut sources = Vec::new();
            let mut first_block = 0;
            for u in rest {
                let blocks = 1 << (u.bits - BLOCK_BITS);
                sources.push(Source { untyped: u.cap, first_block, blocks });
                first_block += blocks;
            }
            let pool = Pool::new(first_block as usize);
            let copies = Copies::new(cspace::copy_nodes(first_block as usize));
            (Self { pool, copies, maker: Maker { cspace, sources } }, permanent)
        }

        /// The capability space.
        pub fn cspace(&mut self) -> &mut CSpace {
            &mut self.maker.cspace
        }

        /// One unit of `kind`; a small frame is zero.
        pub fn take(&mut self, kind: Kind) -> Option<Unit> {
            self.pool.take(&mut self.maker, kind)
        }

        /// Takes a unit back.
        pub fn give(&mut self, unit: Unit) {
            self.pool.give(unit);
        }

        /// One whole block.
        pub fn take_block(&mut self, kind: Kind) -> Option<BlockId> {
            self.pool.take_block(&mut self.maker, kind)
        }

        /// Takes a block back.
        pub fn give_block(&mut self, block: BlockId) {
            self.pool.give_block(block);
        }

        /// 4 KiB pieces that are free.
        pub fn free_units(&self) -> usize {
            self.pool.free_units() + self.copies.spare_units()
        }

        /// Pieces that are free in blocks open for `kind`, and fit for nothing else as long as others of the block are in use.
        pub fn free_of(&self, kind: Kind) -> usize {
            self.pool.free_of(kind)
        }

        /// Keeps so many blocks from becoming frames: page tables that are promised need them.
        pub fn keep_blocks(&mut self, blocks: usize) {
            self.pool.keep_blocks(blocks);
        }

        /// Whether the next copy of a capability takes a unit of memory.
        pub fn copy_takes_memory(&mut self) -> bool {
            self.copies.next_node().is_some_and(|(_, new)| new)
        }

        /// A copy of a frame's capability, which can be mapped for itself.
        pub fn copy(&mut self, frame: Unit) -> Option<Copy> {
            let (node, new) = self.copies.next_node()?;
            if new {
                let memory = self.take(Kind::Untyped)?;
                if self.maker.cspace.open_copies(node, memory).is_none() {
                    self.give(memory);
                    return None;
                }
                self.copies.add_node(node, memory);
            }
            let copy = self.copies.take(node, frame);
            let (to, from) = (self.maker.cspace.path(cspace::copy(copy)), self.maker.cspace.path(cspace::unit(frame)));
            if sel4::copy(to, from).is_err() {
                self.give_copy(copy);
                return None;
            }
            Some(copy)
        }

        /// Deletes a copy; gives the frame that it was of, and whether a unit of memory came back.
        pub fn give_copy(&mut self, copy: Copy) -> (Unit, bool) {
            let (root, index, depth) = self.maker.cspace.path(cspace::copy(copy));
            let _ = sel4::delete(root, index, depth);
            let (frame, memory) = self.copies.give(copy);
            if let Some(memory) = memory {
                self.unmake_in(memory);
                self.give(memory);
            }
            (frame, memory.is_some())
        }

        /// Blocks there are.
        pub fn blocks(&self) -> usize {
            self.pool.blocks()
        }

        /// An object of one page's size from an untyped unit.
        pub fn make_in(&mut self, unit: Unit, ty: object::Type) -> Option<CPtr> {
            let slot = cspace::unit_second(unit);
            let (dest, offset) = self.maker.cspace.dest(slot);
            sel4::retype(cspace::unit(unit), ty, 0, dest, offset, 1).ok()?;
            Some(slot)
        }

        /// Deletes what was made in an untyped unit, by whoever.
        pub fn unmake_in(&mut self, unit: Unit) {
            let (root, index, depth) = self.maker.cspace.path(cspace::unit(unit));
            sel4::revoke(root, index, depth).expect("a unit's untyped can be revoked");
        }

        /// Deletes what a program made in a block that it had whole.
        pub fn unmake_in_block(&mut self, block: BlockId) {
            let (root, index, depth) = self.maker.cspace.path(cspace::untyped_of(block));
            sel4::revoke(root, index, depth).expect("a block's untyped can be revoked");
        }
    }

    /// The pieces of memory too small for a block: for objects that start-up makes once and that stay.
    pub struct Permanent {
        small: Vec<Piece>,
    }

    /// An untyped and how much of it is used: the kernel makes objects one behind the other, each at a multiple of its size.
    struct Piece {
        untyped: Untyped,
        used: usize,
    }

    impl From<Untyped> for Piece {
        fn from(untyped: Untyped) -> Self {
            Self { untyped, used: 0 }
        }
    }

    /// log2 of an object's bytes.
    fn bits_of(ty: object::Type, size_bits: usize) -> usize {
        if ty.number == object::CNODE.number { size_bits + object::SLOT_BITS } else { ty.bits }
    }

    impl Permanent {
        /// Makes one object in a slot of the initial CNode.
        pub fn make(&mut self, cspace: &mut CSpace, ty: object::Type, size_bits: usize) -> CPtr {
            let bytes = 1usize << bits_of(ty, size_bits);
            let fits = |piece: &&mut Piece| piece.used.next_multiple_of(bytes) + bytes <= 1 << piece.untyped.bits;
            let piece = self.small.iter_mut().find(fits).expect("too little memory to start");
            piece.used = piece.used.next_multiple_of(bytes) + bytes;
            let slot = cspace.initial_slot();
            sel4::retype(piece.untyped.cap, ty, size_bits, CSpace::initial_dest(), slot.0, 1).expect("memory to start");
            slot
        }
    }
}

#[cfg(target_vendor = "sel4")]
pub use on_sel4::{Permanent, Untyped};
