//! The boot parameters: what a root task is told at start, in one block behind its image.
//!
//! The loader places the block at the first page at or after the root task's highest address, as part of the user image
//! that the kernel maps, so the root task finds it there without any help. Numbers are little endian, offsets count
//! from the block's first byte, each part starts at a multiple of 16:
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 8 | magic `sel4std\x01` |
//! | 8 | 8 | length of the whole block in bytes, a multiple of 4096 |
//! | 16 | 8 | flags: bit 0, semihosting is there ([`FLAG_QEMU`]); bit 1, offset 104 holds a field ([`FLAG_MOUNT`]) |
//! | 24 | 16 | arguments: offset, length |
//! | 40 | 16 | environment: offset, length |
//! | 56 | 16 | archive: offset, length |
//! | 72 | 32 | seed |
//! | 104 | 16 | if bit 1 of the flags is set, the folder that the archive is mounted at: offset, length |
//!
//! Arguments and environment are strings, each ended by NUL, back to back; the folder is such a string, [`MOUNT`] if there is
//! none. A later version may put further fields behind these and set further flags: a reader goes by the offsets and ignores
//! what it does not know.

use core::ffi::CStr;
use core::fmt;

use crate::PAGE;

#[cfg(feature = "build")]
mod build;
#[cfg(feature = "build")]
pub use build::Builder;

/// Bytes of the header that every block has.
pub const HEADER: usize = 104;
/// First bytes of the block; the last of them is the format's version.
pub const MAGIC: [u8; 8] = *b"sel4std\x01";
/// Flag: the image runs under QEMU with semihosting open to user level, so a program may end QEMU with an exit code. On
/// hardware the semihosting instruction is a fault.
pub const FLAG_QEMU: u64 = 1;
/// Flag: the header goes on with the folder that the archive is mounted at.
pub const FLAG_MOUNT: u64 = 2;
/// The folder that the archive is mounted at where the block names none.
pub const MOUNT: &CStr = c"/rom";
/// The longest name of that folder in bytes: Linux's longest path (PATH_MAX, which counts the NUL).
pub const MOUNT_LEN: usize = 4095;
/// Each part starts at a multiple of this.
const PART_ALIGN: u64 = 16;

const TOTAL_LEN: usize = 8;
const FLAGS: usize = 16;
const ARGS: usize = 24;
const ENV: usize = 40;
const ARCHIVE: usize = 56;
const SEED: usize = 72;
const MOUNT_AT: usize = 104;

/// Boot parameters that passed every check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params<'a> {
    block: &'a [u8],
    flags: u64,
    args: &'a [u8],
    env: &'a [u8],
    archive: &'a [u8],
    seed: &'a [u8; 32],
    mount: &'a CStr,
}

impl<'a> Params<'a> {
    /// The block itself, all of it.
    #[must_use]
    pub fn block(&self) -> &'a [u8] {
        self.block
    }

    /// Whether semihosting may be used, see [`FLAG_QEMU`].
    #[must_use]
    pub fn is_qemu(&self) -> bool {
        self.flags & FLAG_QEMU != 0
    }

    /// The arguments, the program's name first.
    pub fn args(&self) -> impl Iterator<Item = &'a CStr> + Clone + use<'a> {
        strings(self.args)
    }

    /// The environment, each string of the form `NAME=value`.
    pub fn env(&self) -> impl Iterator<Item = &'a CStr> + Clone + use<'a> {
        strings(self.env)
    }

    /// The file archive, a CPIO archive of the newc format; empty if there is none.
    #[must_use]
    pub fn archive(&self) -> &'a [u8] {
        self.archive
    }

    /// The folder that the archive is mounted at: absolute, and not the root.
    #[must_use]
    pub fn mount(&self) -> &'a CStr {
        self.mount
    }

    /// Entropy that the host gave to this image: the same at each boot of it. Zero if there is none.
    #[must_use]
    pub fn seed(&self) -> &'a [u8; 32] {
        self.seed
    }
}

fn strings(part: &[u8]) -> impl Iterator<Item = &CStr> + Clone {
    part.split_inclusive(|byte| *byte == 0).filter_map(|string| CStr::from_bytes_with_nul(string).ok())
}

/// The length in bytes of the block whose header is given: how much to map or read before [`parse`].
///
/// # Errors
/// [`ParamsError::BadMagic`] and [`ParamsError::BadLength`].
pub fn peek_len(header: &[u8; HEADER]) -> Result<u64, ParamsError> {
    if header[..MAGIC.len()] != MAGIC {
        return Err(ParamsError::BadMagic);
    }
    match number(header, TOTAL_LEN) {
        Some(len) if len >= HEADER as u64 && len % PAGE == 0 => Ok(len),
        _ => Err(ParamsError::BadLength),
    }
}

/// Reads the block at the start of `bytes`; what follows it is ignored.
///
/// # Errors
/// The first [`ParamsError`] met.
pub fn parse(bytes: &[u8]) -> Result<Params<'_>, ParamsError> {
    let header = bytes.first_chunk::<HEADER>().ok_or(ParamsError::Truncated)?;
    let len = usize::try_from(peek_len(header)?).map_err(|_| ParamsError::BadLength)?;
    let block = bytes.get(..len).ok_or(ParamsError::Truncated)?;
    let flags = number(header, FLAGS).ok_or(ParamsError::Truncated)?;
    let args = part(block, ARGS).ok_or(ParamsError::BadPart("arguments"))?;
    let env = part(block, ENV).ok_or(ParamsError::BadPart("environment"))?;
    let archive = part(block, ARCHIVE).ok_or(ParamsError::BadPart("archive"))?;
    let seed = header[SEED..].first_chunk().ok_or(ParamsError::Truncated)?;
    for (name, strings) in [("arguments", args), ("environment", env)] {
        if strings.last().is_some_and(|byte| *byte != 0) {
            return Err(ParamsError::BadPart(name));
        }
    }
    let mount = mount(block, flags).ok_or(ParamsError::BadPart("mount place"))?;
    let params = Params { block, flags, args, env, archive, seed, mount };
    if params.env().any(|string| !is_assignment(string.to_bytes())) {
        return Err(ParamsError::BadPart("environment"));
    }
    Ok(params)
}

/// The folder that the archive is mounted at.
fn mount(block: &[u8], flags: u64) -> Option<&CStr> {
    if flags & FLAG_MOUNT == 0 {
        return Some(MOUNT);
    }
    let name = CStr::from_bytes_with_nul(part(block, MOUNT_AT)?).ok()?;
    is_mount(name.to_bytes()).then_some(name)
}

/// Whether `folder` can be what an archive is mounted at: an absolute path of plain names, at least one.
fn is_mount(folder: &[u8]) -> bool {
    let mut names = folder.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).peekable();
    folder.starts_with(b"/")
        && folder.len() <= MOUNT_LEN
        && names.peek().is_some()
        && names.all(|name| name != b"." && name != b"..")
}

/// Whether `string` is `NAME=value` with a name.
fn is_assignment(string: &[u8]) -> bool {
    string.iter().position(|byte| *byte == b'=').is_some_and(|at| at > 0)
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The bytes that the offset and length at `at` name; empty if the length is 0.
fn part(block: &[u8], at: usize) -> Option<&[u8]> {
    let (offset, len) = (number(block, at)?, number(block, at + 8)?);
    if len == 0 {
        return Some(&[]);
    }
    if offset < HEADER as u64 || offset % PART_ALIGN != 0 {
        return None;
    }
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(len).ok()?)?;
    block.get(start..end)
}

/// Why boot parameters are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParamsError {
    /// The bytes do not begin with [`MAGIC`].
    BadMagic,
    /// The length is no whole number of pages, or less than the header.
    BadLength,
    /// Fewer bytes than the length says.
    Truncated,
    /// The named part is outside the block, misaligned, or not strings of its kind.
    BadPart(&'static str),
    /// A string to build from contains NUL (feature `build`).
    Nul,
    /// An environment string to build from is not `NAME=value` (feature `build`).
    NotAssignment,
    /// A mount place to build from is no absolute path of plain names, or too long (feature `build`).
    NotMount,
}

impl fmt::Display for ParamsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadMagic => write!(f, "no boot parameters of this version"),
            Self::BadLength => write!(f, "boot parameters of an impossible length"),
            Self::Truncated => write!(f, "boot parameters are truncated"),
            Self::BadPart(part) => write!(f, "boot parameters have a damaged part: {part}"),
            Self::Nul => write!(f, "an argument, environment string or path contains NUL"),
            Self::NotAssignment => write!(f, "an environment string is not NAME=value"),
            Self::NotMount => write!(f, "a mount place is an absolute path without . and .., and not /"),
        }
    }
}

impl core::error::Error for ParamsError {}
