//! Pipes and fifos (pipe(7)).
//!
//! A pipe is a ring of bytes and the number of its open ends; an end is an open file description. What differs from Linux: there are no
//! packets (O_DIRECT), and room is counted in bytes, not in pages.

use super::buffers::{Sink, Source};
use super::file::{File, Status};
use super::node::{Kind, Metadata, Node, Time, device};
use super::ring::Ring;
use super::wait_queue::{self, WaitQueue};
use crate::errno::{Errno, SysResult};
use crate::mm::areas::PAGE;
use crate::sync::mutex::Mutex;
use crate::thread::Thread;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use linux_raw_sys::general as linux;

/// Bytes that a pipe holds where nothing else is said, as on Linux.
pub const CAPACITY: usize = 16 * PAGE;
/// Most bytes that a pipe can be made to hold (Linux's /proc/sys/fs/pipe-max-size).
pub const MOST: usize = 1 << 20;
/// A write of so many bytes at most is done whole or waits (PIPE_BUF).
pub const ATOMIC: usize = linux::PIPE_BUF as usize;

/// What the lock protects.
struct State {
    ring: Ring,
    /// Open ends that can read, and that can write.
    readers: usize,
    writers: usize,
    /// How often either was opened: who waits for the other end of a fifo sees by it that there was one.
    opened: [u64; 2],
}

/// What was before an end was counted: of ends for reading, and for writing.
struct Entered {
    /// How often such an end had been opened.
    opened: [u64; 2],
    /// Whether one was open.
    open: [bool; 2],
}

/// A pipe, whose ends come and go.
pub struct Pipe {
    state: Mutex<State>,
    /// Who waits for bytes.
    readers: WaitQueue,
    /// Who waits for room.
    writers: WaitQueue,
    /// Who watches an end that does both.
    both: WaitQueue,
    /// Who opens a fifo and waits for the other end.
    openers: WaitQueue,
}

impl Pipe {
    /// A pipe without ends: a fifo's, when it is made.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State { ring: Ring::new(CAPACITY / PAGE), readers: 0, writers: 0, opened: [0; 2] }),
            readers: WaitQueue::new(),
            writers: WaitQueue::new(),
            both: WaitQueue::new(),
            openers: WaitQueue::new(),
        })
    }

    /// A pipe with its two ends, the one to read from first; `flags` may have O_NONBLOCK.
    pub fn ends(flags: u32) -> (Arc<End>, Arc<End>) {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let pipe = Self::new();
        let end = |mode| {
            let entered = pipe.enter(mode);
            Arc::new(End {
                status: Status::new(mode | flags),
                pipe: pipe.clone(),
                of: Of::Nameless(number, Time::now()),
                writers: entered.opened[1],
            })
        };
        (end(linux::O_RDONLY), end(linux::O_WRONLY))
    }

    /// open(2) of a fifo: waits until the other end is opened too, but for O_RDWR, and O_NONBLOCK. Errors: ENXIO where nobody could read
    /// what an end with O_NONBLOCK writes, EINTR.
    pub fn open(self: &Arc<Self>, node: Arc<dyn Node>, flags: u32) -> Result<Arc<dyn File>, Errno> {
        let mode = flags & linux::O_ACCMODE;
        let waits = flags & linux::O_NONBLOCK == 0 && mode != linux::O_RDWR;
        if mode == linux::O_WRONLY && !waits && self.state.lock().readers == 0 {
            return Err(Errno::ENXIO);
        }
        let entered = self.enter(mode);
        let writers = entered.opened[1];
        let end = Arc::new(End { status: Status::new(flags), pipe: self.clone(), of: Of::Fifo(node), writers });
        self.openers.wake(wait_queue::IN);
        let other = usize::from(mode == linux::O_RDONLY);
        if waits {
            self.openers.wait(wait_queue::IN, None, || self.has_met(&entered, other).then_some(()))?;
        }
        Ok(end)
    }

    /// Whether an end of the `other` kind was open when this one was counted, or was opened since: it may be closed again by now.
    fn has_met(&self, entered: &Entered, other: usize) -> bool {
        entered.open[other] || self.state.lock().opened[other] != entered.opened[other]
    }

    /// Counts an end.
    fn enter(&self, mode: u32) -> Entered {
        let mut state = self.state.lock();
        let before = Entered { opened: state.opened, open: [state.readers > 0, state.writers > 0] };
        if mode != linux::O_WRONLY {
            state.readers += 1;
            state.opened[0] += 1;
        }
        if mode != linux::O_RDONLY {
            state.writers += 1;
            state.opened[1] += 1;
        }
        before
    }

    fn wake_readers(&self) {
        self.readers.wake_one(wait_queue::IN);
        self.both.wake(wait_queue::IN);
    }

    fn wake_writers(&self) {
        self.writers.wake_one(wait_queue::OUT);
        self.both.wake(wait_queue::OUT);
    }

    /// Waits until there are bytes, or nobody is left who could write any.
    fn wait_for_bytes(&self) -> Result<(), Errno> {
        self.readers.wait(wait_queue::IN, None, || {
            let state = self.state.lock();
            (state.ring.length() > 0 || state.writers == 0).then_some(())
        })
    }

    /// Waits until a write of `bytes` can go on, or nobody is left to read it. Who makes room says so when that is [`ATOMIC`] bytes.
    fn wait_for_room(&self, bytes: usize) -> Result<(), Errno> {
        self.writers.wait(wait_queue::OUT, None, || {
            let state = self.state.lock();
            (state.ring.room() >= bytes.min(ATOMIC) || state.readers == 0).then_some(())
        })
    }
}

/// What the end belongs to.
enum Of {
    /// A pipe without a name: its number, and when it was made.
    Nameless(u64, Time),
    /// A fifo.
    Fifo(Arc<dyn Node>),
}

/// An open end.
pub struct End {
    status: Status,
    pipe: Arc<Pipe>,
    of: Of,
    /// Ends for writing that had been opened before this one: it is not hung up before there was a writer.
    writers: u64,
}

impl End {
    fn mode(&self) -> u32 {
        self.status.get() & linux::O_ACCMODE
    }

    /// Has `take` take bytes out, once there are any; 0 at the end. It runs with the pipe's lock held: it waits for nothing but locks of
    /// `fs`. Errors: those of `take`, EAGAIN, EINTR.
    fn take(&self, nonblocking: bool, take: impl FnOnce(&mut Ring) -> SysResult) -> SysResult {
        let mut waited = false;
        let (result, left, made_room) = loop {
            let mut state = self.pipe.state.lock();
            if state.ring.length() > 0 {
                let before = state.ring.room();
                let result = take(&mut state.ring);
                break (result, state.ring.length(), before < ATOMIC && state.ring.room() >= ATOMIC);
            }
            if state.writers == 0 {
                return Ok(0);
            }
            drop(state);
            if nonblocking {
                return Err(Errno::EAGAIN);
            }
            self.pipe.wait_for_bytes()?;
            waited = true;
        };
        if left > 0 && waited {
            self.pipe.readers.pass_on(wait_queue::IN);
        }
        // None of them waits with more room than that.
        if made_room {
            self.pipe.wake_writers();
        }
        result
    }

    /// Has `put` put bytes in, once there is room for the first of `bytes` bytes, for all if they are [`ATOMIC`] at most. It runs with the
    /// pipe's lock held, as for [`End::take`]. Errors: those of `put`, EPIPE with SIGPIPE, EAGAIN, EINTR.
    fn put(
        &self,
        thread: &Thread,
        bytes: usize,
        nonblocking: bool,
        put: impl FnOnce(&mut Ring) -> SysResult,
    ) -> SysResult {
        let least = if bytes > ATOMIC { 1 } else { bytes };
        let mut waited = false;
        let (moved, left) = loop {
            let mut state = self.pipe.state.lock();
            if state.readers == 0 {
                drop(state);
                return Err(broken(thread));
            }
            if state.ring.room() >= least {
                break (put(&mut state.ring), state.ring.room());
            }
            drop(state);
            if nonblocking {
                return Err(Errno::EAGAIN);
            }
            self.pipe.wait_for_room(bytes)?;
            waited = true;
        };
        if moved.is_ok_and(|moved| moved > 0) {
            self.pipe.wake_readers();
        }
        if waited && left >= ATOMIC {
            self.pipe.writers.pass_on(wait_queue::OUT);
        }
        moved
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mode = self.mode();
        let mut state = self.pipe.state.lock();
        if mode != linux::O_WRONLY {
            state.readers -= 1;
        }
        if mode != linux::O_RDONLY {
            state.writers -= 1;
        }
        let (readers, writers) = (state.readers, state.writers);
        if readers + writers == 0 {
            state.ring.clear();
        }
        drop(state);
        if writers == 0 {
            self.pipe.readers.wake(wait_queue::IN | linux::POLLHUP);
        }
        if readers == 0 {
            self.pipe.writers.wake(wait_queue::OUT | linux::POLLERR);
        }
    }
}

/// Tells a thread that nobody can read what it writes: by SIGPIPE, and EPIPE.
fn broken(thread: &Thread) -> Errno {
    #[cfg(target_vendor = "sel4")]
    {
        use crate::signal::send::{Target, send};
        let _ = send(Target::Thread(thread.tid()), linux::SIGPIPE);
    }
    // There are no signals on the host.
    #[cfg(not(target_vendor = "sel4"))]
    let _ = thread;
    Errno::EPIPE
}

impl File for End {
    fn status(&self) -> &Status {
        &self.status
    }

    fn pipe(&self) -> Option<&End> {
        Some(self)
    }

    fn metadata(&self) -> Metadata {
        match &self.of {
            Of::Fifo(node) => node.metadata(),
            &Of::Nameless(number, time) => Metadata {
                accessed: time,
                modified: time,
                changed: time,
                ..Metadata::plain(device::PIPES, number, Kind::Fifo, 0o600)
            },
        }
    }

    fn node(&self) -> Option<&Arc<dyn Node>> {
        match &self.of {
            Of::Fifo(node) => Some(node),
            Of::Nameless(..) => None,
        }
    }

    /// Gives what is there; waits if there is nothing and somebody could still write. Errors: EAGAIN, EINTR, EFAULT.
    fn read(&self, _: &Thread, to: &mut Sink<'_>) -> SysResult {
        if to.left() == 0 {
            return Ok(0);
        }
        self.take(self.status.is_nonblocking(), |ring| ring.take(to))
    }

    /// Writes all, waiting for room; up to PIPE_BUF bytes are written in one piece. Errors: EPIPE with SIGPIPE, EAGAIN, EINTR, EFAULT, ENOMEM.
    fn write(&self, thread: &Thread, from: &mut Source<'_>) -> SysResult {
        let bytes = from.left();
        if bytes == 0 {
            return Ok(0);
        }
        let ended = loop {
            match self.put(thread, bytes, self.status.is_nonblocking(), |ring| ring.put(from)) {
                Ok(_) if from.left() > 0 => {}
                ended => break ended.map(drop),
            }
        };
        from.outcome(ended)
    }

    fn ready(&self) -> u32 {
        let state = self.pipe.state.lock();
        let mut ready = 0;
        if self.status.may_read() {
            if state.ring.length() > 0 {
                ready |= wait_queue::IN;
            }
            if state.writers == 0 && state.opened[1] != self.writers {
                ready |= linux::POLLHUP;
            }
        }
        if self.status.may_write() {
            if state.ring.room() >= ATOMIC {
                ready |= wait_queue::OUT;
            }
            if state.readers == 0 {
                ready |= linux::POLLERR;
            }
        }
        ready
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(match self.mode() {
            linux::O_RDONLY => &self.pipe.readers,
            linux::O_WRONLY => &self.pipe.writers,
            _ => &self.pipe.both,
        })
    }

    /// F_GETPIPE_SZ; F_SETPIPE_SZ, which rounds up to a power of two of pages. Errors: EBUSY, EPERM past a mebibyte, EINVAL, ENOMEM.
    fn control(&self, command: u32, argument: usize) -> SysResult {
        match command {
            linux::F_GETPIPE_SZ => Ok(self.pipe.state.lock().ring.capacity()),
            linux::F_SETPIPE_SZ => {
                let size = argument as u32 as usize;
                if size > 1 << 31 {
                    return Err(Errno::EINVAL);
                }
                let size = size.max(PAGE).next_power_of_two();
                if size > MOST {
                    return Err(Errno::EPERM);
                }
                self.pipe.state.lock().ring.resize(size / PAGE)?;
                self.pipe.wake_writers();
                Ok(size)
            }
            _ => Err(Errno::EINVAL),
        }
    }

    /// FIONREAD. Errors: ENOTTY, EFAULT.
    #[cfg(target_vendor = "sel4")]
    fn ioctl(&self, _: &Thread, request: u32, argument: usize) -> SysResult {
        match request {
            linux_raw_sys::ioctl::FIONREAD => {
                let length = self.pipe.state.lock().ring.length();
                crate::uaccess::write(argument, &(length as u32)).map(|()| 0)
            }
            _ => Err(Errno::ENOTTY),
        }
    }
}

mod splice;

#[cfg(target_vendor = "sel4")]
pub use call::pipe2;

#[cfg(target_vendor = "sel4")]
mod call {
    use super::*;
    use crate::fs::descriptors;
    use crate::mm::SPACE;
    use crate::uaccess;

    /// pipe2(2): `[fds, flags]`: O_CLOEXEC, O_NONBLOCK. Errors: EINVAL for other flags, EMFILE, EFAULT, ENOMEM.
    pub fn pipe2(_: &Thread, [fds, flags, ..]: [usize; 6]) -> SysResult {
        let flags = flags as u32;
        if flags & !(linux::O_CLOEXEC | linux::O_NONBLOCK) != 0 {
            return Err(Errno::EINVAL);
        }
        let _ = SPACE.prepare()?;
        let close_on_exec = flags & linux::O_CLOEXEC != 0;
        let (reader, writer) = Pipe::ends(flags & linux::O_NONBLOCK);
        let first = descriptors::install(reader, close_on_exec)?;
        let second = match descriptors::install(writer, close_on_exec) {
            Ok(second) => second,
            Err(error) => {
                let _ = descriptors::close(first);
                return Err(error);
            }
        };
        if let Err(error) = uaccess::write(fds, &[first as u32, second as u32]) {
            let _ = (descriptors::close(first), descriptors::close(second));
            return Err(error);
        }
        Ok(0)
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
