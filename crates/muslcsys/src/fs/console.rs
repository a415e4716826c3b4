//! The console: bytes to and from the UART, by interrupt when it is not ready.

use super::wait_queue::{self, WaitQueue};
use crate::errno::Errno;
use crate::mm::layout;
use crate::platform::uart::Uart;
use crate::sel4;
use crate::sync::{Lock, Notification};
use crate::thread::sched::{self, SCHED, Sched};
use crate::thread::{Thread, Wake};
use core::fmt::{self, Write};

/// What writers wait on: an address that futex(2) refuses, so that it is nobody's futex.
const ROOM: usize = layout::PRIVATE.start;

/// Who waits for input.
static INPUT: WaitQueue = WaitQueue::new();

/// Bytes that wait for the device.
const OUT: usize = 4096;
/// Bytes that wait for a reader; what comes when they are full is lost, as in a terminal.
const IN: usize = 1024;

/// A ring of bytes.
struct Ring<const N: usize> {
    bytes: [u8; N],
    first: usize,
    length: usize,
}

impl<const N: usize> Ring<N> {
    const fn new() -> Self {
        Self { bytes: [0; N], first: 0, length: 0 }
    }
    fn room(&self) -> usize {
        N - self.length
    }
    fn push(&mut self, byte: u8) -> bool {
        if self.room() == 0 {
            return false;
        }
        self.bytes[(self.first + self.length) % N] = byte;
        self.length += 1;
        true
    }
    /// The longest piece from the front that is in one piece.
    fn front(&self) -> &[u8] {
        let end = (self.first + self.length).min(N);
        &self.bytes[self.first..end]
    }
    fn drop_front(&mut self, count: usize) {
        self.first = (self.first + count) % N;
        self.length -= count;
    }
}

/// The console's state.
pub struct Console {
    uart: Option<Uart>,
    out: Ring<OUT>,
    input: Ring<IN>,
    /// A thread waits, or is about to wait, for room in `out`.
    wanted: bool,
}

/// The console's lock.
pub static CONSOLE: Lock<Console> =
    Lock::new(Console { uart: None, out: Ring::new(), input: Ring::new(), wanted: false }, Notification::none());

/// Gives the console its device.
pub fn start(uart: Option<Uart>) {
    CONSOLE.lock().uart = uart;
}

impl Console {
    /// Takes bytes for the device, line feeds as carriage return and line feed; gives how many of `bytes` were taken.
    fn put(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        for &byte in bytes {
            let needs = if byte == b'\n' { 2 } else { 1 };
            if self.out.room() < needs {
                break;
            }
            if byte == b'\n' {
                self.out.push(b'\r');
            }
            self.out.push(byte);
            taken += 1;
        }
        self.flush();
        taken
    }

    /// Whether somebody waits for room that is there now: whoever asks must wake them.
    fn take_wanted(&mut self) -> bool {
        self.wanted && self.out.room() >= 2 && core::mem::take(&mut self.wanted)
    }

    /// Hands the device what it takes; the rest goes when it says that it has room.
    fn flush(&mut self) {
        let Some(uart) = self.uart else {
            self.out.drop_front(self.out.length);
            return;
        };
        while self.out.length > 0 {
            let sent = uart.send(self.out.front());
            if sent == 0 {
                break;
            }
            self.out.drop_front(sent);
        }
        uart.want_room(self.out.length > 0);
    }
}

/// Writes all of `bytes`, waiting for room. Errors: EINTR if a signal came before the first byte; else the count so far.
pub fn write(thread: &Thread, bytes: &[u8]) -> Result<usize, Errno> {
    let mut done = 0;
    while done < bytes.len() {
        let (taken, others) = {
            let mut console = CONSOLE.lock();
            (console.put(&bytes[done..]), console.take_wanted())
        };
        if others {
            // This thread made room; the device's interrupt, which would have told the others, may never come now.
            wake(&mut SCHED.lock(), ROOM);
        }
        done += taken;
        if taken == 0 {
            let mut sched = SCHED.lock();
            // Under the scheduler's lock: who makes room wakes under it.
            let mut console = CONSOLE.lock();
            if console.out.room() >= 2 {
                continue;
            }
            console.wanted = true;
            drop(console);
            sched.futexes.wait(thread.index, ROOM, u32::MAX);
            match sched::wait(sched, thread, None) {
                Err(Errno::EINTR) if done > 0 => return Ok(done),
                Err(error) => return Err(error),
                Ok(()) => {}
            }
        }
    }
    Ok(done)
}

/// Reads what is there, at least one byte; a carriage return reads as line feed. Errors: EAGAIN if it must not wait, EINTR.
pub fn read(bytes: &mut [u8], wait: bool) -> Result<usize, Errno> {
    if bytes.is_empty() {
        return Ok(0);
    }
    loop {
        let mut console = CONSOLE.lock();
        let count = console.input.length.min(bytes.len());
        if count > 0 {
            for byte in &mut bytes[..count] {
                *byte = match console.input.front()[0] {
                    b'\r' => b'\n',
                    other => other,
                };
                console.input.drop_front(1);
            }
            return Ok(count);
        }
        drop(console);
        if !wait {
            return Err(Errno::EAGAIN);
        }
        INPUT.wait(wait_queue::IN, None, || (available() > 0).then_some(()))?;
    }
}

/// The queue of who waits for input.
pub fn input_queue() -> &'static WaitQueue {
    &INPUT
}

/// Bytes that a read would give at once.
pub fn available() -> usize {
    CONSOLE.lock().input.length
}

/// Serves the device's interrupt.
pub fn serve() {
    let mut console = CONSOLE.lock();
    let Some(uart) = console.uart else { return };
    // Taken back first: what comes after this raises it again.
    uart.acknowledge();
    while let Some(byte) = uart.receive() {
        console.input.push(byte);
    }
    console.flush();
    let (room, input) = (console.take_wanted(), console.input.length > 0);
    drop(console);
    if room {
        wake(&mut SCHED.lock(), ROOM);
    }
    if input {
        INPUT.wake_one(wait_queue::IN);
    }
}

fn wake(sched: &mut Sched, key: usize) {
    while let Some(index) = sched.futexes.wake_one(key, u32::MAX) {
        sched.end_wait(index, Wake::Event);
    }
}

/// Waits until everything has left the device.
pub fn drain() {
    loop {
        let mut console = CONSOLE.lock();
        console.flush();
        let drained = console.uart.is_none_or(|uart| uart.is_drained());
        if drained && console.out.length == 0 {
            return;
        }
        drop(console);
        sel4::yield_now();
    }
}

struct Direct(Uart);

impl Write for Direct {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if byte == b'\n' {
                while self.0.send(b"\r") == 0 {}
            }
            while self.0.send(&[byte]) == 0 {}
        }
        Ok(())
    }
}

/// Writes past all buffers and locks, for reports about a program that is about to end.
pub fn emergency(text: fmt::Arguments<'_>) {
    if let Some(uart) = Uart::get() {
        let _ = Direct(uart).write_fmt(text);
    }
}
