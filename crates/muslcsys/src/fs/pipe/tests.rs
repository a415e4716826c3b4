//! Pipes with the host's threads.

use super::*;
use crate::fs::node::Statistics;
use std::thread::{self, JoinHandle};

const CALLER: Thread = Thread;

fn write(end: &End, bytes: &[u8]) -> SysResult {
    end.write(&CALLER, &mut Source::own(bytes))
}

fn read(end: &End, most: usize) -> Result<Vec<u8>, Errno> {
    let mut bytes = vec![0; most];
    let count = end.read(&CALLER, &mut Sink::own(&mut bytes))?;
    bytes.truncate(count);
    Ok(bytes)
}

fn pipe() -> (Arc<End>, Arc<End>) {
    Pipe::ends(0)
}

fn nonblocking() -> (Arc<End>, Arc<End>) {
    Pipe::ends(linux::O_NONBLOCK)
}

fn spawn<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
    thread::spawn(work)
}

#[test]
fn what_is_written_is_read_and_then_the_end() {
    let (reader, writer) = pipe();
    assert_eq!(write(&writer, b"hello"), Ok(5));
    assert_eq!(read(&reader, 2).unwrap(), b"he");
    drop(writer);
    assert_eq!(read(&reader, 9).unwrap(), b"llo");
    assert_eq!(read(&reader, 9).unwrap(), b"");
    assert_eq!(reader.ready(), linux::POLLHUP);
}

#[test]
fn a_write_that_nobody_can_read_is_an_error() {
    let (reader, writer) = pipe();
    drop(reader);
    assert_eq!(write(&writer, b"x"), Err(Errno::EPIPE));
    assert_eq!(write(&writer, b""), Ok(0));
    assert_ne!(writer.ready() & linux::POLLERR, 0);
}

#[test]
fn without_waiting_it_is_eagain() {
    let (reader, writer) = nonblocking();
    assert_eq!(read(&reader, 1), Err(Errno::EAGAIN));
    assert_eq!(read(&reader, 0).unwrap(), b"");
    assert_eq!(write(&writer, &[1; 2 * CAPACITY]), Ok(CAPACITY));
    assert_eq!(write(&writer, b"x"), Err(Errno::EAGAIN));
    assert_eq!(writer.ready(), 0);
    // An atomic write does not begin where it has no room to end; a large one does.
    read(&reader, ATOMIC - 1).unwrap();
    assert_eq!(writer.ready(), 0);
    assert_eq!(write(&writer, &[2; ATOMIC]), Err(Errno::EAGAIN));
    assert_eq!(write(&writer, &[2; ATOMIC + 1]), Ok(ATOMIC - 1));
}

#[test]
fn ready_is_what_would_not_wait() {
    let (reader, writer) = pipe();
    assert_eq!((reader.ready(), writer.ready()), (0, wait_queue::OUT));
    write(&writer, b"x").unwrap();
    assert_eq!(reader.ready(), wait_queue::IN);
    write(&writer, &vec![0; CAPACITY - ATOMIC - 1]).unwrap();
    assert_eq!(writer.ready(), wait_queue::OUT);
    write(&writer, b"x").unwrap();
    assert_eq!(writer.ready(), 0);
}

#[test]
fn the_size_is_a_power_of_two_of_pages() {
    let (reader, writer) = nonblocking();
    let control = |command, argument| writer.control(command, argument);
    assert_eq!(control(linux::F_GETPIPE_SZ, 0), Ok(CAPACITY));
    write(&writer, &[7; PAGE + 1]).unwrap();
    assert_eq!(control(linux::F_SETPIPE_SZ, 1), Err(Errno::EBUSY));
    assert_eq!(control(linux::F_SETPIPE_SZ, PAGE + 1), Ok(2 * PAGE));
    assert_eq!(write(&writer, &[7; PAGE]), Err(Errno::EAGAIN));
    assert_eq!(control(linux::F_SETPIPE_SZ, MOST + 1), Err(Errno::EPERM));
    assert_eq!(control(linux::F_SETPIPE_SZ, 0xffff_ffff), Err(Errno::EINVAL));
    assert_eq!(control(linux::F_GETLEASE, 0), Err(Errno::EINVAL));
    assert_eq!(read(&reader, 3 * PAGE).unwrap(), [7; PAGE + 1]);
    assert_eq!(control(linux::F_SETPIPE_SZ, 0), Ok(PAGE));
}

#[test]
fn a_bad_pointer_moves_nothing() {
    let (reader, writer) = nonblocking();
    assert_eq!(writer.write(&CALLER, &mut Source::program(16, 4)), Err(Errno::EFAULT));
    assert_eq!(read(&reader, 1), Err(Errno::EAGAIN));
    write(&writer, b"abc").unwrap();
    assert_eq!(reader.read(&CALLER, &mut Sink::program(16, 4)), Err(Errno::EFAULT));
    assert_eq!(read(&reader, 9).unwrap(), b"abc");
}

#[test]
fn a_reader_waits_for_bytes_and_for_the_end() {
    let (reader, writer) = pipe();
    let other = spawn(move || (read(&reader, 9).unwrap(), read(&reader, 9).unwrap()));
    write(&writer, b"now").unwrap();
    drop(writer);
    assert_eq!(other.join().unwrap(), (b"now".to_vec(), vec![]));
}

#[test]
fn a_writer_waits_for_room_and_for_the_end() {
    let (reader, writer) = pipe();
    let other = spawn(move || (write(&writer, &vec![1; 3 * CAPACITY]), write(&writer, &vec![1; 3 * CAPACITY])));
    let mut left = 3 * CAPACITY;
    while left > 0 {
        left -= read(&reader, left.min(5000)).unwrap().len();
    }
    drop(reader);
    assert_eq!(other.join().unwrap().0, Ok(3 * CAPACITY));
}

#[test]
fn atomic_writes_do_not_mix() {
    const WRITERS: usize = 4;
    const ROUNDS: usize = if cfg!(miri) { 3 } else { 400 };
    let (reader, writer) = pipe();
    let writers: Vec<_> = (0..WRITERS)
        .map(|index| {
            let writer = writer.clone();
            spawn(move || {
                for round in 0..ROUNDS {
                    // Length, then so many bytes of the writer's own.
                    let length = 2 + (round * 131 + index * 977) % (ATOMIC - 1);
                    let mut message = vec![index as u8; length];
                    message[..2].copy_from_slice(&(length as u16).to_le_bytes());
                    assert_eq!(write(&writer, &message), Ok(length));
                }
            })
        })
        .collect();
    drop(writer);
    let exactly = |count: usize| {
        let mut bytes = vec![];
        while bytes.len() < count {
            let more = read(&reader, count - bytes.len()).unwrap();
            assert!(!more.is_empty());
            bytes.extend(more);
        }
        bytes
    };
    for _ in 0..WRITERS * ROUNDS {
        let length = exactly(2);
        let rest = exactly(u16::from_le_bytes([length[0], length[1]]) as usize - 2);
        assert!(rest.iter().all(|byte| *byte == rest[0]));
    }
    assert_eq!(read(&reader, 1).unwrap(), b"");
    writers.into_iter().for_each(|writer| writer.join().unwrap());
}

#[test]
fn several_readers_get_every_byte_once() {
    const READERS: usize = 4;
    const BYTES: usize = if cfg!(miri) { 500 } else { 200_000 };
    let (reader, writer) = pipe();
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let reader = reader.clone();
            spawn(move || {
                let mut sum = 0;
                loop {
                    let bytes = read(&reader, 7).unwrap();
                    if bytes.is_empty() {
                        return sum;
                    }
                    sum += bytes.len();
                }
            })
        })
        .collect();
    let mut left = BYTES;
    while left > 0 {
        left -= write(&writer, &vec![0; left.min(1 + left % 100)]).unwrap();
    }
    drop(writer);
    assert_eq!(readers.into_iter().map(|reader| reader.join().unwrap()).sum::<usize>(), BYTES);
}

/// A fifo's name.
struct Name(Arc<Pipe>);

impl Node for Name {
    fn kind(&self) -> Kind {
        Kind::Fifo
    }
    fn metadata(&self) -> Metadata {
        Metadata::plain(1, 2, Kind::Fifo, 0o644)
    }
    fn statistics(&self) -> Statistics {
        Statistics::default()
    }
    fn open(self: Arc<Self>, flags: u32) -> Result<Arc<dyn File>, Errno> {
        self.0.clone().open(self, flags)
    }
}

#[test]
fn opening_a_fifo_waits_for_the_other_end() {
    let fifo = Arc::new(Name(Pipe::new()));
    let name = fifo.clone();
    let other = spawn(move || {
        let end = name.open(linux::O_WRONLY).unwrap();
        end.write(&CALLER, &mut Source::own(b"through"))
    });
    let end = fifo.clone().open(linux::O_RDONLY).unwrap();
    let mut bytes = [0; 7];
    assert_eq!(end.read(&CALLER, &mut Sink::own(&mut bytes)), Ok(7));
    assert_eq!((&bytes, other.join().unwrap()), (b"through", Ok(7)));
    assert_eq!(end.metadata().number, 2);
}

/// A writer that opens, writes and closes before the reader that it met has looked again.
#[test]
fn the_other_end_of_a_fifo_was_there_even_if_it_has_gone() {
    let pipe = Pipe::new();
    let writer = pipe.enter(linux::O_WRONLY);
    assert!(!pipe.has_met(&writer, 0));
    let reader = pipe.enter(linux::O_RDONLY);
    assert!(pipe.has_met(&writer, 0));
    pipe.state.lock().writers -= 1;
    assert!(pipe.has_met(&reader, 1));
    let another = pipe.enter(linux::O_RDONLY);
    assert!(!pipe.has_met(&another, 1));
}

#[test]
fn a_fifo_opened_without_waiting() {
    let fifo = Arc::new(Name(Pipe::new()));
    let open = |flags| fifo.clone().open(flags | linux::O_NONBLOCK);
    assert_eq!(open(linux::O_WRONLY).err(), Some(Errno::ENXIO));
    let reader = open(linux::O_RDONLY).unwrap();
    // Not hung up before there was a writer, but at its end.
    assert_eq!(reader.ready(), 0);
    assert_eq!(reader.read(&CALLER, &mut Sink::own(&mut [0; 1])), Ok(0));
    let writer = open(linux::O_WRONLY).unwrap();
    assert_eq!(reader.read(&CALLER, &mut Sink::own(&mut [0; 1])), Err(Errno::EAGAIN));
    writer.write(&CALLER, &mut Source::own(b"lost")).unwrap();
    drop(writer);
    assert_eq!(reader.ready(), wait_queue::IN | linux::POLLHUP);
    drop(reader);
    // Nobody had it open: what was in it is gone.
    let both = open(linux::O_RDWR).unwrap();
    assert_eq!(both.ready(), wait_queue::OUT);
    assert_eq!(both.read(&CALLER, &mut Sink::own(&mut [0; 1])), Err(Errno::EAGAIN));
}
