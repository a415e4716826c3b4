//! Files as memory: what mmap of a file gives, and what writing through it does.
// run maps: itself time=90

use sel4_tests::{check, end, equal};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::process::ExitCode;
use std::ptr;
use std::thread;

const PAGE: usize = 4096;

/// A mapping, taken away when it is dropped.
struct Mapping(*mut u8, usize);

// SAFETY: plain memory; the tests say who writes which byte.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(file: &File, offset: usize, length: usize, protection: i32, flags: i32) -> Result<Self, i32> {
        // SAFETY: a new mapping where the kernel finds room.
        let at = unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, file.as_raw_fd(), offset as i64) };
        if at == libc::MAP_FAILED {
            Err(io::Error::last_os_error().raw_os_error().unwrap())
        } else {
            Ok(Self(at.cast(), length))
        }
    }

    fn get(&self, at: usize) -> u8 {
        assert!(at < self.1);
        // SAFETY: within the mapping.
        unsafe { self.0.add(at).read_volatile() }
    }

    fn set(&self, at: usize, byte: u8) {
        assert!(at < self.1);
        // SAFETY: within the mapping.
        unsafe { self.0.add(at).write_volatile(byte) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: nobody refers to it any more.
        assert_eq!(unsafe { libc::munmap(self.0.cast(), self.1) }, 0);
    }
}

const READ: i32 = libc::PROT_READ;
const BOTH: i32 = libc::PROT_READ | libc::PROT_WRITE;

fn byte(file: &File, at: u64) -> u8 {
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    byte[0]
}

fn shared(file: &File) {
    let (one, other) = (
        Mapping::new(file, 0, 3 * PAGE, BOTH, libc::MAP_SHARED).unwrap(),
        Mapping::new(file, PAGE, PAGE, READ, libc::MAP_SHARED).unwrap(),
    );
    equal("a mapping has the file's bytes", (one.get(0), one.get(2 * PAGE + 99)), (1, 3));
    equal("behind the file's end are zeros", one.get(2 * PAGE + 100), 0);
    one.set(PAGE + 5, 50);
    equal(
        "what is written is in the file, and in other mappings",
        (byte(file, PAGE as u64 + 5), other.get(5)),
        (50, 50),
    );
    file.write_all_at(&[60], PAGE as u64 + 6).unwrap();
    equal("and what the file is given is in the mappings", (one.get(PAGE + 6), other.get(6)), (60, 60));
    one.set(2 * PAGE + 200, 9);
    equal("behind its end nothing is added", file.metadata().unwrap().len(), 2 * PAGE as u64 + 100);
    thread::scope(|scope| {
        for part in 0..4 {
            let one = &one;
            scope.spawn(move || (0..512).for_each(|at| one.set(part * 512 + at, part as u8)));
        }
    });
    check("threads write side by side", (0..2048u64).all(|at| u64::from(byte(file, at)) == at / 512));
    // SAFETY: the whole mapping.
    equal("msync has nothing to wait for", unsafe { libc::msync(one.0.cast(), one.1, libc::MS_SYNC) }, 0);
    fs::remove_file("/tmp/mapped").unwrap();
    drop(other);
    equal("without a name it is still there", one.get(PAGE + 5), 50);
}

fn private(file: &File) {
    let copy = Mapping::new(file, PAGE, 2 * PAGE, BOTH, libc::MAP_PRIVATE).unwrap();
    equal("a private mapping has the file's bytes", copy.get(0), 2);
    copy.set(0, 77);
    equal("which writing leaves alone", (copy.get(0), byte(file, PAGE as u64)), (77, 2));
    let read_only = File::open("/tmp/mapped").unwrap();
    check(
        "a file open for reading is enough for it",
        Mapping::new(&read_only, 0, PAGE, BOTH, libc::MAP_PRIVATE).is_ok(),
    );
}

fn refusals(file: &File) {
    let refused = |file: &File, offset, length, flags| Mapping::new(file, offset, length, BOTH, flags).err();
    equal("an offset within a page", refused(file, 5, PAGE, libc::MAP_SHARED), Some(libc::EINVAL));
    equal("no length", refused(file, 0, 0, libc::MAP_SHARED), Some(libc::EINVAL));
    equal("no kind", refused(file, 0, PAGE, 0), Some(libc::EINVAL));
    equal(
        "an offset that ends nowhere",
        refused(file, usize::MAX & !(PAGE - 1), PAGE, libc::MAP_SHARED).is_some(),
        true,
    );
    let read_only = File::open("/tmp/mapped").unwrap();
    equal("writing what is open for reading", refused(&read_only, 0, PAGE, libc::MAP_SHARED), Some(libc::EACCES));
    let write_only = OpenOptions::new().write(true).open("/tmp/mapped").unwrap();
    equal("reading what is open for writing", refused(&write_only, 0, PAGE, libc::MAP_PRIVATE), Some(libc::EACCES));
    equal("a directory", refused(&File::open("/tmp").unwrap(), 0, PAGE, libc::MAP_PRIVATE), Some(libc::ENODEV));
}

fn of_the_image() {
    let program = std::env::current_exe().unwrap();
    let file = File::open(&program).unwrap();
    let length = file.metadata().unwrap().len() as usize;
    let mapping = Mapping::new(&file, 0, length, READ, libc::MAP_PRIVATE).unwrap();
    let bytes = fs::read(&program).unwrap();
    check("the program's own file, byte for byte", (0..length).all(|at| mapping.get(at) == bytes[at]));
    let shared = Mapping::new(&file, 0, PAGE, READ, libc::MAP_SHARED);
    check("shared as well", shared.is_ok_and(|mapping| (0..PAGE).all(|at| mapping.get(at) == bytes[at])));
}

fn main() -> ExitCode {
    let bytes: Vec<u8> = (0..2 * PAGE + 100).map(|at| (at / PAGE + 1) as u8).collect();
    fs::write("/tmp/mapped", bytes).unwrap();
    let file = OpenOptions::new().read(true).write(true).open("/tmp/mapped").unwrap();
    private(&file);
    refusals(&file);
    shared(&file);
    of_the_image();
    end()
}
