//! The console: a terminal behind the UART, by interrupt in both directions.
//!
//! Input that nobody has room for stays in the device, whose interrupt is masked meanwhile: what is pasted is complete, as long as what
//! feeds the device waits for it (QEMU does).

use super::buffers::Sink;
use super::termios::Termios;
use super::tty::{Effect, Ring, Tty};
use super::wait_queue::{self, WaitQueue};
use crate::errno::{Errno, SysResult};
use crate::platform::uart::Uart;
use crate::sel4;
use crate::signal::bit;
use crate::signal::send::{Target, send};
use crate::sync::{Guard, Lock, Notification};
use crate::time::clock::Deadline;
use core::fmt::{self, Write};
use linux_raw_sys::general as linux;

/// Who waits for input, who for room or for everything to be sent, and who watches for both.
static READERS: WaitQueue = WaitQueue::new();
static WRITERS: WaitQueue = WaitQueue::new();
static WATCHERS: WaitQueue = WaitQueue::new();

/// Bytes that wait for the device.
const OUT: usize = 4096;
/// Bytes that are taken from the device before the lock is let go once.
const AT_ONCE: usize = 256;
/// Nanoseconds in VTIME's unit.
const TENTH: u64 = 100_000_000;

/// The console's state.
pub struct Console {
    uart: Option<Uart>,
    out: Ring<u8, OUT>,
    tty: Tty,
    /// Rows, columns, and two words that nobody uses (struct winsize).
    window: [u16; 4],
    /// The interrupt has somebody who serves it.
    listens: bool,
    /// Somebody had no room; until half of it is free again.
    full: bool,
    /// Somebody waits for everything to be sent.
    drains: bool,
}

/// The console's lock.
pub static CONSOLE: Lock<Console> = Lock::new(
    Console {
        uart: None,
        out: Ring::new(0),
        tty: Tty::new(),
        window: [24, 80, 0, 0],
        listens: false,
        full: false,
        drains: false,
    },
    Notification::none(),
);

/// Gives the console its device.
pub fn start(uart: Option<Uart>) {
    CONSOLE.lock().uart = uart;
}

/// Has input come in: the interrupt is bound now.
pub fn listen() {
    act(CONSOLE.lock(), |console| console.listens = true);
}

/// What others are to be told when the lock is free.
#[derive(Default)]
struct News {
    /// Signals of the program, by their bits.
    signals: u64,
    input: bool,
    room: bool,
}

impl Console {
    /// Takes bytes for the device, processed as the terminal says; gives how many of `bytes` were taken.
    fn put(&mut self, bytes: &[u8]) -> usize {
        let taken = self.tty.write(bytes, &mut self.out);
        self.full |= taken < bytes.len();
        taken
    }

    /// Whether one more byte may be taken from the device: there is room for it and for what it shows. While output stands still, what
    /// it shows is dropped, or the character that lets output go on could not come.
    fn takes(&self) -> bool {
        self.tty.takes() && (self.tty.stopped || self.out.room() >= Tty::echo_room())
    }

    /// Takes what the device has and gives it what it takes, and has the interrupt come for the rest.
    fn pump(&mut self) -> News {
        let mut news = News::default();
        let Some(uart) = self.uart else {
            self.out.drop_front(self.out.length());
            return news;
        };
        for _ in 0..AT_ONCE {
            if !self.takes() {
                self.flush(uart);
            }
            if !self.listens || !self.takes() {
                break;
            }
            let Some(byte) = uart.receive() else { break };
            let Self { tty, out, .. } = self;
            let show = &mut |byte| {
                if out.room() > 0 {
                    out.push(byte);
                }
            };
            if let Effect::Signal(signal) = tty.receive(byte, show) {
                news.signals |= bit(signal);
            }
            news.input = true;
        }
        self.flush(uart);
        uart.want_input(self.listens && self.takes());
        news.input &= self.tty.readable(1);
        let freed = self.full && self.out.room() >= OUT / 2;
        let drained = self.drains && self.out.length() == 0;
        self.full &= !freed;
        self.drains &= !drained;
        news.room = freed || drained;
        news
    }

    /// Hands the device what it takes; the rest goes when it says that it has room.
    fn flush(&mut self, uart: Uart) {
        if self.tty.stopped {
            return uart.want_room(false);
        }
        self.send(uart);
        uart.want_room(self.out.length() > 0);
    }

    fn send(&mut self, uart: Uart) {
        while self.out.length() > 0 {
            let sent = uart.send(self.out.front());
            if sent == 0 {
                break;
            }
            self.out.drop_front(sent);
        }
    }
}

/// Does something with the console, then lets bytes flow, and tells whom that concerns.
fn act<R>(mut console: Guard<'_, Console>, act: impl FnOnce(&mut Console) -> R) -> R {
    let result = act(&mut console);
    let news = console.pump();
    drop(console);
    tell(&news);
    result
}

fn tell(news: &News) {
    if news.input {
        READERS.wake_one(wait_queue::IN);
        WATCHERS.wake(wait_queue::IN);
    }
    if news.room {
        WRITERS.wake(wait_queue::OUT);
        WATCHERS.wake(wait_queue::OUT);
    }
    for signal in (1..=u64::BITS).filter(|&signal| news.signals & bit(signal) != 0) {
        let _ = send(Target::Program, signal);
    }
}

/// Writes all of `bytes`, waiting for room if `wait`. Errors: EINTR, EAGAIN, if not one byte was written; else the count so far.
pub fn write(bytes: &[u8], wait: bool) -> SysResult {
    let mut done = 0;
    while done < bytes.len() {
        let taken = act(CONSOLE.lock(), |console| console.put(&bytes[done..]));
        done += taken;
        if taken > 0 {
            continue;
        }
        let waited = match wait {
            true => WRITERS.wait(wait_queue::OUT, None, || (!CONSOLE.lock().full).then_some(())),
            false => Err(Errno::EAGAIN),
        };
        match waited {
            Err(_) if done > 0 => return Ok(done),
            waited => waited?,
        }
    }
    Ok(done)
}

/// What a read that finds too little does.
enum Wait {
    /// Waits for so many bytes, or a line.
    For(usize),
    /// Waits for more than so many bytes, for so long (VTIME).
    Briefly(usize, Deadline),
}

/// Bytes that must be storable before a read begins to wait.
const PROBED: usize = 256;

/// Reads a line, or where lines are not edited what VMIN and VTIME say (termios(3)). Errors: EAGAIN if it must not wait, EINTR, EFAULT.
pub fn read(to: &mut Sink<'_>, may_wait: bool) -> SysResult {
    let (mut waited, mut timed_out) = (false, false);
    let mut first = None;
    while to.left() > 0 {
        let console = CONSOLE.lock();
        let termios = *console.tty.termios();
        let there = console.tty.available();
        let tenths = u64::from(termios.character(linux::VTIME));
        let least = usize::from(termios.character(linux::VMIN)).min(to.left());
        let enough = match termios.edits() {
            true => console.tty.readable(1),
            false => there >= least && (there > 0 || tenths == 0) || there > 0 && !may_wait || timed_out,
        };
        if enough {
            let (result, more) = act(console, |console| (console.tty.read(to), console.tty.readable(1)));
            if waited && more {
                READERS.pass_on(wait_queue::IN);
            }
            return result;
        }
        drop(console);
        if !may_wait {
            return Err(Errno::EAGAIN);
        }
        // Waiting for input that cannot be stored helps nobody.
        to.probe(PROBED)?;
        let wait = match (termios.edits(), tenths, least) {
            (true, ..) | (_, 0, _) => Wait::For(least.max(1)),
            // For the first byte, from the beginning of the call; else for each further one anew.
            (_, _, 0) => Wait::Briefly(0, *first.get_or_insert_with(|| Deadline::after(tenths * TENTH))),
            _ if there == 0 => Wait::For(1),
            _ => Wait::Briefly(there, Deadline::after(tenths * TENTH)),
        };
        let result = match wait {
            Wait::For(least) => READERS.wait(wait_queue::IN, None, || CONSOLE.lock().tty.readable(least).then_some(())),
            Wait::Briefly(there, deadline) => {
                READERS.wait(wait_queue::IN, Some(deadline), || (CONSOLE.lock().tty.available() > there).then_some(()))
            }
        };
        timed_out = result == Err(Errno::ETIMEDOUT);
        if !timed_out {
            result?;
        }
        waited = true;
    }
    Ok(0)
}

/// What poll(2) tells.
pub fn ready() -> u32 {
    let console = CONSOLE.lock();
    let termios = console.tty.termios();
    let least = if termios.character(linux::VTIME) == 0 { termios.character(linux::VMIN) } else { 1 };
    let input = if console.tty.readable(least.into()) { wait_queue::IN } else { 0 };
    input | if console.full { 0 } else { wait_queue::OUT }
}

/// The queue of who watches the console.
pub fn watchers() -> &'static WaitQueue {
    &WATCHERS
}

/// Bytes that a read would give (FIONREAD).
pub fn available() -> usize {
    CONSOLE.lock().tty.available()
}

/// Bytes that wait for the device (TIOCOUTQ).
pub fn unsent() -> usize {
    CONSOLE.lock().out.length()
}

/// The terminal's settings.
pub fn termios() -> Termios {
    *CONSOLE.lock().tty.termios()
}

/// Changes them.
pub fn set_termios(termios: Termios) {
    act(CONSOLE.lock(), |console| console.tty.set_termios(termios));
}

/// Rows, columns, and two words that nobody uses.
pub fn window() -> [u16; 4] {
    CONSOLE.lock().window
}

/// Sets them; the program is told of a change by SIGWINCH.
pub fn set_window(window: [u16; 4]) {
    let before = core::mem::replace(&mut CONSOLE.lock().window, window);
    if before != window {
        let _ = send(Target::Program, linux::SIGWINCH);
    }
}

/// Waits until everything has been sent (tcdrain(3)). Errors: EINTR.
pub fn wait_until_sent() -> Result<(), Errno> {
    WRITERS.wait(wait_queue::OUT, None, || {
        let mut console = CONSOLE.lock();
        console.drains = console.out.length() > 0;
        (!console.drains).then_some(())
    })?;
    // What is left is in the device: at most its FIFO.
    while !CONSOLE.lock().uart.is_none_or(Uart::is_drained) {
        sel4::yield_now();
    }
    Ok(())
}

/// Forgets input that was not read, and output that was not sent (tcflush(3)).
pub fn forget(input: bool, output: bool) {
    act(CONSOLE.lock(), |console| {
        if input {
            console.tty.flush_input();
            let waiting = |uart: Uart| (0..AT_ONCE).take_while(|_| uart.receive().is_some()).count();
            console.uart.map(waiting);
        }
        if output {
            console.out.drop_front(console.out.length());
        }
    });
}

/// Has output stand still, or go on (tcflow(3)).
pub fn hold(output: bool) {
    act(CONSOLE.lock(), |console| console.tty.stopped = output);
}

/// Serves the device's interrupt.
pub fn serve() {
    let console = CONSOLE.lock();
    if let Some(uart) = console.uart {
        // Taken back first: what comes after this raises it again.
        uart.acknowledge();
        act(console, |_| ());
    }
}

/// Waits until everything has left the device, whether or not output stands still: the program ends.
pub fn drain() {
    loop {
        let mut console = CONSOLE.lock();
        let Some(uart) = console.uart else { return };
        console.send(uart);
        if uart.is_drained() && console.out.length() == 0 {
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
