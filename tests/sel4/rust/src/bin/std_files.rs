//! What programs rely on in std::fs and std::os::unix::fs, and Rust's own tests do not look at: what is there from the start, limits, the end of
//! memory, names that come and go, threads.
// run std-files: itself time=120
// run std-files-few: env=SEL4STD_DESCRIPTORS=64 args="64"

use sel4_tests::{check, end, equal};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, SystemTime};

const PAGE: usize = 4096;

fn error<T>(result: io::Result<T>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

fn from_the_start() {
    let dev = |name: &str| fs::metadata(Path::new("/dev").join(name)).unwrap();
    for name in ["null", "zero", "full", "random", "urandom", "tty", "console", "stdin", "stdout", "stderr"] {
        check(&format!("/dev/{name} is a device"), dev(name).file_type().is_char_device());
    }
    equal("/dev/null's number", dev("null").rdev(), 1 << 8 | 3);
    let mut bytes = [7; 100];
    equal("/dev/null has an end", File::open("/dev/null").unwrap().read(&mut bytes).unwrap(), 0);
    File::open("/dev/zero").unwrap().read_exact(&mut bytes).unwrap();
    equal("/dev/zero has zeros", bytes, [0; 100]);
    equal("/dev/full is full", kind(fs::write("/dev/full", "x")), Some(ErrorKind::StorageFull));
    let random = || {
        let mut bytes = [0; 32];
        File::open("/dev/urandom").unwrap().read_exact(&mut bytes).unwrap();
        bytes
    };
    check("/dev/urandom is never the same", random() != random());
    let file = File::create("/tmp/behind a number").unwrap();
    fs::write(format!("/dev/fd/{}", file.as_raw_fd()), "through /dev/fd").unwrap();
    equal(
        "/dev/fd leads to what is open",
        fs::read_to_string("/tmp/behind a number").unwrap(),
        "through /dev/fd".into(),
    );
    equal("/tmp is everyone's", fs::metadata("/tmp").unwrap().mode(), 0o41777);

    let program = fs::read_link("/proc/self/exe").unwrap();
    equal("/proc/self/exe is what current_exe() says", std::env::current_exe().unwrap(), program.clone());
    equal("and it is the program", fs::read(&program).unwrap()[..4].to_vec(), b"\x7fELF".to_vec());
    let here = from_the_start as *const () as usize;
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let found = maps.lines().find(|line| {
        let (range, _) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let number = |digits| usize::from_str_radix(digits, 16).unwrap();
        (number(start)..number(end)).contains(&here)
    });
    check("/proc/self/maps has the code, not writable", found.is_some_and(|line| line.contains(" r-xp ")));
}

fn names() {
    let longest = "n".repeat(255);
    check("a name of 255 bytes", fs::write(&longest, "x").is_ok() && fs::remove_file(&longest).is_ok());
    equal("one of 256 is too long", error(fs::write("n".repeat(256), "x")), Some(libc::ENAMETOOLONG));
    fs::write("a", "one").unwrap();
    equal(
        "a path of 4,095 bytes",
        fs::read_to_string(format!("{}/a", ".".to_owned() + &"/".repeat(4092))).unwrap(),
        "one".into(),
    );
    equal(
        "one of 4,096 is too long",
        error(fs::read(format!("{}/a", ".".to_owned() + &"/".repeat(4093)))),
        Some(libc::ENAMETOOLONG),
    );
    symlink("a", "l1").unwrap();
    (2..=41).for_each(|link| symlink(format!("l{}", link - 1), format!("l{link}")).unwrap());
    equal("40 links are followed", fs::read_to_string("l40").unwrap(), "one".into());
    equal("41 are a loop", error(fs::read("l41")), Some(libc::ELOOP));
    fs::create_dir_all("deep/er").unwrap();
    std::env::set_current_dir("deep/er").unwrap();
    equal("paths begin in the working directory", fs::read_to_string("../../a").unwrap(), "one".into());
    fs::remove_dir("/tmp/std-files/deep/er").unwrap();
    equal("one that is gone has no name", kind(std::env::current_dir()), Some(ErrorKind::NotFound));
    equal("and nothing is made in it", kind(File::create("x")), Some(ErrorKind::NotFound));
    equal("a path without a name", kind(fs::read("")), Some(ErrorKind::NotFound));
    equal("a name with a NUL", kind(fs::read("a\0b")), Some(ErrorKind::InvalidInput));
    std::env::set_current_dir("/tmp/std-files").unwrap();
    fs::write("b", "two").unwrap();
    fs::hard_link("b", "c").unwrap();
    fs::rename("a", "b").unwrap();
    equal(
        "a name is replaced",
        (fs::read_to_string("b").unwrap(), fs::read_to_string("c").unwrap()),
        ("one".into(), "two".into()),
    );
    equal("what it replaced has one name less", fs::metadata("c").unwrap().nlink(), 1);
    equal("a file does not replace a directory", kind(fs::rename("b", "deep")), Some(ErrorKind::IsADirectory));
    equal("create_new refuses what is there", kind(File::create_new("b")), Some(ErrorKind::AlreadyExists));
}

fn attributes() {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o640).open("m").unwrap();
    equal("a mode is as asked", file.metadata().unwrap().mode(), 0o100640);
    file.set_permissions(fs::Permissions::from_mode(0o4711)).unwrap();
    equal("and changed", fs::metadata("m").unwrap().mode(), 0o104711);
    fs::DirBuilder::new().mode(0o700).create("private").unwrap();
    equal("a directory's too", fs::metadata("private").unwrap().mode(), 0o40700);
    std::os::unix::fs::chown("m", Some(12), None).unwrap();
    let told = fs::metadata("m").unwrap();
    equal("an owner is kept", (told.uid(), told.gid()), (12, 0));
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_007, 123_456_789);
    file.set_times(fs::FileTimes::new().set_modified(time)).unwrap();
    equal("a time is kept, with its nanoseconds", file.metadata().unwrap().modified().unwrap(), time);
    (&file).write_all(b"later").unwrap();
    check("writing changes it", file.metadata().unwrap().modified().unwrap() > time);
    file.write_all_at(b"L", 0).unwrap();
    equal("what is written at a place moves nothing", (&file).stream_position().unwrap(), 5);
    file.set_len(1 << 33).unwrap();
    let told = file.metadata().unwrap();
    equal("8 GiB of nothing take no memory", (told.len(), told.blocks()), (1 << 33, 8));
    equal("its end is found", (&file).seek(SeekFrom::End(-1)).unwrap(), (1 << 33) - 1);
    equal("and reads as zero", (&file).bytes().map(Result::unwrap).collect::<Vec<_>>(), vec![0]);
    equal(
        "a seek before the start is refused",
        kind((&file).seek(SeekFrom::Current(i64::MIN))),
        Some(ErrorKind::InvalidInput),
    );
    let other = File::open("m").unwrap();
    file.lock().unwrap();
    check("a lock keeps others out", matches!(other.try_lock(), Err(fs::TryLockError::WouldBlock)));
    drop(file);
    check("until its file is closed", other.try_lock().is_ok());
}

fn statfs() -> libc::statfs {
    // SAFETY: plain numbers, and a string that ends.
    unsafe {
        let mut told = std::mem::zeroed();
        assert_eq!(libc::statfs(c"/".as_ptr(), &mut told), 0);
        told
    }
}

/// Writes a file of 16 MiB, and takes its name away while it is open: the pages left before and after that, what is read then, links.
fn sixteen() -> (u64, u64, Vec<u8>, u64) {
    let bytes = vec![1; 16 << 20];
    fs::write("sixteen", &bytes).unwrap();
    drop(bytes);
    let with_name = statfs().f_bavail;
    let mut open = File::open("sixteen").unwrap();
    fs::remove_file("sixteen").unwrap();
    let without = statfs().f_bavail;
    let mut bytes = vec![0; 1 << 20];
    open.read_exact(&mut bytes).unwrap();
    (with_name, without, bytes, open.metadata().unwrap().nlink())
}

/// Promises memory to mappings until fewer than 16 pages more can be; gives them.
fn promise_all() -> Vec<(*mut libc::c_void, usize)> {
    let mut mappings = Vec::with_capacity(100);
    let mut length = statfs().f_bavail as usize * PAGE;
    while length >= 16 * PAGE {
        // SAFETY: a fresh mapping that nobody touches.
        let mapping = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANON,
                -1,
                0,
            )
        };
        if mapping == libc::MAP_FAILED {
            length /= 2
        } else {
            mappings.push((mapping, length))
        }
        length &= !(PAGE - 1);
    }
    mappings
}

fn memory() {
    let before = statfs();
    equal("/ is a tmpfs of pages", (before.f_type as i64, before.f_bsize as usize), (0x0102_1994, PAGE));
    // The first time makes what stays for the next: blocks that are open for files' pages.
    let _ = sixteen();
    let before = statfs().f_bavail;
    let (with_name, without, bytes, links) = sixteen();
    equal("16 MiB are 4,096 pages less", before - with_name, 4096);
    equal("what is open stays without a name", without, with_name);
    equal("with its bytes, and no link", (bytes.iter().all(|&byte| byte == 1), links), (true, 0));
    drop(bytes);
    equal("closed, its memory is back", statfs().f_bavail, before);

    // Nearly all memory is promised to a mapping, so that a file finds its end at once.
    fs::write("kept", "as it was").unwrap();
    let file = OpenOptions::new().write(true).open("kept").unwrap();
    let more = vec![2; 4 << 20];
    let mut found = vec![1; 4 << 20];
    let some = std::hint::black_box(vec![3_u8; 256 * PAGE]);
    let mappings = promise_all();
    drop(some);
    let left = statfs().f_bavail as usize;
    println!("{left} pages are left");
    check("what is left is told", (256..512).contains(&left));
    // The file has one page. SAFETY: an open descriptor, and numbers.
    let refused = unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, ((left + 2) * PAGE) as i64) };
    equal("memory that is not there is not promised to a file", refused, libc::ENOSPC);
    check("which is as it was", fs::read("kept").unwrap() == b"as it was");
    equal("and takes no more than it did", file.metadata().unwrap().blocks(), 8);
    equal("writing meets the end", kind(fs::write("grown", &more)), Some(ErrorKind::StorageFull));
    let length = File::open("grown").unwrap().read(&mut found).unwrap();
    let written = &found[..length];
    check(
        "what went before is there",
        written.len().is_multiple_of(PAGE)
            && written.len() <= left * PAGE
            && written.len() > left * PAGE / 2
            && written.iter().all(|&byte| byte == 2),
    );
    equal("and nothing more is written", kind((&file).write_all_at(b"x", 1 << 20)), Some(ErrorKind::StorageFull));
    equal("so the other file is as it was", fs::read_to_string("kept").unwrap(), "as it was".into());
    fs::remove_file("grown").unwrap();
    check("with that one gone there is room", file.write_all_at(b"x", 1 << 20).is_ok());
    for (mapping, length) in mappings {
        // SAFETY: a mapping of its own.
        unsafe { libc::munmap(mapping, length) };
    }
    fs::remove_file("kept").unwrap();
}

fn directories() {
    fs::create_dir("many").unwrap();
    (0..1000).for_each(|number| fs::write(format!("many/{number}"), "").unwrap());
    let mut seen = BTreeSet::new();
    for (at, entry) in fs::read_dir("many").unwrap().enumerate() {
        let path = entry.unwrap().path();
        check_quietly(seen.insert(path.clone()), "no entry is told twice");
        fs::remove_file(path).unwrap();
        fs::write(format!("many/new {at}"), "").unwrap();
        if at == 3000 {
            break;
        }
    }
    let old = |path: &PathBuf| !path.to_str().unwrap().contains("new");
    equal("what was there is told though entries come and go", seen.iter().filter(|path| old(path)).count(), 1000);
    fs::remove_dir_all("many").unwrap();
    check("a directory goes with all that is in it", !Path::new("many").exists());
}

#[track_caller]
fn check_quietly(holds: bool, name: &str) {
    if !holds {
        check(name, false);
    }
}

fn descriptors(limit: usize) {
    let mut open = Vec::new();
    let ended = loop {
        match File::open("/dev/null") {
            Ok(file) => open.push(file),
            Err(error) => break error.raw_os_error(),
        }
    };
    equal("descriptors end with EMFILE", ended, Some(libc::EMFILE));
    equal("at the limit", (open.len() + 3, open.last().unwrap().as_raw_fd() as usize), (limit, limit - 1));
    equal("a duplicate is one too many", error(open[0].try_clone()), Some(libc::EMFILE));
    let freed = open.swap_remove(10).as_raw_fd();
    equal("the lowest free number is next", File::open("/dev/null").unwrap().as_raw_fd(), freed);
}

fn threads() {
    const THREADS: usize = 4;
    const LINES: usize = 500;
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let start = &start;
            scope.spawn(move || {
                let mut file = OpenOptions::new().append(true).create(true).open("log").unwrap();
                start.wait();
                (0..LINES).for_each(|line| {
                    file.write_all(format!("{number} {line} {}\n", "x".repeat(line)).as_bytes()).unwrap()
                });
            });
        }
    });
    let text = fs::read_to_string("log").unwrap();
    let mut next = [0; THREADS];
    let whole = text.lines().all(|line| {
        let mut words = line.split(' ').map(str::to_owned);
        let [number, count, rest] = std::array::from_fn(|_| words.next().unwrap_or_default());
        let number: usize = number.parse().unwrap_or(0);
        next[number] += 1;
        count.parse() == Ok(next[number] - 1) && rest.len() == next[number] - 1
    });
    equal("what threads append is whole and in each one's order", (whole, next), (true, [LINES; THREADS]));

    // One call copies 64 MiB and has its file's lock meanwhile. How far this thread comes between a call's begin and its end is the scheduler's
    // choice, so the calls go on until it came far within one; if it had to wait for the lock, it came nowhere in any.
    const FAR: u32 = 10;
    let (begun, ended) = (AtomicU32::new(0), AtomicU32::new(0));
    let came_far = AtomicBool::new(false);
    let within = thread::scope(|scope| {
        scope.spawn(|| {
            let bytes = vec![3; 64 << 20];
            let file = File::create("long").unwrap();
            while !came_far.load(SeqCst) && begun.load(SeqCst) < 200 {
                begun.fetch_add(1, SeqCst);
                let written = file.write_at(&bytes, 0);
                ended.fetch_add(1, SeqCst);
                assert_eq!(written.unwrap(), bytes.len(), "one call writes 64 MiB");
            }
            begun.store(u32::MAX, SeqCst);
        });
        loop {
            let call = begun.load(SeqCst);
            let mut rounds = 0;
            while begun.load(SeqCst) == call && ended.load(SeqCst) + 1 == call && rounds < FAR {
                fs::write("short", "another file").unwrap();
                assert_eq!(fs::read_to_string("short").unwrap(), "another file");
                fs::rename("short", "renamed").unwrap();
                fs::remove_file("renamed").unwrap();
                fs::metadata("long").unwrap();
                rounds += u32::from(ended.load(SeqCst) + 1 == call);
            }
            if rounds == FAR {
                came_far.store(true, SeqCst);
                break true;
            }
            if call == u32::MAX {
                break false;
            }
            thread::yield_now();
        }
    });
    check("threads in different files do not wait for each other", within);
    fs::remove_file("long").unwrap();
}

fn main() -> ExitCode {
    if let Some(limit) = std::env::args().nth(1) {
        descriptors(limit.parse().unwrap());
        return end();
    }
    from_the_start();
    fs::create_dir("/tmp/std-files").unwrap();
    std::env::set_current_dir("/tmp/std-files").unwrap();
    names();
    attributes();
    memory();
    directories();
    descriptors(1024);
    threads();
    end()
}
