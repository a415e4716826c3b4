//! The calls that open, make, remove and rename what a path names.

use super::path::{Path, known, origin, path, subject};
use crate::errno::{Errno, SysResult};
use crate::fs::descriptors::{self, get};
use crate::fs::node::{Kind, New, Rename, Target};
use crate::fs::walk::{Follow, path_of};
use crate::fs::{paths, prepare, process};
use crate::thread::Thread;
use crate::uaccess;
use alloc::sync::Arc;
use linux_raw_sys::general as linux;

/// openat(2): `[directory, path, flags, mode]`. Errors: those of the path, EEXIST, EISDIR, ENOTDIR, EINVAL, EMFILE, ENOSPC, ENXIO, EROFS.
pub fn openat(_: &Thread, [directory, at, flags, mode, ..]: [usize; 6]) -> SysResult {
    let path = path(at)?;
    prepare()?;
    let permissions = process::masked(mode as u32) & crate::fs::tmpfs::PERMISSIONS;
    let file = paths::open(&origin(directory, &path)?, &path, flags as u32, permissions)?;
    descriptors::install(file, flags as u32 & linux::O_CLOEXEC != 0)
}

/// mkdirat(2): `[directory, path, mode]`. Errors: those of the path, EEXIST, ENOSPC, EROFS.
pub fn mkdirat(_: &Thread, [directory, at, mode, ..]: [usize; 6]) -> SysResult {
    let path = path(at)?;
    paths::make(&origin(directory, &path)?, &path, New::Directory, process::masked(mode as u32) & 0o1777)?;
    Ok(0)
}

/// mknodat(2): `[directory, path, mode, device]`. Errors: those of the path, EEXIST, EINVAL, EPERM for a directory, ENOSPC, EROFS.
pub fn mknodat(_: &Thread, [directory, at, mode, device, ..]: [usize; 6]) -> SysResult {
    let what = match mode as u32 & linux::S_IFMT {
        0 | linux::S_IFREG => New::Regular,
        linux::S_IFIFO => New::Special(Kind::Fifo, 0),
        linux::S_IFSOCK => New::Special(Kind::Socket, 0),
        linux::S_IFCHR => New::Special(Kind::Characters, device as u64),
        linux::S_IFDIR => return Err(Errno::EPERM),
        _ => return Err(Errno::EINVAL),
    };
    let path = path(at)?;
    paths::make(&origin(directory, &path)?, &path, what, process::masked(mode as u32))?;
    Ok(0)
}

/// symlinkat(2): `[target, directory, path]`. Errors: those of the path, EEXIST, ENOENT for an empty target, ENOSPC, EROFS.
pub fn symlinkat(_: &Thread, [target, directory, at, ..]: [usize; 6]) -> SysResult {
    let target = path(target)?;
    if target.is_empty() {
        return Err(Errno::ENOENT);
    }
    let path = path(at)?;
    paths::make(&origin(directory, &path)?, &path, New::Link(&target), 0o777)?;
    Ok(0)
}

/// linkat(2): `[directory, path, new directory, new path, flags]`: AT_SYMLINK_FOLLOW, AT_EMPTY_PATH. Errors: those of the paths, EEXIST, EPERM,
/// EXDEV, ENOSPC, EROFS.
pub fn linkat(_: &Thread, [directory, at, new_directory, new_at, flags, ..]: [usize; 6]) -> SysResult {
    let flags = known(flags, linux::AT_SYMLINK_FOLLOW | linux::AT_EMPTY_PATH)?;
    let follow = if flags & linux::AT_SYMLINK_FOLLOW != 0 { 0 } else { linux::AT_SYMLINK_NOFOLLOW };
    let subject = subject(directory, at, flags & linux::AT_EMPTY_PATH | follow)?;
    let path = path(new_at)?;
    paths::link(subject.node()?, &origin(new_directory, &path)?, &path)?;
    Ok(0)
}

/// unlinkat(2): `[directory, path, flags]`: AT_REMOVEDIR. Errors: those of the path, EISDIR, ENOTDIR, ENOTEMPTY, EBUSY, EINVAL, EROFS.
pub fn unlinkat(_: &Thread, [directory, at, flags, ..]: [usize; 6]) -> SysResult {
    let flags = known(flags, linux::AT_REMOVEDIR)?;
    let path = path(at)?;
    paths::remove(&origin(directory, &path)?, &path, flags & linux::AT_REMOVEDIR != 0)?;
    Ok(0)
}

/// renameat(2): `[directory, path, new directory, new path]`. Errors: those of [`renameat2`].
pub fn renameat(thread: &Thread, [directory, at, new_directory, new_at, ..]: [usize; 6]) -> SysResult {
    renameat2(thread, [directory, at, new_directory, new_at, 0, 0])
}

/// renameat2(2): `[directory, path, new directory, new path, flags]`: RENAME_NOREPLACE, RENAME_EXCHANGE. Errors: those of the paths, EBUSY, EEXIST,
/// EINVAL, EISDIR, ENOTDIR, ENOTEMPTY, EXDEV, ENOSPC, EROFS.
pub fn renameat2(_: &Thread, [directory, at, new_directory, new_at, flags, ..]: [usize; 6]) -> SysResult {
    let how = match flags as u32 {
        0 => Rename::Replace,
        linux::RENAME_NOREPLACE => Rename::NoReplace,
        linux::RENAME_EXCHANGE => Rename::Exchange,
        _ => return Err(Errno::EINVAL),
    };
    let (old, new) = (path(at)?, path(new_at)?);
    paths::rename(&origin(directory, &old)?, &old, &origin(new_directory, &new)?, &new, how)?;
    Ok(0)
}

/// readlinkat(2): `[directory, path, buffer, bytes]`; gives the bytes stored, cut without a sign that they were, as Linux does. An empty path is
/// the descriptor itself. Errors: those of the path, EINVAL for what is no link, EFAULT.
pub fn readlinkat(_: &Thread, [directory, at, buffer, bytes, ..]: [usize; 6]) -> SysResult {
    if bytes as i32 <= 0 {
        return Err(Errno::EINVAL);
    }
    let path = path(at)?;
    let node = if path.is_empty() {
        get(directory)?.node().cloned().ok_or(Errno::ENOENT)?
    } else {
        paths::find(&origin(directory, &path)?, &path, Follow::WithSlash)?
    };
    let link = match node.target() {
        Err(Errno::EINVAL) if path.is_empty() => return Err(Errno::ENOENT),
        target => target?,
    };
    let text = match link {
        Target::Path(text) => text,
        Target::Node(_) => node.link_text()?,
    };
    let length = text.len().min(bytes);
    uaccess::copy_out(buffer, &text[..length])?;
    Ok(length)
}

/// getcwd(2): `[buffer, bytes]`; gives the bytes stored, with the NUL. Errors: ERANGE, ENOENT if the directory was removed, EFAULT.
pub fn getcwd(_: &Thread, [buffer, bytes, ..]: [usize; 6]) -> SysResult {
    let origin = process::origin();
    let mut path = path_of(&origin.root, &origin.base)?;
    path.push(0);
    if path.len() > bytes {
        return Err(Errno::ERANGE);
    }
    uaccess::copy_out(buffer, &path)?;
    Ok(path.len())
}

/// A directory. Errors: those of the path, ENOTDIR.
fn directory_at(at: usize) -> Result<Arc<dyn crate::fs::node::Node>, Errno> {
    let path: Path = path(at)?;
    let node = paths::find(&process::origin(), &path, Follow::Always)?;
    if node.kind() == Kind::Directory { Ok(node) } else { Err(Errno::ENOTDIR) }
}

/// chdir(2): `[path]`. Errors: those of the path, ENOTDIR.
pub fn chdir(_: &Thread, [at, ..]: [usize; 6]) -> SysResult {
    process::set_working_directory(directory_at(at)?);
    Ok(0)
}

/// fchdir(2): `[fd]`. Errors: EBADF, ENOTDIR.
pub fn fchdir(_: &Thread, [fd, ..]: [usize; 6]) -> SysResult {
    let node = get(fd)?.node().cloned().ok_or(Errno::ENOTDIR)?;
    if node.kind() != Kind::Directory {
        return Err(Errno::ENOTDIR);
    }
    process::set_working_directory(node);
    Ok(0)
}

/// chroot(2): `[path]`. Errors: those of the path, ENOTDIR.
pub fn chroot(_: &Thread, [at, ..]: [usize; 6]) -> SysResult {
    process::set_root(directory_at(at)?);
    Ok(0)
}

/// umask(2): `[mask]`; gives the one before.
pub fn umask(_: &Thread, [mask, ..]: [usize; 6]) -> SysResult {
    Ok(process::set_umask(mask as u32) as usize)
}

/// memfd_create(2): `[name, flags]`: MFD_CLOEXEC; a file without a name, and without seals. Errors: EFAULT, EINVAL, EMFILE, ENOSPC.
pub fn memfd_create(_: &Thread, [name, flags, ..]: [usize; 6]) -> SysResult {
    let flags = known(flags, linux::MFD_CLOEXEC | linux::MFD_ALLOW_SEALING | linux::MFD_NOEXEC_SEAL | linux::MFD_EXEC)?;
    /// The longest name, as on Linux.
    const LONGEST: usize = 249;
    if path(name)?.len() > LONGEST {
        return Err(Errno::EINVAL);
    }
    prepare()?;
    let node = crate::fs::tmpfs::Tmpfs::new_root(crate::fs::node::device::NAMELESS);
    let node = crate::fs::node::Node::make_nameless(&*node, 0o777, false)?;
    descriptors::install(node.open(linux::O_RDWR)?, flags & linux::MFD_CLOEXEC != 0)
}
