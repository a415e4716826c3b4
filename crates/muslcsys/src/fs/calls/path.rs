//! Paths in the program's memory, and where they begin.

use crate::errno::Errno;
use crate::fs::descriptors::get;
use crate::fs::file::File;
use crate::fs::node::{Metadata, Node};
use crate::fs::paths;
use crate::fs::process;
use crate::fs::walk::{Follow, Origin, PATH_MAX};
use crate::mm::areas::PAGE;
use crate::uaccess;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Deref;
use linux_raw_sys::general as linux;

/// Bytes of a path that need no allocation.
const SHORT: usize = 256;

/// A string of the program's, copied.
pub enum Path {
    /// In place, with its length.
    Short([u8; SHORT], usize),
    /// Allocated.
    Long(Vec<u8>),
}

impl Deref for Path {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Path::Short(bytes, length) => &bytes[..*length],
            Path::Long(bytes) => bytes,
        }
    }
}

/// Copies what is at `at`, to the end of its page at most; gives how much was copied and where in it the string ends.
fn piece(at: usize, into: &mut [u8]) -> Result<(usize, Option<usize>), Errno> {
    let length = into.len().min(PAGE - at % PAGE);
    let into = &mut into[..length];
    uaccess::copy_in(into, at)?;
    Ok((length, into.iter().position(|&byte| byte == 0)))
}

/// Copies a path of the program's, up to its NUL. Errors: EFAULT, ENAMETOOLONG.
pub fn path(at: usize) -> Result<Path, Errno> {
    let mut short = [0; SHORT];
    let mut length = 0;
    while length < SHORT {
        match piece(at.wrapping_add(length), &mut short[length..])? {
            (_, Some(end)) => return Ok(Path::Short(short, length + end)),
            (copied, None) => length += copied,
        }
    }
    crate::fs::prepare()?;
    let mut long = short.to_vec();
    while long.len() <= PATH_MAX {
        let length = long.len();
        long.resize(length + SHORT, 0);
        let (copied, end) = piece(at.wrapping_add(length), &mut long[length..])?;
        long.truncate(length + end.unwrap_or(copied));
        if end.is_some() {
            return if long.len() <= PATH_MAX { Ok(Path::Long(long)) } else { Err(Errno::ENAMETOOLONG) };
        }
    }
    Err(Errno::ENAMETOOLONG)
}

/// Where a path begins that is given with the descriptor of a directory. Errors: EBADF, ENOTDIR.
pub fn origin(directory: usize, path: &[u8]) -> Result<Origin, Errno> {
    let origin = process::origin();
    if directory as i32 == linux::AT_FDCWD || path.first() == Some(&b'/') {
        return Ok(origin);
    }
    let base = get(directory)?.node().cloned().ok_or(Errno::ENOTDIR)?;
    Ok(Origin { base, ..origin })
}

/// What a call is about: something open, or something that was found by its path.
pub enum Subject {
    /// A descriptor's.
    File(Arc<dyn File>),
    /// A path's.
    Node(Arc<dyn Node>),
}

impl Subject {
    /// What stat(2) tells.
    pub fn metadata(&self) -> Metadata {
        match self {
            Subject::File(file) => file.metadata(),
            Subject::Node(node) => node.metadata(),
        }
    }

    /// The node. Errors: EINVAL for what is open and has none.
    pub fn node(&self) -> Result<&Arc<dyn Node>, Errno> {
        match self {
            Subject::File(file) => file.node().ok_or(Errno::EINVAL),
            Subject::Node(node) => Ok(node),
        }
    }
}

/// What `[directory, path]` with AT_* flags names: with AT_EMPTY_PATH an empty path, or none, is the descriptor itself. Errors: those of the path,
/// EBADF.
pub fn subject(directory: usize, at: usize, flags: u32) -> Result<Subject, Errno> {
    let empty = flags & linux::AT_EMPTY_PATH != 0;
    let path = if empty && at == 0 { Path::Long(Vec::new()) } else { path(at)? };
    if empty && path.is_empty() {
        if directory as i32 == linux::AT_FDCWD {
            return Ok(Subject::Node(process::origin().base));
        }
        return get(directory).map(Subject::File);
    }
    let follow = if flags & linux::AT_SYMLINK_NOFOLLOW != 0 { Follow::WithSlash } else { Follow::Always };
    paths::find(&origin(directory, &path)?, &path, follow).map(Subject::Node)
}

/// Errors: EINVAL if a call was given other flags than it knows.
pub fn known(flags: usize, known: u32) -> Result<u32, Errno> {
    if flags as u32 & !known != 0 { Err(Errno::EINVAL) } else { Ok(flags as u32) }
}
