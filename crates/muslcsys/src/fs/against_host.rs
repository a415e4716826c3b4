//! The same random calls on our tree and on the host's own file system must give the same results and errors.
//!
//! Many more cases than the default: `PROPTEST_CASES=100000 cargo test --release -p muslcsys against_host`.

use super::buffers::{Sink, Source};
use super::file::File;
use super::node::{Change, Kind, Metadata, New, Node, Rename, Target};
use super::paths;
use super::tmpfs::Tmpfs;
use super::walk::{Follow, Origin};
use crate::errno::Errno;
use crate::thread::Thread;
use alloc::sync::Arc;
use linux_raw_sys::general as linux;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::ffi::CString;
use std::path::PathBuf;

/// Directories between the root and where paths begin, so that no path leads out of what is the test's own.
const DEEP: &str = "1/2/3/4/5/6";
/// Files open at a time.
const SLOTS: usize = 3;

/// What a call gave: a number with perhaps bytes or names, or an error as Linux numbers it.
type Outcome = Result<(usize, Vec<u8>), i32>;

#[derive(Clone, Debug)]
enum Call {
    Open(usize, String, u32, u32),
    Close(usize),
    Write(usize, u8, usize),
    Read(usize, usize),
    WriteAt(usize, u8, usize, u64),
    ReadAt(usize, usize, u64),
    Seek(usize, i64, u32),
    SetSize(usize, u64),
    Allocate(usize, bool, u64, u64),
    Punch(usize, u64, u64),
    Stat(String, bool),
    StatOpen(usize),
    MakeDirectory(String, u32),
    Remove(String, bool),
    Rename(String, String, u32),
    Link(String, String),
    MakeLink(String, String),
    ReadLink(String),
    Truncate(String, u64),
    Permissions(String, u32),
    List(String),
    MakeNode(String, u32),
}

impl Call {
    /// The open file that it is made on, of the calls that are made on one.
    fn slot(&self) -> Option<usize> {
        match *self {
            Call::Write(slot, ..)
            | Call::Read(slot, ..)
            | Call::WriteAt(slot, ..)
            | Call::ReadAt(slot, ..)
            | Call::Seek(slot, ..)
            | Call::SetSize(slot, ..)
            | Call::Allocate(slot, ..)
            | Call::Punch(slot, ..)
            | Call::StatOpen(slot) => Some(slot),
            _ => None,
        }
    }
}

/// Runs a call; there is one for each side.
trait Side {
    fn call(&mut self, call: &Call) -> Outcome;
}

struct Ours {
    origin: Origin,
    open: [Option<Arc<dyn File>>; SLOTS],
}

fn nothing<T>(result: Result<T, Errno>) -> Outcome {
    result.map(|_| (0, Vec::new())).map_err(number)
}

fn number(error: Errno) -> i32 {
    -error.to_word() as i32
}

/// What of the metadata is the same on every file system: a directory's size and names are its file system's own business.
fn told(metadata: &Metadata) -> Vec<u8> {
    let directory = metadata.kind == Kind::Directory;
    let size = if directory { 0 } else { metadata.size };
    let links = if directory { 0 } else { metadata.links };
    format!("{:o} {links} {size}", metadata.mode()).into_bytes()
}

impl Ours {
    fn new() -> Self {
        let root: Arc<dyn Node> = Tmpfs::new_root(1);
        let base = super::mounts::directory(&root, DEEP.as_bytes()).unwrap();
        Self { origin: Origin { root, base }, open: [const { None }; SLOTS] }
    }

    fn find(&self, path: &str, follow: bool) -> Result<Arc<dyn Node>, Errno> {
        paths::find(&self.origin, path.as_bytes(), if follow { Follow::Always } else { Follow::WithSlash })
    }

    fn names(&self, path: &str) -> Result<Vec<u8>, Errno> {
        let directory = paths::open(&self.origin, path.as_bytes(), linux::O_DIRECTORY, 0)?;
        let mut names = BTreeSet::new();
        // Room for the longest entry and little more, so that it takes several calls.
        let mut buffer = vec![0; 300];
        loop {
            let length = directory.read_entries(&mut Sink::own(&mut buffer))?;
            let mut at = 0;
            if length == 0 {
                return Ok(names.into_iter().collect::<Vec<_>>().join(&0));
            }
            while at < length {
                let record = u16::from_ne_bytes([buffer[at + 16], buffer[at + 17]]) as usize;
                let name = &buffer[at + 19..at + record];
                let end = name.iter().position(|&byte| byte == 0).unwrap();
                assert!(names.insert(name[..end].to_vec()), "told twice");
                at += record;
            }
        }
    }

    fn on_open(&mut self, slot: usize, call: &Call) -> Outcome {
        let Some(file) = &self.open[slot] else { return Ok((0, Vec::new())) };
        let (reads, writes) = (file.status().may_read(), file.status().may_write());
        let node = file.node().unwrap();
        let regular = node.kind() == Kind::Regular;
        let count = |result: Result<usize, Errno>| result.map(|count| (count, Vec::new())).map_err(number);
        let bytes = |length: usize, read: &dyn Fn(&mut Sink<'_>) -> Result<usize, Errno>| {
            let mut bytes = vec![0; length];
            let count = read(&mut Sink::own(&mut bytes)).map_err(number)?;
            bytes.truncate(count);
            Ok((count, bytes))
        };
        match *call {
            Call::Write(..) | Call::WriteAt(..) if !writes => Err(number(Errno::EBADF)),
            Call::Read(..) | Call::ReadAt(..) if !reads => Err(number(Errno::EBADF)),
            Call::SetSize(..) if !writes || !regular => Err(number(Errno::EINVAL)),
            Call::Allocate(..) | Call::Punch(..) if !writes => Err(number(Errno::EBADF)),
            Call::Write(_, byte, length) => count(file.write(&Thread, &mut Source::own(&vec![byte; length]))),
            Call::Read(_, length) => bytes(length, &|to| file.read(&Thread, to)),
            Call::WriteAt(_, byte, length, at) => count(file.write_at(&mut Source::own(&vec![byte; length]), at)),
            Call::ReadAt(_, length, at) => bytes(length, &|to| file.read_at(to, at)),
            // Positions in directories are a file system's own.
            Call::Seek(..) if !regular => Ok((0, Vec::new())),
            Call::Seek(_, offset, whence) => count(file.seek(offset, whence)),
            Call::SetSize(_, size) => nothing(node.set_size(size)),
            Call::Allocate(_, keep, at, length) => nothing(node.allocate(at, length, keep)),
            Call::Punch(_, at, length) => nothing(node.punch(at, length)),
            _ => Ok((0, told(&file.metadata()))),
        }
    }
}

impl Side for Ours {
    fn call(&mut self, call: &Call) -> Outcome {
        let origin = self.origin.clone();
        if let Some(slot) = call.slot() {
            return self.on_open(slot, call);
        }
        match call {
            Call::Open(slot, path, flags, permissions) => {
                self.open[*slot] = None;
                let file = paths::open(&origin, path.as_bytes(), *flags, *permissions).map_err(number)?;
                self.open[*slot] = Some(file);
                Ok((0, Vec::new()))
            }
            Call::Close(slot) => {
                self.open[*slot] = None;
                Ok((0, Vec::new()))
            }
            Call::Stat(path, follow) => Ok((0, told(&self.find(path, *follow).map_err(number)?.metadata()))),
            Call::MakeDirectory(path, permissions) => {
                nothing(paths::make(&origin, path.as_bytes(), New::Directory, *permissions))
            }
            Call::Remove(path, directory) => nothing(paths::remove(&origin, path.as_bytes(), *directory)),
            Call::Rename(from, to, how) => {
                let how = [Rename::Replace, Rename::NoReplace, Rename::Exchange][*how as usize];
                nothing(paths::rename(&origin, from.as_bytes(), &origin, to.as_bytes(), how))
            }
            Call::Link(from, to) => {
                let node = self.find(from, false).map_err(number)?;
                nothing(paths::link(&node, &origin, to.as_bytes()))
            }
            Call::MakeLink(target, path) => {
                nothing(paths::make(&origin, path.as_bytes(), New::Link(target.as_bytes()), 0o777))
            }
            Call::ReadLink(path) => match self.find(path, false).and_then(|node| node.target()).map_err(number)? {
                Target::Path(target) => Ok((target.len(), target.into_vec())),
                Target::Node(_) => unreachable!("there is no /proc here"),
            },
            Call::Truncate(path, size) => nothing(self.find(path, true).and_then(|node| node.set_size(*size))),
            Call::Permissions(path, permissions) => {
                let change = Change { permissions: Some(*permissions), ..Change::default() };
                nothing(self.find(path, true).and_then(|node| node.change(&change)))
            }
            Call::List(path) => Ok((0, self.names(path).map_err(number)?)),
            Call::MakeNode(path, permissions) => {
                nothing(paths::make(&origin, path.as_bytes(), New::Regular, *permissions))
            }
            _ => unreachable!("a call on an open file"),
        }
    }
}

struct Host {
    folder: PathBuf,
    base: i32,
    open: [i32; SLOTS],
}

impl Host {
    fn new() -> Self {
        // tmpfs where there is one: the same kind of file system.
        let shm = PathBuf::from("/dev/shm");
        let parent = if shm.is_dir() { shm } else { std::env::temp_dir() };
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = parent.join(format!("muslcsys-{}-{number}", std::process::id()));
        let base = folder.join(DEEP);
        std::fs::create_dir_all(&base).unwrap();
        let name = CString::new(base.into_os_string().into_encoded_bytes()).unwrap();
        // SAFETY: a string that ends.
        let base = unsafe { libc::open(name.as_ptr(), libc::O_PATH | libc::O_DIRECTORY) };
        assert!(base >= 0);
        Self { folder, base, open: [-1; SLOTS] }
    }

    fn close(&mut self, slot: usize) {
        // SAFETY: a descriptor of the test's own, or none.
        unsafe { libc::close(self.open[slot]) };
        self.open[slot] = -1;
    }

    fn names(&self, path: &CString) -> Outcome {
        // SAFETY: a string that ends; the stream is closed once, and its entries are read before the next is.
        unsafe {
            let fd = libc::openat(self.base, path.as_ptr(), libc::O_DIRECTORY);
            if fd < 0 {
                return Err(last());
            }
            let stream = libc::fdopendir(fd);
            let mut names = BTreeSet::new();
            while let Some(entry) = libc::readdir(stream).as_ref() {
                names.insert(std::ffi::CStr::from_ptr(entry.d_name.as_ptr()).to_bytes().to_vec());
            }
            libc::closedir(stream);
            Ok((0, names.into_iter().collect::<Vec<_>>().join(&0)))
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        (0..SLOTS).for_each(|slot| self.close(slot));
        // SAFETY: the test's own.
        unsafe { libc::close(self.base) };
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

fn last() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap()
}

fn checked(result: i64) -> Outcome {
    if result < 0 { Err(last()) } else { Ok((result as usize, Vec::new())) }
}

fn host_told(result: i32, stat: &libc::stat) -> Outcome {
    if result < 0 {
        return Err(last());
    }
    let directory = stat.st_mode & libc::S_IFMT == libc::S_IFDIR;
    let (size, links) = if directory { (0, 0) } else { (stat.st_size, stat.st_nlink) };
    Ok((0, format!("{:o} {links} {size}", stat.st_mode).into_bytes()))
}

impl Side for Host {
    fn call(&mut self, call: &Call) -> Outcome {
        let string = |path: &String| CString::new(path.as_bytes()).unwrap();
        let zero = |result: i32| checked(result.into()).map(|_| (0, Vec::new()));
        let read = |length: usize, read: &dyn Fn(*mut libc::c_void) -> isize| {
            let mut bytes = vec![0u8; length];
            let count = checked(read(bytes.as_mut_ptr().cast()) as i64)?.0;
            bytes.truncate(count);
            Ok((count, bytes))
        };
        let fd = call.slot().map_or(-1, |slot| self.open[slot]);
        if fd < 0 && call.slot().is_some() {
            return Ok((0, Vec::new()));
        }
        // SAFETY: strings that end, buffers as long as is said, descriptors of the test's own.
        unsafe {
            let mut stat = std::mem::zeroed::<libc::stat>();
            match call {
                Call::Open(slot, path, flags, permissions) => {
                    self.close(*slot);
                    let fd = libc::openat(self.base, string(path).as_ptr(), *flags as i32, *permissions);
                    zero(fd)?;
                    self.open[*slot] = fd;
                    Ok((0, Vec::new()))
                }
                Call::Close(slot) => {
                    self.close(*slot);
                    Ok((0, Vec::new()))
                }
                Call::Write(_, byte, length) => {
                    checked(libc::write(fd, vec![*byte; *length].as_ptr().cast(), *length) as i64)
                }
                Call::Read(_, length) => read(*length, &|to| libc::read(fd, to, *length)),
                Call::WriteAt(_, byte, length, at) => {
                    checked(libc::pwrite(fd, vec![*byte; *length].as_ptr().cast(), *length, *at as i64) as i64)
                }
                Call::ReadAt(_, length, at) => read(*length, &|to| libc::pread(fd, to, *length, *at as i64)),
                Call::Seek(_, offset, whence) => {
                    libc::fstat(fd, &mut stat);
                    if stat.st_mode & libc::S_IFMT != libc::S_IFREG {
                        return Ok((0, Vec::new()));
                    }
                    checked(libc::lseek(fd, *offset, *whence as i32))
                }
                Call::SetSize(_, size) => zero(libc::ftruncate(fd, *size as i64)),
                Call::Allocate(_, keep, at, length) => {
                    zero(libc::fallocate(fd, i32::from(*keep), *at as i64, *length as i64))
                }
                Call::Punch(_, at, length) => zero(libc::fallocate(fd, 3, *at as i64, *length as i64)),
                Call::StatOpen(_) => host_told(libc::fstat(fd, &mut stat), &stat),
                Call::Stat(path, follow) => {
                    let flags = if *follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
                    host_told(libc::fstatat(self.base, string(path).as_ptr(), &mut stat, flags), &stat)
                }
                Call::MakeDirectory(path, permissions) => {
                    zero(libc::mkdirat(self.base, string(path).as_ptr(), *permissions))
                }
                Call::Remove(path, directory) => {
                    let flags = if *directory { libc::AT_REMOVEDIR } else { 0 };
                    zero(libc::unlinkat(self.base, string(path).as_ptr(), flags))
                }
                Call::Rename(from, to, how) => {
                    let (from, to) = (string(from), string(to));
                    let call = libc::SYS_renameat2;
                    zero(libc::syscall(call, self.base, from.as_ptr(), self.base, to.as_ptr(), *how) as i32)
                }
                Call::Link(from, to) => {
                    zero(libc::linkat(self.base, string(from).as_ptr(), self.base, string(to).as_ptr(), 0))
                }
                Call::MakeLink(target, path) => {
                    zero(libc::symlinkat(string(target).as_ptr(), self.base, string(path).as_ptr()))
                }
                Call::ReadLink(path) => {
                    read(4096, &|to| libc::readlinkat(self.base, string(path).as_ptr(), to.cast(), 4096))
                }
                Call::Truncate(path, size) => {
                    let fd = libc::openat(self.base, string(path).as_ptr(), libc::O_PATH);
                    zero(fd)?;
                    let name = CString::new(format!("/proc/self/fd/{fd}")).unwrap();
                    let result = zero(libc::truncate(name.as_ptr(), *size as i64));
                    libc::close(fd);
                    result
                }
                Call::Permissions(path, permissions) => {
                    zero(libc::fchmodat(self.base, string(path).as_ptr(), *permissions, 0))
                }
                Call::List(path) => self.names(&string(path)),
                Call::MakeNode(path, permissions) => {
                    zero(libc::mknodat(self.base, string(path).as_ptr(), libc::S_IFREG | *permissions, 0))
                }
            }
        }
    }
}

fn path() -> impl Strategy<Value = String> {
    let name = prop_oneof![8 => "[abc]", 1 => Just(".".into()), 1 => Just("..".into()), 1 => "(l|m)"];
    let long = prop_oneof![Just("n".repeat(255)), Just("n".repeat(256))];
    let plain = (proptest::collection::vec(name, 1..4), prop_oneof![6 => Just(""), 1 => Just("/"), 1 => Just("//")]);
    let plain = plain.prop_map(|(names, end)| names.join("/") + end);
    prop_oneof![40 => plain, 1 => long, 1 => Just(String::new())]
}

/// A target of a link: nothing that leads up, see `DEEP`.
fn target() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[abclm]", 2 => "[abc]/[abclm]", 1 => "[abclm]/"]
}

fn call() -> impl Strategy<Value = Call> {
    let slot = || 0..SLOTS;
    let size = || prop_oneof![Just(0usize), 1..20usize, 4000..9000usize];
    let at = || prop_oneof![4 => 0..20u64, 4 => 0..40_000u64, 1 => Just(4096u64), 1 => Just(i64::MAX as u64)];
    let near = || prop_oneof![0..20u64, 0..40_000u64, Just(4096u64)];
    let permissions = || prop_oneof![Just(0o644u32), Just(0o755), Just(0o700), Just(0o600)];
    let flags = (
        prop_oneof![Just(linux::O_RDONLY), Just(linux::O_WRONLY), Just(linux::O_RDWR)],
        proptest::sample::subsequence(
            vec![linux::O_CREAT, linux::O_EXCL, linux::O_TRUNC, linux::O_APPEND, linux::O_NOFOLLOW, linux::O_DIRECTORY],
            0..4,
        ),
        any::<bool>(),
    )
        .prop_map(|(mode, flags, create)| {
            let flags = flags.into_iter().fold(mode, |all, flag| all | flag);
            // What the two together mean has changed between versions of Linux.
            if create && flags & linux::O_DIRECTORY == 0 {
                flags | linux::O_CREAT
            } else {
                flags & !linux::O_CREAT & !linux::O_EXCL
            }
        });
    prop_oneof![
        6 => (slot(), path(), flags, permissions()).prop_map(|(slot, path, flags, mode)| Call::Open(slot, path, flags, mode)),
        1 => slot().prop_map(Call::Close),
        3 => (slot(), any::<u8>(), size()).prop_map(|(slot, byte, size)| Call::Write(slot, byte, size)),
        2 => (slot(), size()).prop_map(|(slot, size)| Call::Read(slot, size)),
        2 => (slot(), any::<u8>(), size(), at()).prop_map(|(slot, byte, size, at)| Call::WriteAt(slot, byte, size, at)),
        2 => (slot(), size(), at()).prop_map(|(slot, size, at)| Call::ReadAt(slot, size, at)),
        2 => (slot(), -50..9000i64, 0..6u32).prop_map(|(slot, at, whence)| Call::Seek(slot, at, whence)),
        2 => (slot(), near()).prop_map(|(slot, size)| Call::SetSize(slot, size)),
        1 => (slot(), any::<bool>(), near(), 1..9000u64).prop_map(|(slot, keep, at, size)| Call::Allocate(slot, keep, at, size)),
        1 => (slot(), near(), 1..9000u64).prop_map(|(slot, at, size)| Call::Punch(slot, at, size)),
        2 => (path(), any::<bool>()).prop_map(|(path, follow)| Call::Stat(path, follow)),
        1 => slot().prop_map(Call::StatOpen),
        5 => (path(), permissions()).prop_map(|(path, mode)| Call::MakeDirectory(path, mode)),
        3 => (path(), any::<bool>()).prop_map(|(path, directory)| Call::Remove(path, directory)),
        5 => (path(), path(), prop_oneof![3 => Just(0u32), 1 => Just(1), 2 => Just(2)])
            .prop_map(|(from, to, how)| Call::Rename(from, to, how)),
        3 => (path(), path()).prop_map(|(from, to)| Call::Link(from, to)),
        3 => (target(), path()).prop_map(|(target, path)| Call::MakeLink(target, path)),
        1 => path().prop_map(Call::ReadLink),
        1 => (path(), near()).prop_map(|(path, size)| Call::Truncate(path, size)),
        1 => (path(), permissions()).prop_map(|(path, mode)| Call::Permissions(path, mode)),
        2 => path().prop_map(Call::List),
        1 => (path(), permissions()).prop_map(|(path, mode)| Call::MakeNode(path, mode)),
    ]
}

proptest! {
    #![proptest_config(crate::testing::cases(1))]
    #[test]
    fn the_same_calls_give_the_same(calls in proptest::collection::vec(call(), 1..60)) {
        let (mut ours, mut host) = (Ours::new(), Host::new());
        for (step, call) in calls.iter().enumerate() {
            // Space that was allocated and not written is data here and a hole on the host: lseek(2) allows both.
            let allocated = || calls[..step].iter().any(|call| matches!(call, Call::Allocate(..)));
            if matches!(call, Call::Seek(_, _, linux::SEEK_DATA | linux::SEEK_HOLE)) && allocated() {
                continue;
            }
            let (expected, got) = (host.call(call), ours.call(call));
            prop_assert_eq!(&got, &expected, "step {} of {:?}: ours left, the host's right", step, &calls[..=step]);
        }
    }
}
