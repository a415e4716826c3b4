//! Devices: what the numbers of device nodes mean, and what is in /dev.

use super::buffers::{Sink, Source};
use super::file::{File, Opened, Status};
use super::node::{Kind, New, Node};
use crate::errno::{Errno, SysResult};
use crate::thread::Thread;
use alloc::sync::Arc;
use linux_raw_sys::general as linux;

/// A device number as stat(2) has it: major and minor.
const fn number(major: u64, minor: u64) -> u64 {
    major << 8 | minor
}

/// Numbers as on Linux (its Documentation/admin-guide/devices.txt).
const NULL: u64 = number(1, 3);
const ZERO: u64 = number(1, 5);
const FULL: u64 = number(1, 7);
const RANDOM: u64 = number(1, 8);
const URANDOM: u64 = number(1, 9);
/// The terminal of the program.
pub const TTY: u64 = number(5, 0);
/// The console.
pub const CONSOLE: u64 = number(5, 1);

/// What is in /dev: name, number, permissions.
const NODES: [(&[u8], u64, u32); 7] = [
    (b"null", NULL, 0o666),
    (b"zero", ZERO, 0o666),
    (b"full", FULL, 0o666),
    (b"random", RANDOM, 0o666),
    (b"urandom", URANDOM, 0o666),
    (b"tty", TTY, 0o666),
    (b"console", CONSOLE, 0o600),
];
/// Links in /dev, as Linux's programs expect them.
const LINKS: [(&[u8], &[u8]); 4] = [
    (b"fd", b"/proc/self/fd"),
    (b"stdin", b"/proc/self/fd/0"),
    (b"stdout", b"/proc/self/fd/1"),
    (b"stderr", b"/proc/self/fd/2"),
];

/// Fills a directory with the devices. Errors: ENOSPC.
pub fn fill(directory: &Arc<dyn Node>) -> Result<(), Errno> {
    for (name, number, permissions) in NODES {
        directory.make(name, New::Special(Kind::Characters, number), permissions)?;
    }
    for (name, target) in LINKS {
        directory.make(name, New::Link(target), 0o777)?;
    }
    Ok(())
}

/// Opens a device by its number. Errors: ENXIO if there is no such device.
pub fn open(kind: Kind, number: u64, node: Arc<dyn Node>, flags: u32) -> Result<Arc<dyn File>, Errno> {
    match (kind, number) {
        (Kind::Characters, NULL | ZERO | FULL | RANDOM | URANDOM) => {
            Ok(Arc::new(Stream { number, opened: Opened::new(node, flags) }))
        }
        #[cfg(target_vendor = "sel4")]
        (Kind::Characters, TTY | CONSOLE) => Ok(Arc::new(super::console_file::ConsoleFile::open(node, flags))),
        _ => Err(Errno::ENXIO),
    }
}

/// A device that gives bytes without end, or none, and forgets what it is given.
struct Stream {
    number: u64,
    opened: Opened,
}

impl Stream {
    fn give(&self, to: &mut Sink<'_>) -> SysResult {
        match self.number {
            NULL => Ok(0),
            RANDOM | URANDOM => give_random(to),
            _ => to.zero(to.left()),
        }
    }

    fn take(&self, from: &mut Source<'_>) -> SysResult {
        if self.number == FULL { Err(Errno::ENOSPC) } else { Ok(from.skip(from.left())) }
    }
}

/// Bytes made at a time.
#[cfg(target_vendor = "sel4")]
const CHUNK: usize = 256;

#[cfg(target_vendor = "sel4")]
fn give_random(to: &mut Sink<'_>) -> SysResult {
    let mut done = 0;
    while to.left() > 0 {
        let mut bytes = [0; CHUNK];
        let wanted = to.left().min(CHUNK);
        crate::random::fill(&mut bytes[..wanted]);
        match to.put(&bytes[..wanted]) {
            Ok(moved) => done += moved,
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
        }
    }
    Ok(done)
}

/// The host has no generator of ours.
#[cfg(not(target_vendor = "sel4"))]
fn give_random(to: &mut Sink<'_>) -> SysResult {
    to.zero(to.left())
}

impl File for Stream {
    fn status(&self) -> &Status {
        &self.opened.status
    }

    fn opened(&self) -> Option<&Opened> {
        Some(&self.opened)
    }

    fn read(&self, _: &Thread, to: &mut Sink<'_>) -> SysResult {
        self.give(to)
    }

    fn write(&self, _: &Thread, from: &mut Source<'_>) -> SysResult {
        self.take(from)
    }

    fn read_at(&self, to: &mut Sink<'_>, _: u64) -> SysResult {
        self.give(to)
    }

    fn write_at(&self, from: &mut Source<'_>, _: u64) -> SysResult {
        self.take(from)
    }

    /// There is one position only.
    fn seek(&self, _: i64, whence: u32) -> SysResult {
        if whence <= linux::SEEK_END { Ok(0) } else { Err(Errno::EINVAL) }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::fs::tmpfs::Tmpfs;

    fn device(name: &[u8]) -> Arc<dyn File> {
        let root: Arc<dyn Node> = Tmpfs::new_root(1);
        fill(&root).unwrap();
        root.lookup(name).unwrap().open(linux::O_RDWR).unwrap()
    }

    #[test]
    fn each_device_gives_and_takes_what_it_should() {
        for (name, read, write) in [
            (b"null".as_slice(), Ok(0), Ok(4)),
            (b"zero", Ok(4), Ok(4)),
            (b"full", Ok(4), Err(Errno::ENOSPC)),
            (b"urandom", Ok(4), Ok(4)),
        ] {
            let mut bytes = [9; 4];
            let file = device(name);
            assert_eq!(file.read(&Thread, &mut Sink::own(&mut bytes)), read);
            assert_eq!(bytes, if read == Ok(4) { [0; 4] } else { [9; 4] });
            assert_eq!(file.write(&Thread, &mut Source::own(b"abcd")), write);
            assert_eq!(file.seek(100, linux::SEEK_SET), Ok(0));
            assert_eq!(file.metadata().kind, Kind::Characters);
        }
    }

    #[test]
    fn a_number_that_is_no_device_cannot_be_opened() {
        let root: Arc<dyn Node> = Tmpfs::new_root(1);
        let node = root.make(b"odd", New::Special(Kind::Characters, number(9, 9)), 0o666).unwrap();
        assert_eq!(node.open(linux::O_RDWR).err(), Some(Errno::ENXIO));
    }
}
