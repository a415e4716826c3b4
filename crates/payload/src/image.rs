//! The payload: what lies behind the loader in memory, in one checksummed block.
//!
//! It starts at the first multiple of [`PAYLOAD_ALIGN`](crate::placement::PAYLOAD_ALIGN) behind the loader's last byte
//! in memory. Numbers are little endian, offsets count from the payload's first byte, each part starts at a multiple of
//! 64:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 8 | magic `sel4img\x01` |
//! | 8 | 4 | CRC-32 (IEEE 802.3) of all bytes from offset 16 on |
//! | 12 | 4 | zero |
//! | 16 | 8 | length of the payload in bytes |
//! | 24 | 8 | flags: bit 0, runs under QEMU; bit 1, the loader says what it does; bits 8 to 15, the kernel's cores (0 as 1) |
//! | 32 | 16 | kernel, an ELF file: offset, length |
//! | 48 | 16 | root task, an ELF file: offset, length |
//! | 64 | 16 | boot parameters ([`crate::params`]): offset, length |
//! | 80 | 16 | device tree: offset, length; length 0 for none |

use core::fmt;

#[cfg(feature = "build")]
mod build;
#[cfg(feature = "build")]
pub use build::{build, pieces};

/// Bytes of the header.
pub const HEADER: usize = 96;
/// First bytes of a payload; the last of them is the format's version.
pub const MAGIC: [u8; 8] = *b"sel4img\x01";
/// Flag: the image runs under QEMU, so the loader may end QEMU by semihosting when it must give up.
pub const FLAG_QEMU: u64 = 1;
/// Flag: the loader prints a line before it enters the kernel.
pub const FLAG_VERBOSE: u64 = 2;
/// Where the number of cores is among the flags.
const CORES_SHIFT: u32 = 8;

/// The flags that say how many cores the kernel runs on (its configuration's MAX_NUM_NODES).
#[must_use]
pub const fn cores_flags(cores: u8) -> u64 {
    (cores as u64) << CORES_SHIFT
}

/// Each part starts at a multiple of this, a cache line.
#[cfg(feature = "build")]
const PART_ALIGN: usize = 64;

const CHECKSUM: usize = 8;
/// The first byte that the checksum covers.
const CHECKED: usize = 16;
const TOTAL_LEN: usize = 16;
const FLAGS: usize = 24;
const KERNEL: usize = 32;
const ROOT_TASK: usize = 48;
const PARAMS: usize = 64;
const DTB: usize = 80;

/// The parts of a payload. What [`parse`] gives is what was packed, byte for byte; the parts themselves are checked by
/// [`crate::elf`] and [`crate::params`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload<'a> {
    /// [`FLAG_QEMU`], [`FLAG_VERBOSE`], [`cores_flags`].
    pub flags: u64,
    /// The kernel's ELF file.
    pub kernel: &'a [u8],
    /// The root task's ELF file.
    pub root_task: &'a [u8],
    /// The boot parameters' block.
    pub params: &'a [u8],
    /// The device tree; empty if there is none.
    pub dtb: &'a [u8],
}

impl Payload<'_> {
    /// The number of cores that the kernel runs on, at least 1.
    #[must_use]
    pub fn cores(&self) -> u8 {
        ((self.flags >> CORES_SHIFT) as u8).max(1)
    }
}

/// The flags of the payload whose header is given, as far as that can be told before its checksum is known: 0 if it is
/// no header.
#[must_use]
pub fn peek_flags(header: &[u8; HEADER]) -> u64 {
    if header[..MAGIC.len()] == MAGIC { number(header, FLAGS).unwrap_or(0) } else { 0 }
}

/// The length in bytes of the payload whose header is given: how much to read before [`parse`].
///
/// # Errors
/// [`ImageError::BadMagic`], [`ImageError::Damaged`].
pub fn peek_len(header: &[u8; HEADER]) -> Result<u64, ImageError> {
    if header[..MAGIC.len()] != MAGIC {
        return Err(ImageError::BadMagic);
    }
    number(header, TOTAL_LEN).filter(|len| *len >= HEADER as u64).ok_or(ImageError::Damaged)
}

/// Reads the payload at the start of `bytes` and compares its checksum; what follows it is ignored.
///
/// # Errors
/// The first [`ImageError`] met.
pub fn parse(bytes: &[u8]) -> Result<Payload<'_>, ImageError> {
    let header = bytes.first_chunk::<HEADER>().ok_or(ImageError::Truncated)?;
    let len = usize::try_from(peek_len(header)?).map_err(|_| ImageError::Truncated)?;
    let bytes = bytes.get(..len).ok_or(ImageError::Truncated)?;
    if header[CHECKSUM..].first_chunk() != Some(&crc32fast::hash(&bytes[CHECKED..]).to_le_bytes()) {
        return Err(ImageError::Damaged);
    }
    Ok(Payload {
        flags: number(header, FLAGS).ok_or(ImageError::Truncated)?,
        kernel: part(bytes, KERNEL)?,
        root_task: part(bytes, ROOT_TASK)?,
        params: part(bytes, PARAMS)?,
        dtb: part(bytes, DTB)?,
    })
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The bytes that the offset and length at `at` name.
fn part(bytes: &[u8], at: usize) -> Result<&[u8], ImageError> {
    let range = || {
        let start = usize::try_from(number(bytes, at)?).ok()?;
        let end = start.checked_add(usize::try_from(number(bytes, at + 8)?).ok()?)?;
        bytes.get(start..end)
    };
    range().ok_or(ImageError::Damaged)
}

/// Why a payload is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageError {
    /// The bytes do not begin with [`MAGIC`].
    BadMagic,
    /// Fewer bytes than the length says.
    Truncated,
    /// The checksum differs, or the header contradicts itself.
    Damaged,
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadMagic => write!(f, "no payload behind the loader, or one of another version"),
            Self::Truncated => write!(f, "the payload is truncated"),
            Self::Damaged => write!(f, "the payload is damaged: its checksum differs"),
        }
    }
}

impl core::error::Error for ImageError {}
