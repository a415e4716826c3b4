//! One run of QEMU from start to end: its output, its input, its time, and what ends it.
//!
//! QEMU is ended in four ways: by the program, by the time it may take, by a signal to this process, and by the end of the
//! `cargo sel4` that this run belongs to. It never outlives this process, since the kernel then kills it.

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::console::Console;
use crate::error::{Error, QEMU_FAILED, Result, SIGNALLED, TIMED_OUT};
use crate::frame::Frame;
use crate::qemu;

/// How long a part of a line is held back that may become a line of a backtrace.
const HOLD: Duration = Duration::from_millis(100);

/// How long a run may take. Both bounds are in seconds of this machine's time, 0 is none.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[command(next_help_heading = "Time")]
pub struct Bounds {
    /// Ends a program that runs for longer, in seconds; 0: never.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub timeout: u64,
    /// Ends a program that prints nothing for longer, in seconds; 0: never.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub idle_timeout: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { timeout: 3600, idle_timeout: 300 }
    }
}

impl Bounds {
    /// When to end the run, and the option that says so, for a run since `start` whose newest output was at `output`.
    fn deadline(self, start: Instant, output: Instant) -> Option<(Instant, &'static str)> {
        let at = |from: Instant, seconds: u64, option| {
            (seconds > 0).then(|| from.checked_add(Duration::from_secs(seconds))).flatten().map(|at| (at, option))
        };
        let total = at(start, self.timeout, "--timeout");
        let idle = at(output, self.idle_timeout, "--idle-timeout");
        [total, idle].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

/// What happens in a run.
enum Event {
    Output(Vec<u8>),
    /// QEMU closed its output: it has ended.
    End,
    Signal(u8),
    /// The `cargo sel4` that this run belongs to has gone.
    Abandoned,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The program ended with this exit code.
    Exit(u8),
    /// This signal ended the run.
    Signal(u8),
    /// The time was up.
    TimedOut,
    /// QEMU ended, and the program did not.
    QemuFailed,
}

impl Outcome {
    /// As an exit code of this process.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Exit(code) => code,
            Self::Signal(signal) => SIGNALLED.wrapping_add(signal),
            Self::TimedOut => TIMED_OUT,
            Self::QemuFailed => QEMU_FAILED,
        }
    }
}

/// Runs `command` (QEMU) within `bounds`: its console goes to standard output through `backtrace`, which gives the text for
/// frames. `name` is the program's, for messages; `boot` shows the kernel's lines too. `lifeline` is the reading end of a
/// pipe that closes when the run is no longer wanted.
///
/// # Errors
/// QEMU cannot be started, or standard output takes nothing.
pub fn run(
    mut command: Command,
    name: &str,
    bounds: Bounds,
    boot: bool,
    lifeline: Option<OwnedFd>,
    backtrace: impl FnMut(&[Frame]) -> String,
) -> Result<Outcome> {
    let (events, happened) = channel();
    on_signals(&events)?;
    let input = wants_input();
    command.stdin(if input { Stdio::piped() } else { Stdio::null() }).stdout(Stdio::piped()).stderr(Stdio::piped());
    // QEMU does not see the terminal's Ctrl-C: this process ends it, after its last output.
    command.process_group(0);
    let parent = rustix::process::getpid();
    // SAFETY: between fork and exec only system calls are made, no memory is allocated and no lock is taken.
    unsafe {
        command.pre_exec(move || {
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
            // The parent may have gone before the line above.
            if rustix::process::getppid() == Some(parent) {
                Ok(())
            } else {
                Err(io::Error::from(io::ErrorKind::BrokenPipe))
            }
        });
    }
    let mut child = command.spawn().map_err(|error| {
        let mend = format!("install Debian's package {}, or set SEL4_QEMU", qemu::PACKAGE);
        Error::new(format_args!("{} cannot be started: {error}", command.get_program().display()), mend)
    })?;
    if let Some(lifeline) = lifeline {
        let events = events.clone();
        thread::spawn(move || watch(&lifeline, &events));
    }
    let errors = child.stderr.take().map(|from| thread::spawn(move || copy_errors(from)));
    if let Some(from) = child.stdout.take() {
        thread::spawn(move || copy_output(from, &events));
    }

    let mut console = Console::new(io::stdout().lock(), backtrace, boot);
    let followed = follow(&happened, &mut console, &mut child, name, bounds);
    // Ended already, unless following it failed.
    let _ = child.kill();
    let status = child.wait();
    let failed = errors.and_then(|thread| thread.join().ok()).unwrap_or(false);
    let written = |error: io::Error| Error::new(format_args!("standard output: {error}"), "see where it leads to");
    let ended = followed.map_err(written)?;
    console.finish().map_err(written)?;
    if let Some(outcome) = ended {
        return Ok(outcome);
    }
    let status = status.map_err(|error| Error::new(format_args!("QEMU: {error}"), "run it again"))?;
    match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(code) if !(failed && code == 1) => Ok(Outcome::Exit(code)),
        code => {
            let signal = status.signal().map_or(String::new(), |signal| format!(" by signal {signal}"));
            if code.is_none() {
                eprintln!("cargo-sel4: error: QEMU ended{signal} while {name} was running");
            } else {
                eprintln!("cargo-sel4: error: QEMU could not run {name}, see its message above");
            }
            Ok(Outcome::QemuFailed)
        }
    }
}

/// Passes the output on until QEMU ends or is ended; gives the outcome if it is not QEMU's own.
fn follow<W: Write, F: FnMut(&[Frame]) -> String>(
    happened: &Receiver<Event>,
    console: &mut Console<W, F>,
    child: &mut Child,
    name: &str,
    bounds: Bounds,
) -> io::Result<Option<Outcome>> {
    let start = Instant::now();
    let mut output = start;
    let mut shown = false;
    // QEMU drops what comes before the guest has switched its receiver on, which is before it prints anything.
    let mut input = child.stdin.take();
    loop {
        let deadline = bounds.deadline(start, output);
        let now = Instant::now();
        let holding = console.is_holding() && !shown;
        let mut wait = deadline.map_or(Duration::MAX, |(at, _)| at.saturating_duration_since(now));
        if holding {
            wait = wait.min(HOLD);
        }
        // The longest wait the channel knows how to add to the time.
        let event = happened.recv_timeout(wait.min(Duration::from_secs(u64::from(u32::MAX))));
        match event {
            Ok(Event::Output(bytes)) => {
                output = Instant::now();
                shown = false;
                if let Some(to) = input.take() {
                    thread::spawn(move || copy_input(to));
                }
                console.take(&bytes)?;
            }
            Ok(Event::End) | Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Ok(Event::Signal(signal)) => {
                let _ = child.kill();
                console.finish()?;
                return Ok(Some(Outcome::Signal(signal)));
            }
            Ok(Event::Abandoned) => {
                let _ = child.kill();
                return Ok(Some(Outcome::Signal(rustix::process::Signal::TERM.as_raw() as u8)));
            }
            Err(RecvTimeoutError::Timeout) => match deadline {
                Some((at, option)) if at <= Instant::now() => {
                    let _ = child.kill();
                    console.finish()?;
                    hung(name, option, start, output, &console.last_line());
                    return Ok(Some(Outcome::TimedOut));
                }
                _ => {
                    shown = true;
                    console.idle()?;
                }
            },
        }
    }
}

fn hung(name: &str, option: &str, start: Instant, output: Instant, last: &str) {
    let ran = start.elapsed().as_secs();
    let silent = output.elapsed().as_secs();
    let last = if last.is_empty() { "it printed nothing".to_owned() } else { format!("its last line was: {last}") };
    eprintln!("\ncargo-sel4: error: {name} hangs: ended after {ran} s, {silent} s without output ({option}); {last}");
}

/// Whether there is input to give to the guest: not /dev/null, not a terminal that another job has.
fn wants_input() -> bool {
    let stdin = rustix::stdio::stdin();
    if rustix::termios::isatty(stdin) {
        return rustix::termios::tcgetpgrp(stdin).is_ok_and(|job| job == rustix::process::getpgrp());
    }
    match (rustix::fs::fstat(stdin), rustix::fs::stat("/dev/null")) {
        (Ok(stdin), Ok(null)) => stdin.st_rdev != null.st_rdev,
        (stdin, _) => stdin.is_ok(),
    }
}

fn copy_input(mut to: impl Write) {
    let mut from = io::stdin().lock();
    let mut bytes = [0; 4096];
    // Line by line from a terminal. QEMU takes no more than the guest's device does.
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..count]).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
    // A serial line has no end of its own: left open, since QEMU would only report a lost console.
    std::mem::forget(to);
}

fn copy_output(mut from: impl Read, events: &Sender<Event>) {
    let mut bytes = [0; 16384];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if events.send(Event::Output(bytes[..count].to_vec())).is_err() {
            return;
        }
    }
    let _ = events.send(Event::End);
}

/// Passes QEMU's own messages on; whether one of them says that QEMU could not go on.
fn copy_errors(from: impl Read) -> bool {
    use io::BufRead;
    let mut failed = false;
    for line in io::BufReader::new(from).split(b'\n').map_while(io::Result::ok) {
        let line = String::from_utf8_lossy(&line);
        if !qemu::is_noise(&line) {
            failed |= qemu::is_failure(&line);
            eprintln!("{line}");
        }
    }
    failed
}

fn watch(lifeline: &OwnedFd, events: &Sender<Event>) {
    // Nothing is ever written to it: it can only end.
    while let Err(rustix::io::Errno::INTR) = rustix::io::read(lifeline, &mut [0; 1]) {}
    let _ = events.send(Event::Abandoned);
}

/// SIGINT, SIGTERM and SIGHUP become events. Which of them came is not told apart: the first two are alike to a user.
fn on_signals(events: &Sender<Event>) -> Result<()> {
    let events = events.clone();
    ctrlc::set_handler(move || {
        let _ = events.send(Event::Signal(rustix::process::Signal::INT.as_raw() as u8));
    })
    .map_err(|error| Error::new(format_args!("signals: {error}"), "run it again"))
}

/// The end of a pipe with this number that was inherited, if it is one.
#[must_use]
pub fn inherited(number: RawFd) -> Option<OwnedFd> {
    if number <= 2 {
        return None;
    }
    // SAFETY: only used to ask the kernel what the number is; an unused one is refused.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(fd).ok()?.st_mode);
    // A copy of its own, which QEMU does not inherit.
    let copy = rustix::io::fcntl_dupfd_cloexec(fd, 3).ok()?;
    (kind == rustix::fs::FileType::Fifo && copy.as_raw_fd() != number).then_some(copy)
}
