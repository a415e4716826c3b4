//! The guest's console on its way to standard output: line ends, the kernel's own lines, and backtraces.
//!
//! Bytes pass as they come, also those of a line that has not ended, such as a prompt. Held back is only what may become
//! something to change: the kernel's lines at the start, and lines of a backtrace. [`Console::idle`] lets go of these too
//! when nothing follows.

use std::io::{self, Write};

use crate::frame::{Frame, may_become_frame};

/// What a kernel that prints says before the program starts (seL4's src/arch/arm/kernel/boot.c).
const KERNEL_LINES: [&str; 2] = ["Bootstrapping kernel", "Booting all finished, dropped to user space"];
/// What the boot loader's line begins with (crates/loader/src/main.rs). It is asked for, so that there is a sign of life: from
/// then on the board receives.
const LOADER_LINE: &str = "loader: entered at EL";
/// How much of the last line is kept to be told when the program hangs, in bytes.
const LAST_LINE: usize = 200;

/// Whether a line that begins with `start` may be one from before the program.
fn may_be_boot_line(start: &[u8]) -> bool {
    start.starts_with(LOADER_LINE.as_bytes())
        || KERNEL_LINES.iter().chain([&LOADER_LINE]).any(|line| line.as_bytes().starts_with(start))
}

/// Turns what the guest sends into what the user sees.
pub struct Console<W, F> {
    out: W,
    /// Gives the text for the frames of a backtrace.
    backtrace: F,
    /// Frames of the backtrace that is just arriving.
    frames: Vec<Frame>,
    /// What is held back of the line that has not ended.
    held: Vec<u8>,
    /// A part of the line that has not ended was passed on.
    passed: bool,
    /// A carriage return that belongs to the line feed that follows, or to nothing.
    carriage_return: bool,
    /// The kernel's lines may still come.
    booting: bool,
    /// A line of the kernel was left out, whose carriage return comes behind its line feed.
    kernel_line: bool,
    last_line: Vec<u8>,
}

impl<W: Write, F: FnMut(&[Frame]) -> String> Console<W, F> {
    /// A console that writes to `out`. `backtrace` gives the text for frames that follow one another; `boot` shows the
    /// kernel's lines too.
    pub fn new(out: W, backtrace: F, boot: bool) -> Self {
        Self {
            out,
            backtrace,
            frames: Vec::new(),
            held: Vec::new(),
            passed: false,
            carriage_return: false,
            booting: !boot,
            kernel_line: false,
            last_line: Vec::new(),
        }
    }

    /// Takes bytes from the guest.
    ///
    /// # Errors
    /// Those of the output.
    pub fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        for &byte in bytes {
            if std::mem::replace(&mut self.carriage_return, byte == b'\r') && byte != b'\n' {
                self.byte(b'\r')?;
            }
            match byte {
                b'\r' => {}
                b'\n' => self.line_end()?,
                _ => self.byte(byte)?,
            }
        }
        if !self.may_hold() {
            self.let_go()?;
        }
        self.out.flush()
    }

    /// Nothing has come for a moment: what is held back is shown.
    ///
    /// # Errors
    /// Those of the output.
    pub fn idle(&mut self) -> io::Result<()> {
        if self.booting && may_be_boot_line(&self.held) {
            return Ok(());
        }
        self.show_frames()?;
        self.let_go()?;
        self.out.flush()
    }

    /// Whether something is held back that [`idle`](Self::idle) would show.
    #[must_use]
    pub fn is_holding(&self) -> bool {
        !(self.frames.is_empty() && self.held.is_empty())
    }

    /// The guest will send nothing more.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(&mut self) -> io::Result<()> {
        self.booting = false;
        self.idle()
    }

    /// The last line that was not empty, the newest part of it when it is long: what a program that hangs said last.
    #[must_use]
    pub fn last_line(&self) -> String {
        String::from_utf8_lossy(&self.last_line).trim().to_owned()
    }

    fn byte(&mut self, byte: u8) -> io::Result<()> {
        if std::mem::take(&mut self.kernel_line) && byte == b'\r' {
            return Ok(());
        }
        self.remember(byte);
        if self.passed {
            return self.out.write_all(&[byte]);
        }
        self.held.push(byte);
        if self.may_hold() { Ok(()) } else { self.let_go() }
    }

    fn remember(&mut self, byte: u8) {
        if (self.held.is_empty() && !self.passed) || self.last_line.len() >= 2 * LAST_LINE {
            let keep = if self.passed || !self.held.is_empty() { LAST_LINE } else { 0 };
            self.last_line.drain(..self.last_line.len() - keep.min(self.last_line.len()));
        }
        self.last_line.push(byte);
    }

    /// Whether the line that has not ended may turn out to be one that is changed.
    fn may_hold(&self) -> bool {
        !self.passed && (may_become_frame(&self.held) || self.booting && may_be_boot_line(&self.held))
    }

    fn let_go(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        self.show_frames()?;
        self.booting = false;
        self.passed = true;
        self.out.write_all(&self.held)?;
        self.held.clear();
        Ok(())
    }

    fn line_end(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.held);
        if std::mem::take(&mut self.passed) {
            return self.out.write_all(b"\n");
        }
        let text = std::str::from_utf8(&line).unwrap_or_default();
        if self.booting && text.starts_with(LOADER_LINE) {
            return Ok(());
        }
        if self.booting && KERNEL_LINES.contains(&text) {
            self.booting = text != KERNEL_LINES[1];
            self.kernel_line = true;
            return Ok(());
        }
        self.booting = false;
        if let Some(frame) = Frame::parse(text) {
            // A backtrace that begins right behind another is one of its own.
            if self.frames.last().is_some_and(|last| last.index >= frame.index) {
                self.show_frames()?;
            }
            self.frames.push(frame);
            return Ok(());
        }
        self.show_frames()?;
        self.out.write_all(&line)?;
        self.out.write_all(b"\n")
    }

    fn show_frames(&mut self) -> io::Result<()> {
        if self.frames.is_empty() {
            return Ok(());
        }
        let text = (self.backtrace)(&self.frames);
        self.frames.clear();
        self.out.write_all(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: &str = "loader: entered at EL1, kernel at 0x0..0x1\r\nBootstrapping kernel\n\rBooting all finished, dropped to user space\n\r";

    /// What is shown of `parts`, which arrive one after another.
    fn shown(parts: &[&str]) -> String {
        let mut out = Vec::new();
        let mut console = Console::new(&mut out, |frames: &[Frame]| format!("<{} frames>\n", frames.len()), false);
        for part in parts {
            console.take(part.as_bytes()).unwrap();
        }
        console.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_kernels_lines_are_left_out_at_the_start_only() {
        assert_eq!(shown(&[BOOT, "hi\r\n"]), "hi\n");
        assert_eq!(shown(&[BOOT, "\r\nhi\r\n"]), "\nhi\n");
        assert_eq!(shown(&["hi\r\nBootstrapping kernel\r\n"]), "hi\nBootstrapping kernel\n");
    }

    #[test]
    fn a_byte_at_a_time_gives_the_same() {
        let text = format!("{BOOT}a\r\nstack backtrace:\r\n   0: 0x10\r\n   1: 0x20\r\nb\r\n");
        let bytes: Vec<String> = text.chars().map(String::from).collect();
        let parts: Vec<&str> = bytes.iter().map(String::as_str).collect();
        assert_eq!(shown(&parts), "a\nstack backtrace:\n<2 frames>\nb\n");
    }

    #[test]
    fn line_ends_lose_the_consoles_carriage_return_and_no_other() {
        assert_eq!(shown(&["a\r\r\nb\rc\r\n"]), "a\r\nb\rc\n");
    }

    #[test]
    fn a_prompt_is_shown_at_once() {
        let mut out = Vec::new();
        Console::new(&mut out, |_: &[Frame]| String::new(), false).take(b"name? ").unwrap();
        assert_eq!(out, b"name? ");
    }

    #[test]
    fn what_looks_like_a_frame_is_shown_when_nothing_follows() {
        let mut out = Vec::new();
        let mut console = Console::new(&mut out, |_: &[Frame]| String::new(), false);
        console.take(b"  12").unwrap();
        assert!(console.is_holding());
        console.idle().unwrap();
        assert!(!console.is_holding());
        console.take(b": more\r\n").unwrap();
        assert_eq!(out, b"  12: more\n");
    }

    #[test]
    fn two_backtraces_in_a_row_are_two() {
        assert_eq!(shown(&["   0: 0x10\r\n   1: 0x20\r\n   0: 0x30\r\n"]), "<2 frames>\n<1 frames>\n");
    }

    #[test]
    fn bytes_that_are_no_text_pass() {
        let mut out = Vec::new();
        let mut console = Console::new(&mut out, |_: &[Frame]| String::new(), false);
        console.take(&[0xff, 0, 0x80, b'\n', 0xc3]).unwrap();
        console.finish().unwrap();
        assert_eq!(out, [0xff, 0, 0x80, b'\n', 0xc3]);
    }

    #[test]
    fn the_last_line_is_known() {
        let mut out = Vec::new();
        let mut console = Console::new(&mut out, |_: &[Frame]| String::new(), false);
        console.take(b"one\r\ntwo\r\n").unwrap();
        assert_eq!(console.last_line(), "two");
        console.take(b"\r\nthr").unwrap();
        assert_eq!(console.last_line(), "thr");
        console.take(&[b'x'; 5000]).unwrap();
        assert!(console.last_line().len() <= 2 * LAST_LINE);
    }
}
