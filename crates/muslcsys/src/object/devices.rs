//! Memory of devices, as BootInfo lists it: page by page on some kernels, in untypeds of many pages on others.
//!
//! A page of a device is taken out of the untyped that it lies in by halving it: both halves are kept, so that another page of the same
//! range can be taken later.

use alloc::vec::Vec;

/// log2 of a page's bytes.
const PAGE_BITS: usize = 12;

/// An untyped of device memory, with capabilities of type `C`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device<C> {
    /// Where it lies in physical memory.
    pub physical: usize,
    /// log2 of its bytes.
    pub bits: usize,
    /// Its capability.
    pub untyped: C,
}

/// The untypeds of device memory from which nothing is made yet.
pub struct Devices<C>(Vec<Device<C>>);

impl<C: Copy> Devices<C> {
    /// Of untypeds that do not overlap.
    pub fn new(untypeds: Vec<Device<C>>) -> Self {
        Self(untypeds)
    }

    /// Takes the untyped of the page at `physical`: `None` if no untyped that is left has it. `halve` makes two untypeds of the given
    /// size, log2 of bytes, of one twice as large, the lower first; where it cannot, what it was given is lost.
    pub fn take_page(&mut self, physical: usize, mut halve: impl FnMut(C, usize) -> Option<[C; 2]>) -> Option<C> {
        let holds = |device: &Device<C>| (device.physical..device.physical + (1 << device.bits)).contains(&physical);
        let mut found = self.0.swap_remove(self.0.iter().position(holds)?);
        while found.bits > PAGE_BITS {
            let bits = found.bits - 1;
            let [low, high] = halve(found.untyped, bits)?;
            let low = Device { physical: found.physical, bits, untyped: low };
            let high = Device { physical: found.physical + (1 << bits), bits, untyped: high };
            let (taken, kept) = if holds(&low) { (low, high) } else { (high, low) };
            self.0.push(kept);
            found = taken;
        }
        Some(found.untyped)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::vec;

    /// Capabilities that say what they are: address and size.
    fn halve((physical, bits): (usize, usize), half: usize) -> Option<[(usize, usize); 2]> {
        assert_eq!(half, bits - 1);
        Some([(physical, half), (physical + (1 << half), half)])
    }

    fn board() -> Devices<(usize, usize)> {
        let untypeds = [(0xf000_0000, 24), (0xff00_0000, 12), (0x8000_0000, 30)];
        Devices::new(untypeds.map(|(physical, bits)| Device { physical, bits, untyped: (physical, bits) }).to_vec())
    }

    #[test]
    fn each_page_can_be_taken_once() {
        let mut devices = board();
        for page in [0xff00_0000, 0xf012_3000, 0xf000_0000, 0xf0ff_f000, 0xf012_2000, 0xbfff_f000] {
            assert_eq!(devices.take_page(page, halve), Some((page, 12)));
            assert_eq!(devices.take_page(page, halve), None);
        }
        assert_eq!(devices.take_page(0xf100_0000, halve), None);
    }

    #[test]
    fn a_whole_range_comes_apart_into_its_pages() {
        let mut devices = Devices::new(vec![Device { physical: 0x10_0000, bits: 16, untyped: (0x10_0000, 16) }]);
        for page in (0x10_0000..0x11_0000).step_by(1 << PAGE_BITS).rev() {
            assert_eq!(devices.take_page(page, halve), Some((page, 12)));
        }
        assert!(devices.0.is_empty());
    }
}
