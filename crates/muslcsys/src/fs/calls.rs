//! The calls on descriptors.

use super::{DESCRIPTORS, Descriptor, TABLE, console, get};
use crate::errno::{Errno, SysResult};
use crate::start;
use crate::thread::Thread;
use crate::thread::sched::{self, SCHED};
use crate::time::clock::{self, Deadline};
use crate::uaccess;
use linux_raw_sys::general as linux;
use linux_raw_sys::ioctl;

/// Bytes copied at a time between the program's buffers and a device.
const CHUNK: usize = 256;
/// Buffers of one vectored call (IOV_MAX).
const IOV_MAX: usize = 1024;

/// read(2): `[fd, buffer, bytes]`. Errors: EBADF, EFAULT, EAGAIN, EINTR.
pub fn read(thread: &Thread, [fd, buffer, bytes, ..]: [usize; 6]) -> SysResult {
    read_bytes(thread, get(fd)?, buffer, bytes, true)
}

fn read_bytes(thread: &Thread, descriptor: Descriptor, buffer: usize, bytes: usize, may_wait: bool) -> SysResult {
    let mut chunk = [0u8; CHUNK];
    let wanted = bytes.min(CHUNK);
    // Probed first, so that a bad pointer loses no input.
    uaccess::probe_write(buffer, wanted)?;
    let wait = may_wait && descriptor.status_flags & linux::O_NONBLOCK == 0;
    let count = console::read(thread, &mut chunk[..wanted], wait)?;
    uaccess::copy_out(buffer, &chunk[..count])?;
    Ok(count)
}

/// write(2): `[fd, buffer, bytes]`. Errors: EBADF, EFAULT, EINTR.
pub fn write(thread: &Thread, [fd, buffer, bytes, ..]: [usize; 6]) -> SysResult {
    get(fd)?;
    write_bytes(thread, buffer, bytes)
}

fn write_bytes(thread: &Thread, buffer: usize, bytes: usize) -> SysResult {
    let bytes = bytes.min(isize::MAX as usize);
    let mut chunk = [0u8; CHUNK];
    let mut done = 0;
    while done < bytes {
        let length = CHUNK.min(bytes - done);
        let moved = uaccess::copy_in(&mut chunk[..length], buffer.wrapping_add(done))
            .and_then(|()| console::write(thread, &chunk[..length]));
        match moved {
            Ok(count) if count < length => return Ok(done + count),
            Ok(count) => done += count,
            Err(_) if done > 0 => return Ok(done),
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Does a call on every buffer of a vector, until one comes back short.
fn each(vector: usize, count: usize, mut call: impl FnMut(usize, usize) -> SysResult) -> SysResult {
    if count > IOV_MAX {
        return Err(Errno::EINVAL);
    }
    let mut done = 0;
    for index in 0..count {
        let piece = uaccess::read::<[usize; 2]>(vector.wrapping_add(index * 16)).and_then(|[base, bytes]| {
            if bytes > isize::MAX as usize {
                return Err(Errno::EINVAL);
            }
            Ok((bytes, if bytes == 0 { 0 } else { call(base, bytes)? }))
        });
        match piece {
            Ok((bytes, moved)) => {
                done += moved;
                if moved < bytes {
                    break;
                }
            }
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// readv(2): `[fd, vector, count]`. Errors: EBADF, EFAULT, EINVAL, EAGAIN, EINTR.
pub fn readv(thread: &Thread, [fd, vector, count, ..]: [usize; 6]) -> SysResult {
    let descriptor = get(fd)?;
    let mut nothing_yet = true;
    each(vector, count, |base, bytes| {
        // What has come is given: only the first buffer waits.
        let moved = read_bytes(thread, descriptor, base, bytes, nothing_yet)?;
        nothing_yet = false;
        Ok(moved)
    })
}

/// writev(2): `[fd, vector, count]`. Errors: EBADF, EFAULT, EINVAL, EINTR.
pub fn writev(thread: &Thread, [fd, vector, count, ..]: [usize; 6]) -> SysResult {
    get(fd)?;
    each(vector, count, |base, bytes| write_bytes(thread, base, bytes))
}

/// The place of an open descriptor: its number is an int, whatever the register's upper half holds.
fn index(fd: usize) -> usize {
    fd as u32 as usize
}

/// close(2): `[fd]`. Errors: EBADF.
pub fn close(_: &Thread, [fd, ..]: [usize; 6]) -> SysResult {
    get(fd)?;
    TABLE.lock()[index(fd)] = None;
    Ok(0)
}

/// lseek(2), pread(2), pwrite(2) and the like: the console has no position. Errors: EBADF, ESPIPE.
pub fn no_position(_: &Thread, [fd, ..]: [usize; 6]) -> SysResult {
    get(fd)?;
    Err(Errno::ESPIPE)
}

/// Puts a descriptor at the first free number from `from` on.
fn duplicate(descriptor: Descriptor, from: usize) -> SysResult {
    if from >= DESCRIPTORS {
        return Err(Errno::EINVAL);
    }
    let mut table = TABLE.lock();
    let free = table[from..].iter().position(Option::is_none).ok_or(Errno::EMFILE)?;
    table[from + free] = Some(descriptor);
    Ok(from + free)
}

/// dup(2): `[fd]`. Errors: EBADF, EMFILE.
pub fn dup(_: &Thread, [fd, ..]: [usize; 6]) -> SysResult {
    duplicate(Descriptor { close_on_exec: false, ..get(fd)? }, 0)
}

/// dup3(2): `[old, new, flags]`. Errors: EBADF, EINVAL.
pub fn dup3(_: &Thread, [old, new, flags, ..]: [usize; 6]) -> SysResult {
    if flags as u32 & !linux::O_CLOEXEC != 0 || old as i32 == new as i32 {
        return Err(Errno::EINVAL);
    }
    let descriptor = Descriptor { close_on_exec: flags as u32 & linux::O_CLOEXEC != 0, ..get(old)? };
    let new = usize::try_from(new as i32).ok().filter(|&new| new < DESCRIPTORS).ok_or(Errno::EBADF)?;
    TABLE.lock()[new] = Some(descriptor);
    Ok(new)
}

/// fcntl(2): `[fd, command, argument]`: F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL. Errors: EBADF, EINVAL, EMFILE.
pub fn fcntl(_: &Thread, [fd, command, argument, ..]: [usize; 6]) -> SysResult {
    let descriptor = get(fd)?;
    let change = |new: Descriptor| {
        // Another thread may have closed it since.
        *TABLE.lock()[index(fd)].as_mut().ok_or(Errno::EBADF)? = new;
        Ok(0)
    };
    match command as u32 {
        linux::F_DUPFD => duplicate(Descriptor { close_on_exec: false, ..descriptor }, argument),
        linux::F_DUPFD_CLOEXEC => duplicate(Descriptor { close_on_exec: true, ..descriptor }, argument),
        linux::F_GETFD => Ok(usize::from(descriptor.close_on_exec)),
        linux::F_SETFD => change(Descriptor { close_on_exec: argument as u32 & linux::FD_CLOEXEC != 0, ..descriptor }),
        linux::F_GETFL => Ok(descriptor.status_flags as usize),
        linux::F_SETFL => {
            let settable = linux::O_NONBLOCK | linux::O_APPEND;
            change(Descriptor {
                status_flags: descriptor.status_flags & !settable | argument as u32 & settable,
                ..descriptor
            })
        }
        _ => Err(Errno::EINVAL),
    }
}

/// ioctl(2): `[fd, request, argument]`: TIOCGWINSZ (80 by 24), FIONREAD. Errors: EBADF, ENOTTY, EFAULT.
pub fn ioctl(_: &Thread, [fd, request, argument, ..]: [usize; 6]) -> SysResult {
    get(fd)?;
    match request as u32 {
        ioctl::TIOCGWINSZ => uaccess::write(argument, &[24u16, 80, 0, 0])?,
        ioctl::FIONREAD => uaccess::write(argument, &(console::available() as u32))?,
        _ => return Err(Errno::ENOTTY),
    }
    Ok(0)
}

/// Permissions and type of the console: a character device that its owner reads and writes.
const CONSOLE_MODE: u32 = 0o020_620;
/// Its device number, as Linux's /dev/console: major 5, minor 1.
const CONSOLE_DEVICE: u64 = 5 << 8 | 1;

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
    size: i64,
    blksize: i32,
    pad2: i32,
    blocks: i64,
    times: [u64; 6],
    unused: [u32; 2],
}

// SAFETY: integers without padding.
unsafe impl uaccess::Plain for Stat {}

/// fstat(2): `[fd, stat]`. Errors: EBADF, EFAULT.
pub fn fstat(_: &Thread, [fd, at, ..]: [usize; 6]) -> SysResult {
    get(fd)?;
    let stat = Stat {
        dev: 1,
        ino: 1,
        mode: CONSOLE_MODE,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: CONSOLE_DEVICE,
        pad1: 0,
        size: 0,
        blksize: 1024,
        pad2: 0,
        blocks: 0,
        times: [0; 6],
        unused: [0; 2],
    };
    uaccess::write(at, &stat)?;
    Ok(0)
}

/// openat(2) and every other call that names a file by `[directory, path, …]`: there are none. Errors: EFAULT, ENOENT.
pub fn no_such_file(_: &Thread, [_, path, ..]: [usize; 6]) -> SysResult {
    uaccess::read::<u8>(path)?;
    Err(Errno::ENOENT)
}

/// The one link there is, to the program itself: std's `current_exe` asks for it (proc_pid_exe(5)).
const SELF: &[u8] = b"/proc/self/exe\0";

/// readlinkat(2): `[directory, path, buffer, bytes]`: the program is `/` and the last part of its argv[0]. Errors: EFAULT,
/// EINVAL, ENOENT.
pub fn readlinkat(thread: &Thread, arguments @ [_, path, buffer, bytes, ..]: [usize; 6]) -> SysResult {
    for (index, &expected) in SELF.iter().enumerate() {
        if uaccess::read::<u8>(path.wrapping_add(index))? != expected {
            return no_such_file(thread, arguments);
        }
    }
    if bytes as i32 <= 0 {
        return Err(Errno::EINVAL);
    }
    let name = start::name().to_bytes();
    let name = name.rsplit(|&byte| byte == b'/').next().unwrap_or(name);
    // Cut without a sign that it was, as Linux does.
    uaccess::copy_out(buffer, b"/")?;
    let rest = name.len().min(bytes - 1);
    uaccess::copy_out(buffer.wrapping_add(1), &name[..rest])?;
    Ok(1 + rest)
}

/// newfstatat(2): `[directory, path, stat, flags]`: with AT_EMPTY_PATH as fstat. Errors: EFAULT, ENOENT, EBADF.
pub fn newfstatat(thread: &Thread, [directory, path, at, flags, ..]: [usize; 6]) -> SysResult {
    if uaccess::read::<u8>(path)? == 0 && flags as u32 & linux::AT_EMPTY_PATH != 0 {
        return fstat(thread, [directory, at, 0, 0, 0, 0]);
    }
    Err(Errno::ENOENT)
}

/// getcwd(2): `[buffer, bytes]`: always the root. Errors: ERANGE, EFAULT.
pub fn getcwd(_: &Thread, [buffer, bytes, ..]: [usize; 6]) -> SysResult {
    if bytes < 2 {
        return Err(Errno::ERANGE);
    }
    uaccess::copy_out(buffer, b"/\0")?;
    Ok(2)
}

/// Most descriptors that one ppoll may name.
const POLL_MAX: usize = DESCRIPTORS;

/// struct pollfd.
#[derive(Clone, Copy)]
#[repr(C)]
struct PollFd {
    fd: i32,
    events: u16,
    revents: u16,
}

// SAFETY: integers without padding.
unsafe impl uaccess::Plain for PollFd {}

/// Looks once at every descriptor; gives the number that have something to tell, and whether any of them waits for input.
fn poll_once(at: usize, count: usize) -> Result<(usize, bool), Errno> {
    let (mut ready, mut for_input) = (0, false);
    for index in 0..count {
        let at = at.wrapping_add(index * size_of::<PollFd>());
        let mut entry = uaccess::read::<PollFd>(at)?;
        let events = entry.events as u32;
        entry.revents = match get(entry.fd as usize) {
            _ if entry.fd < 0 => 0,
            Err(_) => linux::POLLNVAL as u16,
            Ok(_) => {
                for_input |= events & (linux::POLLIN | linux::POLLRDNORM) != 0;
                let input = if console::available() > 0 { linux::POLLIN | linux::POLLRDNORM } else { 0 };
                (events & (input | linux::POLLOUT | linux::POLLWRNORM)) as u16
            }
        };
        ready += usize::from(entry.revents != 0);
        uaccess::write(at, &entry)?;
    }
    Ok((ready, for_input))
}

/// ppoll(2): `[fds, count, timeout, mask]`. Errors: EFAULT, EINVAL, EINTR.
pub fn ppoll(thread: &Thread, [fds, count, timeout, ..]: [usize; 6]) -> SysResult {
    if count > POLL_MAX {
        return Err(Errno::EINVAL);
    }
    let deadline = match timeout {
        0 => None,
        at => Some(Deadline::after(clock::read_timespec(at)?)),
    };
    loop {
        let (ready, for_input) = poll_once(fds, count)?;
        if ready > 0 || deadline.is_some_and(|deadline| deadline.has_come()) {
            return Ok(ready);
        }
        let mut sched = SCHED.lock();
        if for_input && console::available() > 0 {
            continue;
        }
        if for_input {
            console::watch(&mut sched, thread);
        }
        match sched::wait(sched, thread, deadline) {
            Ok(()) | Err(Errno::ETIMEDOUT) => {}
            Err(error) => return Err(error),
        }
    }
}
