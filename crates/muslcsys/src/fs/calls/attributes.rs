//! The calls that tell or change what is known about a file.

use crate::errno::{Errno, SysResult};
use crate::fs::descriptors::get;
use crate::fs::node::{Metadata, Time};
use crate::thread::Thread;
use crate::uaccess;
use linux_raw_sys::general as linux;

/// struct stat (AArch64, asm-generic/stat.h).
#[derive(Clone, Copy)]
#[repr(C)]
struct Stat {
    dev: u64,
    ino: u64,
    mode: u32,
    nlink: u32,
    uid: u32,
    gid: u32,
    rdev: u64,
    pad1: u64,
    size: u64,
    blksize: u32,
    pad2: u32,
    blocks: u64,
    times: [[u64; 2]; 3],
    unused: [u32; 2],
}

// SAFETY: integers without padding.
unsafe impl uaccess::Plain for Stat {}

impl From<Metadata> for Stat {
    fn from(metadata: Metadata) -> Self {
        let time = |time: Time| [time.seconds as u64, time.nanoseconds.into()];
        Self {
            dev: metadata.device,
            ino: metadata.number,
            mode: metadata.mode(),
            nlink: metadata.links,
            uid: metadata.user,
            gid: metadata.group,
            rdev: metadata.represents,
            pad1: 0,
            size: metadata.size,
            blksize: metadata.block_size,
            pad2: 0,
            blocks: metadata.blocks,
            times: [time(metadata.accessed), time(metadata.modified), time(metadata.changed)],
            unused: [0; 2],
        }
    }
}

/// fstat(2): `[fd, stat]`. Errors: EBADF, EFAULT.
pub fn fstat(_: &Thread, [fd, at, ..]: [usize; 6]) -> SysResult {
    let metadata = get(fd)?.metadata();
    uaccess::write(at, &Stat::from(metadata))?;
    Ok(0)
}

/// newfstatat(2): `[directory, path, stat, flags]`: with AT_EMPTY_PATH as fstat. Errors: EFAULT, ENOENT, EBADF.
pub fn newfstatat(thread: &Thread, [directory, path, at, flags, ..]: [usize; 6]) -> SysResult {
    if uaccess::read::<u8>(path)? == 0 && flags as u32 & linux::AT_EMPTY_PATH != 0 {
        return fstat(thread, [directory, at, 0, 0, 0, 0]);
    }
    Err(Errno::ENOENT)
}
