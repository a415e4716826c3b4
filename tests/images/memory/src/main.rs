//! All memory of the board can be used, is given back, and more than there is is refused.

use std::alloc::{Layout, alloc, dealloc};
use std::hint::black_box;

/// `struct sel4std_counts` of sel4std.h.
#[repr(C)]
#[derive(Default, Debug, Clone, Copy)]
struct Counts {
    free_pages: usize,
    promised_pages: usize,
    promisable_pages: usize,
    areas: usize,
    threads: usize,
    record_bytes: usize,
}

unsafe extern "C" {
    fn sel4std_counts(counts: *mut Counts) -> i64;
}

const PAGE: usize = 4096;
const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;

fn counts() -> Counts {
    let mut counts = Counts::default();
    // SAFETY: `counts` is writable and has the layout of `struct sel4std_counts`.
    assert_eq!(unsafe { sel4std_counts(&raw mut counts) }, 0);
    counts
}

/// A gigabyte, every page of it written, and read back.
fn gigabyte(seed: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(GIB).expect("1 GiB of 4 is there");
    bytes.resize(GIB, seed);
    for (number, page) in bytes.chunks_mut(PAGE).enumerate() {
        page[number % PAGE] = seed.wrapping_add(1);
    }
    let changed =
        bytes.chunks(PAGE).enumerate().filter(|(number, page)| page[number % PAGE] == seed.wrapping_add(1)).count();
    assert_eq!(changed, GIB / PAGE);
    bytes
}

fn main() {
    let first = gigabyte(1);
    println!("1 GiB written, sum of the first page {}", first[..PAGE].iter().map(|byte| u32::from(*byte)).sum::<u32>());
    drop(first);
    let second = gigabyte(7);
    println!("1 GiB again, its last byte {}", second[GIB - 2]);
    drop(second);

    // One round before counting: the allocator keeps its own records.
    drop(black_box(vec![1_u8; MIB]));
    let before = counts();
    for round in 0..10_000_usize {
        let mut block = vec![0_u8; MIB];
        block[round % MIB] = 1;
        black_box(&block);
    }
    let after = counts();
    println!(
        "10000 rounds of 1 MiB, free pages: {} more, {} fewer",
        after.free_pages.saturating_sub(before.free_pages),
        before.free_pages.saturating_sub(after.free_pages)
    );
    println!(
        "areas: {} more, promised pages: {} more",
        after.areas.saturating_sub(before.areas),
        after.promised_pages.saturating_sub(before.promised_pages)
    );

    // Three pieces of 1 GiB fit in the board's 4, four do not: the last is refused, and no fault is raised.
    let pieces: Vec<Vec<u8>> = std::iter::from_fn(|| {
        let mut piece = Vec::new();
        piece.try_reserve_exact(GIB).ok().map(|()| piece)
    })
    .collect();
    println!("pieces of 1 GiB at once: {}", pieces.len());
    drop(pieces);

    // Wrong sizes at the lowest level that Rust has: refused, and nothing is lost.
    let layout = Layout::from_size_align(1 << 46, PAGE).expect("a valid layout");
    // SAFETY: the layout has a size.
    let refused = black_box(unsafe { alloc(layout) }); // otherwise the compiler leaves out an unused allocation
    println!("64 TiB: refused {}", refused.is_null());
    let layout = Layout::from_size_align(3 * MIB, 2 * MIB).expect("a valid layout");
    // SAFETY: the layout has a size; what is allocated is freed with the same layout.
    unsafe {
        let block = black_box(alloc(layout));
        println!("aligned to 2 MiB: {}", !block.is_null() && block.addr() % (2 * MIB) == 0);
        dealloc(block, layout);
    }
    println!("end");
}
