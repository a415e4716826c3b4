//! The calls that tell or change what is known about a file.

use super::path::{Subject, known, subject};
use crate::errno::{Errno, SysResult};
use crate::fs::descriptors::get;
use crate::fs::node::{Change, Kind, Metadata, Statistics, Time};
use crate::fs::walk::NAME_MAX;
use crate::thread::Thread;
use crate::time::clock::{SECOND, Timespec};
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

/// AT_* flags that calls around stat(2) know.
const STAT_FLAGS: u32 = linux::AT_EMPTY_PATH | linux::AT_SYMLINK_NOFOLLOW | linux::AT_NO_AUTOMOUNT;

/// newfstatat(2): `[directory, path, stat, flags]`. Errors: those of the path, EBADF, EINVAL, EFAULT.
pub fn newfstatat(_: &Thread, [directory, path, at, flags, ..]: [usize; 6]) -> SysResult {
    let metadata = subject(directory, path, known(flags, STAT_FLAGS)?)?.metadata();
    uaccess::write(at, &Stat::from(metadata))?;
    Ok(0)
}

/// struct statx_timestamp.
#[derive(Clone, Copy)]
#[repr(C)]
struct StatxTime {
    seconds: i64,
    nanoseconds: u32,
    reserved: u32,
}

impl From<Time> for StatxTime {
    fn from(time: Time) -> Self {
        Self { seconds: time.seconds, nanoseconds: time.nanoseconds, reserved: 0 }
    }
}

/// struct statx (linux/stat.h).
#[derive(Clone, Copy)]
#[repr(C)]
struct Statx {
    mask: u32,
    blksize: u32,
    attributes: u64,
    nlink: u32,
    uid: u32,
    gid: u32,
    mode: u16,
    spare0: u16,
    ino: u64,
    size: u64,
    blocks: u64,
    attributes_mask: u64,
    /// Last read, made, metadata changed, content changed.
    times: [StatxTime; 4],
    rdev: [u32; 2],
    dev: [u32; 2],
    rest: [u64; 14],
}

const _: () = assert!(size_of::<Statx>() == 256);
// SAFETY: integers without padding.
unsafe impl uaccess::Plain for Statx {}

/// Major and minor of a device number.
fn major_minor(number: u64) -> [u32; 2] {
    [(number >> 8 & 0xfff) as u32, (number & 0xff) as u32]
}

impl From<Metadata> for Statx {
    fn from(metadata: Metadata) -> Self {
        Self {
            mask: linux::STATX_BASIC_STATS | linux::STATX_BTIME,
            blksize: metadata.block_size,
            attributes: 0,
            nlink: metadata.links,
            uid: metadata.user,
            gid: metadata.group,
            mode: metadata.mode() as u16,
            spare0: 0,
            ino: metadata.number,
            size: metadata.size,
            blocks: metadata.blocks,
            attributes_mask: 0,
            times: [metadata.accessed, metadata.created, metadata.changed, metadata.modified].map(StatxTime::from),
            rdev: major_minor(metadata.represents),
            dev: major_minor(metadata.device),
            rest: [0; 14],
        }
    }
}

/// statx(2): `[directory, path, flags, mask, statx]`; all that is known is told, whatever the mask asks for. Errors: those of the path, EBADF, EINVAL,
/// EFAULT.
pub fn statx(_: &Thread, [directory, path, flags, mask, at, ..]: [usize; 6]) -> SysResult {
    /// AT_STATX_SYNC_TYPE: the three ways are one here.
    const SYNC_TYPE: u32 = linux::AT_STATX_SYNC_TYPE;
    let flags = known(flags, STAT_FLAGS | SYNC_TYPE)?;
    if flags & SYNC_TYPE == SYNC_TYPE || mask as u32 & linux::STATX__RESERVED != 0 {
        return Err(Errno::EINVAL);
    }
    let metadata = subject(directory, path, flags)?.metadata();
    uaccess::write(at, &Statx::from(metadata))?;
    Ok(0)
}

/// Changes what a call is about. Errors: EROFS, EBADF for what has no node.
fn change(subject: &Subject, change: Change) -> SysResult {
    match subject.node() {
        Ok(node) => node.change(&change)?,
        // What has no name keeps no permissions or times.
        Err(_) => {}
    }
    Ok(0)
}

/// What an open descriptor refers to, if it was not opened for its path only. Errors: EBADF.
fn opened(fd: usize) -> Result<Subject, Errno> {
    let file = get(fd)?;
    if file.status().is_path() { Err(Errno::EBADF) } else { Ok(Subject::File(file)) }
}

/// fchmod(2): `[fd, mode]`. Errors: EBADF, EROFS.
pub fn fchmod(_: &Thread, [fd, mode, ..]: [usize; 6]) -> SysResult {
    change(&opened(fd)?, Change { permissions: Some(mode as u32), ..Change::default() })
}

/// fchmodat(2): `[directory, path, mode]`. Errors: those of the path, EROFS.
pub fn fchmodat(thread: &Thread, [directory, path, mode, ..]: [usize; 6]) -> SysResult {
    fchmodat2(thread, [directory, path, mode, 0, 0, 0])
}

/// fchmodat2(2): `[directory, path, mode, flags]`. Errors: those of the path, EINVAL, EROFS, EOPNOTSUPP for a symbolic link itself.
pub fn fchmodat2(_: &Thread, [directory, path, mode, flags, ..]: [usize; 6]) -> SysResult {
    let subject = subject(directory, path, known(flags, linux::AT_SYMLINK_NOFOLLOW | linux::AT_EMPTY_PATH)?)?;
    if subject.metadata().kind == Kind::Link {
        return Err(Errno::EOPNOTSUPP);
    }
    change(&subject, Change { permissions: Some(mode as u32), ..Change::default() })
}

/// A user or group that a call names: all ones leave what there is.
fn identity(id: usize) -> Option<u32> {
    Some(id as u32).filter(|&id| id != u32::MAX)
}

/// fchown(2): `[fd, user, group]`. Errors: EBADF, EROFS.
pub fn fchown(_: &Thread, [fd, user, group, ..]: [usize; 6]) -> SysResult {
    change(&opened(fd)?, Change { user: identity(user), group: identity(group), ..Change::default() })
}

/// fchownat(2): `[directory, path, user, group, flags]`. Errors: those of the path, EBADF, EINVAL, EROFS.
pub fn fchownat(_: &Thread, [directory, path, user, group, flags, _]: [usize; 6]) -> SysResult {
    let subject = subject(directory, path, known(flags, linux::AT_SYMLINK_NOFOLLOW | linux::AT_EMPTY_PATH)?)?;
    change(&subject, Change { user: identity(user), group: identity(group), ..Change::default() })
}

/// A time that utimensat(2) is given; nothing for one that stays. Errors: EINVAL.
fn new_time(time: Timespec) -> Result<Option<Time>, Errno> {
    match time.nanoseconds as u64 {
        nanoseconds if nanoseconds == linux::UTIME_NOW as u64 => Ok(Some(Time::now())),
        nanoseconds if nanoseconds == linux::UTIME_OMIT as u64 => Ok(None),
        nanoseconds if nanoseconds < SECOND => {
            Ok(Some(Time { seconds: time.seconds, nanoseconds: nanoseconds as u32 }))
        }
        _ => Err(Errno::EINVAL),
    }
}

/// utimensat(2): `[directory, path, times, flags]`; without a path the descriptor itself, without times the time now. Errors: those of the path, EBADF,
/// EINVAL, EFAULT, EROFS.
pub fn utimensat(_: &Thread, [directory, path, times, flags, ..]: [usize; 6]) -> SysResult {
    let mut flags = known(flags, linux::AT_SYMLINK_NOFOLLOW | linux::AT_EMPTY_PATH)?;
    let (accessed, modified) = match times {
        0 => (Some(Time::now()), Some(Time::now())),
        at => (new_time(uaccess::read(at)?)?, new_time(uaccess::read(at.wrapping_add(size_of::<Timespec>()))?)?),
    };
    if path == 0 {
        if flags != 0 {
            return Err(Errno::EINVAL);
        }
        if directory as i32 == linux::AT_FDCWD {
            return Err(Errno::EFAULT);
        }
        flags = linux::AT_EMPTY_PATH;
    }
    let subject = subject(directory, path, flags)?;
    if accessed.is_none() && modified.is_none() {
        return Ok(0);
    }
    change(&subject, Change { accessed, modified, ..Change::default() })
}

/// faccessat(2): `[directory, path, mode]`. Errors: those of [`faccessat2`].
pub fn faccessat(thread: &Thread, [directory, path, mode, ..]: [usize; 6]) -> SysResult {
    faccessat2(thread, [directory, path, mode, 0, 0, 0])
}

/// faccessat2(2): `[directory, path, mode, flags]`: the program is root, so what there is can be read and written. Errors: those of the path, EINVAL,
/// EROFS, EACCES for executing what nobody may execute.
pub fn faccessat2(_: &Thread, [directory, path, mode, flags, ..]: [usize; 6]) -> SysResult {
    let mode = known(mode, linux::R_OK | linux::W_OK | linux::X_OK)?;
    let flags = known(flags, linux::AT_SYMLINK_NOFOLLOW | linux::AT_EMPTY_PATH | linux::AT_EACCESS)?;
    let subject = subject(directory, path, flags)?;
    let metadata = subject.metadata();
    if mode & linux::X_OK != 0 && metadata.kind == Kind::Regular && metadata.permissions & 0o111 == 0 {
        return Err(Errno::EACCES);
    }
    let changes = matches!(metadata.kind, Kind::Regular | Kind::Directory | Kind::Link) && mode & linux::W_OK != 0;
    if changes && subject.node().is_ok_and(|node| node.is_read_only()) {
        return Err(Errno::EROFS);
    }
    Ok(0)
}

/// struct statfs (AArch64, asm-generic/statfs.h).
#[derive(Clone, Copy)]
#[repr(C)]
struct Statfs {
    kind: u64,
    bsize: u64,
    blocks: u64,
    bfree: u64,
    bavail: u64,
    files: u64,
    ffree: u64,
    fsid: u64,
    namelen: u64,
    frsize: u64,
    flags: u64,
    spare: [u64; 4],
}

// SAFETY: integers without padding.
unsafe impl uaccess::Plain for Statfs {}

/// ST_VALID and ST_RDONLY of statfs(2).
const ST_VALID: u64 = 0x20;
const ST_RDONLY: u64 = 1;

fn statfs_of(subject: &Subject, at: usize) -> SysResult {
    let statistics = subject.node().map_or(Statistics::default(), |node| node.statistics());
    let statfs = Statfs {
        kind: statistics.magic,
        bsize: statistics.block_size,
        blocks: statistics.blocks,
        bfree: statistics.free,
        bavail: statistics.free,
        files: statistics.nodes,
        ffree: statistics.free_nodes,
        fsid: subject.metadata().device,
        namelen: NAME_MAX as u64,
        frsize: statistics.block_size,
        flags: ST_VALID | if statistics.read_only { ST_RDONLY } else { 0 },
        spare: [0; 4],
    };
    uaccess::write(at, &statfs)?;
    Ok(0)
}

/// statfs(2): `[path, statfs]`: free is what memory can still be promised. Errors: those of the path, EFAULT.
pub fn statfs(_: &Thread, [path, at, ..]: [usize; 6]) -> SysResult {
    statfs_of(&subject(linux::AT_FDCWD as usize, path, 0)?, at)
}

/// fstatfs(2): `[fd, statfs]`. Errors: EBADF, EFAULT.
pub fn fstatfs(_: &Thread, [fd, at, ..]: [usize; 6]) -> SysResult {
    statfs_of(&Subject::File(get(fd)?), at)
}

/// The calls on extended attributes by path: there are none. Errors: those of the path, EOPNOTSUPP.
pub fn no_attributes(_: &Thread, [path, ..]: [usize; 6]) -> SysResult {
    subject(linux::AT_FDCWD as usize, path, linux::AT_SYMLINK_NOFOLLOW)?;
    Err(Errno::EOPNOTSUPP)
}

/// The calls on extended attributes by descriptor: there are none. Errors: EBADF, EOPNOTSUPP.
pub fn no_attributes_of(_: &Thread, [fd, ..]: [usize; 6]) -> SysResult {
    get(fd)?;
    Err(Errno::EOPNOTSUPP)
}
