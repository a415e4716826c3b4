//! Pipes and polling as programs use them through std, and through the crate libc where std has nothing.
// run pipes-poll: time=90

use sel4_tests::{check, counts, end, equal};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

/// A pipe holds so much (pipe(7)).
const ROOM: usize = 65536;

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

/// poll(2) of one descriptor: what is ready.
fn poll(file: &impl AsRawFd, events: i16, milliseconds: i32) -> i16 {
    let mut one = libc::pollfd { fd: file.as_raw_fd(), events, revents: 0 };
    // SAFETY: one entry, as is said.
    let count = unsafe { libc::poll(&mut one, 1, milliseconds) };
    assert_eq!(count, i32::from(one.revents != 0));
    one.revents
}

fn set_nonblocking(file: &impl AsRawFd) {
    // SAFETY: flags of an open descriptor.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) }, 0);
}

/// How many bytes are there to read (FIONREAD).
fn waiting(file: &impl AsRawFd) -> i32 {
    let mut count = -1;
    // SAFETY: FIONREAD stores an int.
    assert_eq!(unsafe { libc::ioctl(file.as_raw_fd(), libc::FIONREAD, &mut count) }, 0);
    count
}

fn owned(fd: i32) -> File {
    assert!(fd >= 0, "{}", io::Error::last_os_error());
    // SAFETY: a new descriptor that nobody else has.
    File::from(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn ends() {
    let (mut reader, mut writer) = pipe().unwrap();
    writer.write_all(b"hello").unwrap();
    equal("what is there to read is told", waiting(&reader), 5);
    let mut bytes = [0; 3];
    reader.read_exact(&mut bytes).unwrap();
    equal("bytes come in order", (&bytes, waiting(&reader)), (b"hel", 2));
    let second = writer.try_clone().unwrap();
    drop(writer);
    equal("one end of two is closed", poll(&reader, libc::POLLIN, 0), libc::POLLIN);
    drop(second);
    equal("both are: what is left, and the end", poll(&reader, libc::POLLIN, 0), libc::POLLIN | libc::POLLHUP);
    let mut rest = String::new();
    equal("the rest is read", (reader.read_to_string(&mut rest).unwrap(), rest), (2, "lo".into()));
    equal("then the end", reader.read(&mut bytes).unwrap(), 0);
    let (reader, mut writer) = pipe().unwrap();
    drop(reader);
    equal(
        "writing for nobody is an error, not the end of the program",
        kind(writer.write(b"x")),
        Some(ErrorKind::BrokenPipe),
    );
    equal("which poll tells", poll(&writer, libc::POLLOUT, 0), libc::POLLOUT | libc::POLLERR);
}

fn full() {
    let (mut reader, mut writer) = pipe().unwrap();
    set_nonblocking(&writer);
    set_nonblocking(&reader);
    equal("an empty pipe has nothing now", kind(reader.read(&mut [0])), Some(ErrorKind::WouldBlock));
    equal("it takes 64 KiB", writer.write(&vec![1; ROOM + 1]).unwrap(), ROOM);
    equal("and no more", kind(writer.write(b"x")), Some(ErrorKind::WouldBlock));
    equal("it is not ready for more", poll(&writer, libc::POLLOUT, 0), 0);
    let mut bytes = vec![0; ROOM];
    reader.read_exact(&mut bytes[..4095]).unwrap();
    equal("a piece that must be whole does not fit", kind(writer.write(&[2; 4096])), Some(ErrorKind::WouldBlock));
    reader.read_exact(&mut bytes[..1]).unwrap();
    equal("with a page free it does", writer.write(&[2; 4096]).unwrap(), 4096);
}

/// Bytes go through a chain of pipes, a thread between each two; the sum must come out.
fn chain(links: usize) {
    let (mut first, mut reader): (PipeWriter, PipeReader) = {
        let (reader, writer) = pipe().unwrap();
        (writer, reader)
    };
    thread::scope(|scope| {
        for _ in 0..links {
            let (next_reader, mut next_writer) = pipe().unwrap();
            let mut from = std::mem::replace(&mut reader, next_reader);
            scope.spawn(move || io::copy(&mut from, &mut next_writer).unwrap());
        }
        scope.spawn(move || (0..100_000u32).for_each(|number| first.write_all(&number.to_le_bytes()).unwrap()));
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        let whole = all.chunks(4).zip(0u32..).all(|(bytes, number)| bytes == number.to_le_bytes());
        equal("a chain of pipes and threads loses nothing", (all.len(), whole), (400_000, true));
    });
}

fn files_and_pipes() {
    let text: String = (0..20_000).map(|line| format!("line {line}\n")).collect();
    fs::write("/tmp/text", &text).unwrap();
    let (mut reader, mut writer) = pipe().unwrap();
    let reads = thread::spawn(move || io::read_to_string(&mut reader).unwrap());
    let copied = io::copy(&mut File::open("/tmp/text").unwrap(), &mut writer).unwrap();
    drop(writer);
    equal("a file goes into a pipe", (copied as usize, reads.join().unwrap() == text), (text.len(), true));
    let (mut reader, mut writer) = pipe().unwrap();
    let sent = text.clone();
    let writes = thread::spawn(move || writer.write_all(sent.as_bytes()).unwrap());
    io::copy(&mut reader, &mut File::create("/tmp/again").unwrap()).unwrap();
    writes.join().unwrap();
    check("and a pipe into a file", fs::read_to_string("/tmp/again").unwrap() == text);
}

fn fifos() {
    // SAFETY: a string that ends.
    assert_eq!(unsafe { libc::mkfifo(c"/tmp/fifo".as_ptr(), 0o600) }, 0);
    let lonely = OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open("/tmp/fifo");
    equal("a fifo that nobody reads", lonely.err().and_then(|error| error.raw_os_error()), Some(libc::ENXIO));
    let reads = thread::spawn(|| fs::read_to_string("/tmp/fifo").unwrap());
    fs::write("/tmp/fifo", "by its name").unwrap();
    equal("two threads meet at a name", reads.join().unwrap(), "by its name".into());
}

fn polling() {
    equal(
        "a file is always ready",
        poll(&File::open("/tmp/text").unwrap(), libc::POLLIN | libc::POLLOUT, -1),
        libc::POLLIN | libc::POLLOUT,
    );
    let (mut reader, mut writer) = pipe().unwrap();
    let (tell, told) = mpsc::channel();
    let waits = thread::spawn(move || {
        tell.send(()).unwrap();
        let ready = poll(&reader, libc::POLLIN, -1);
        reader.read_exact(&mut [0]).unwrap();
        ready
    });
    told.recv().unwrap();
    writer.write_all(b"x").unwrap();
    equal("poll ends when another thread writes", waits.join().unwrap(), libc::POLLIN);

    // SAFETY: new descriptors, entries and buffers as long as is said.
    unsafe {
        let mut counter = owned(libc::eventfd(3, libc::EFD_NONBLOCK));
        let epoll = owned(libc::epoll_create1(libc::EPOLL_CLOEXEC));
        let (reader, mut writer) = pipe().unwrap();
        let add = |fd: i32, data, flags: i32| {
            let mut event = libc::epoll_event { events: (libc::EPOLLIN | flags) as u32, u64: data };
            libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &mut event)
        };
        equal("an eventfd is watched", add(counter.as_raw_fd(), 1, 0), 0);
        equal("a pipe is, by its edges", add(reader.as_raw_fd(), 2, libc::EPOLLET), 0);
        equal("nothing is watched twice", (add(reader.as_raw_fd(), 3, 0), kind_of_last()), (-1, Some(libc::EEXIST)));
        let file = File::open("/tmp/text").unwrap();
        equal("a file cannot be", (add(file.as_raw_fd(), 3, 0), kind_of_last()), (-1, Some(libc::EPERM)));
        let wait = |milliseconds| {
            let mut events = [libc::epoll_event { events: 0, u64: 0 }; 4];
            let count = libc::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), 4, milliseconds);
            let mut found: Vec<u64> = events[..count as usize].iter().map(|event| event.u64).collect();
            found.sort_unstable();
            found
        };
        equal("the counter is ready", wait(0), vec![1]);
        writer.write_all(b"x").unwrap();
        equal("both are", wait(-1), vec![1, 2]);
        equal("an edge is told once", wait(0), vec![1]);
        let mut value = [0; 8];
        counter.read_exact(&mut value).unwrap();
        equal("the counter's value is taken", (u64::from_ne_bytes(value), wait(0)), (3, vec![]));
        let wakes = thread::spawn(move || writer.write_all(b"y").map(|()| writer));
        equal("a write wakes who waits", wait(-1), vec![2]);
        drop(wakes.join().unwrap());
        drop(reader);
        equal("what is closed is watched no more", wait(0), vec![]);
    }
}

fn kind_of_last() -> Option<i32> {
    io::Error::last_os_error().raw_os_error()
}

fn main() -> ExitCode {
    ends();
    full();
    chain(1);
    let before = counts();
    chain(6);
    files_and_pipes();
    equal("nothing that waited is kept", counts().areas, before.areas);
    fifos();
    polling();
    end()
}
