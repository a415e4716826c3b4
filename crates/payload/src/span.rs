//! A range of addresses that cannot wrap around.

use core::fmt;

/// The addresses from `start` up to, not including, `end`; `start <= end` always holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: u64,
    end: u64,
}

impl Span {
    /// The range between two addresses.
    ///
    /// # Panics
    /// If `end` is below `start`; for constants, where that is a compile-time error.
    #[must_use]
    pub const fn between(start: u64, end: u64) -> Self {
        assert!(start <= end, "a span ends at or after its start");
        Self { start, end }
    }

    /// `len` bytes from `start`; `None` if they would pass the end of the address space.
    #[must_use]
    pub const fn sized(start: u64, len: u64) -> Option<Self> {
        match start.checked_add(len) {
            Some(end) => Some(Self { start, end }),
            None => None,
        }
    }

    /// First address.
    #[must_use]
    pub const fn start(self) -> u64 {
        self.start
    }

    /// The address behind the last one.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.end
    }

    /// Number of bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a length in bytes, not a collection")]
    pub const fn len(self) -> u64 {
        self.end - self.start
    }

    /// Whether the two have an address in common.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether every address of `other` is in `self`.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The smallest range that covers both.
    #[must_use]
    pub fn hull(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The range widened to multiples of `align` (a power of two); `None` past the end of the address space.
    #[must_use]
    pub fn widened(self, align: u64) -> Option<Self> {
        Some(Self { start: align_down(self.start, align), end: align_up(self.end, align)? })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}..{:#x}", self.start, self.end)
    }
}

/// The next multiple of `align` (a power of two) at or above `address`; `None` if there is none.
#[must_use]
pub const fn align_up(address: u64, align: u64) -> Option<u64> {
    match address.checked_add(align - 1) {
        Some(last) => Some(align_down(last, align)),
        None => None,
    }
}

/// The last multiple of `align` (a power of two) at or below `address`.
#[must_use]
pub const fn align_down(address: u64, align: u64) -> u64 {
    address & !(align - 1)
}
