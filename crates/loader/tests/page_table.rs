//! The contents of the first page tables, walked as the hardware walks them.

use loader::page_table::{Half, Table, Window, WindowError, table_descriptor};
use payload::board;
use payload::span::Span;

const KERNEL: u64 = 0xffff_ff80_0000_0000;
const SIZE: u64 = 0x22_e000;
const DDR_END: u64 = 0x8000_0000;

fn window(virt: u64, phys: u64) -> Result<Window, WindowError> {
    Window::new(Span::sized(virt, SIZE).unwrap(), Span::sized(phys, SIZE).unwrap(), DDR_END)
}

/// Where the window maps `virt`, if it does.
fn walk(window: &Window, virt: u64) -> Option<u64> {
    let index = |shift: u32| (virt >> shift) as usize & 511;
    if (index(39), index(30)) != (window.l0_index, window.l1_index) {
        return None;
    }
    let mut l2 = Table::EMPTY;
    window.fill(&mut l2);
    let entry = l2.0[index(21)];
    // A block, accessed, of cached memory.
    (entry & 0xfff == 0x411).then_some((entry & 0x0000_ffff_ffe0_0000) + (virt & 0x1f_ffff))
}

#[test]
fn the_identity_map_is_memory_and_devices() {
    let table = Table::identity(&board::RAM, Span::between(0xf900_0000, 0x1_0000_0000));
    let mapped: Vec<_> = table.0.iter().enumerate().filter(|(_, entry)| **entry != 0).collect();
    let gib = |index: usize| (index as u64) << 30;
    let memory: Vec<_> = [0, 1, 32, 33].map(|index| (index, gib(index) | 0x411)).into();
    let device = (3, gib(3) | 0x401 | 3 << 53);
    for (index, entry) in &mapped {
        assert!(memory.contains(&(*index, **entry)) || (*index, **entry) == device, "{index}: {entry:#x}");
    }
    assert_eq!(mapped.len(), 5);
    assert_eq!(table_descriptor(0x1000), 0x1003);
}

#[test]
fn a_kernel_is_mapped_from_its_start_to_the_end_of_its_gib() {
    let window = window(KERNEL, 0).unwrap();
    assert_eq!((window.half, window.l0_index, window.l1_index), (Half::Upper, 511, 0));
    assert_eq!(walk(&window, KERNEL), Some(0));
    assert_eq!(walk(&window, KERNEL + SIZE - 1), Some(SIZE - 1));
    assert_eq!(walk(&window, KERNEL + 0x3fff_ffff), Some(0x3fff_ffff));
    assert_eq!(walk(&window, KERNEL + 0x4000_0000), None);
}

#[test]
fn a_kernel_may_be_loaded_anywhere() {
    let at = KERNEL + 0x4000_0000;
    let window = window(at + 0x1020_1000, 0x7000_1000).unwrap();
    assert_eq!((window.half, window.l1_index), (Half::Upper, 1));
    assert_eq!(walk(&window, at + 0x1020_1000), Some(0x7000_1000));
    // Nothing below the kernel, nothing behind the memory.
    assert_eq!(walk(&window, at + 0x101f_ffff), None);
    assert_eq!(walk(&window, at + 0x1020_0000 + 0x0fff_ffff), Some(0x7fff_ffff));
    assert_eq!(walk(&window, at + 0x1020_0000 + 0x1000_0000), None);
}

#[test]
fn a_hypervisor_kernel_is_mapped_beside_the_identity_map() {
    let window = window(0x80_0000_0000, 0).unwrap();
    assert_eq!((window.half, window.l0_index, window.l1_index), (Half::Lower, 1, 0));
    assert_eq!(walk(&window, 0x80_0012_3456), Some(0x12_3456));
}

#[test]
fn what_one_table_cannot_map_is_refused() {
    assert!(matches!(window(0x0001_0000_0000_0000, 0), Err(WindowError::NotCanonical(_))));
    assert!(matches!(window(0xfffe_0000_0000_0000, 0), Err(WindowError::NotCanonical(_))));
    assert!(matches!(window(0x0000_ffff_fff0_0000, 0x10_0000), Err(WindowError::NotCanonical(_))));
    assert!(matches!(window(KERNEL, 0x1000), Err(WindowError::Misaligned { .. })));
    assert!(matches!(window(KERNEL + 0x3fe0_0000, 0), Err(WindowError::CrossesGib(_))));
    assert!(matches!(window(0x4000_0000, 0), Err(WindowError::OnIdentityMap(_))));
}

#[test]
fn a_kernel_of_several_cores_shares_what_it_is_mapped_with() {
    let blocks = |cores| {
        let mut l2 = Table::EMPTY;
        window(KERNEL, 0).unwrap().for_cores(cores).fill(&mut l2);
        l2.0
    };
    // Bits 9 and 8: not shareable, or inner shareable.
    assert!(blocks(1).iter().all(|entry| entry >> 8 & 3 == 0));
    assert!(blocks(4).iter().all(|entry| entry >> 8 & 3 == 3));
}
