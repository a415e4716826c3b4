//! A terminal's line discipline: from bytes that are typed to bytes that are read, and what is echoed (termios(3), Linux's n_tty).
//!
//! Plain logic: the device's bytes come in by [`Tty::receive`], what it is to show goes out by a closure, and the console does the rest.
//! What differs from Linux: input is never dropped while lines wait to be read; the device is asked not to send instead
//! ([`Tty::takes`]).

use super::buffers::Sink;
use super::termios::Termios;
use crate::errno::SysResult;
use linux_raw_sys::general as linux;

/// Bytes that wait to be read, at most (Linux's N_TTY_BUF_SIZE).
pub const INPUT: usize = 4096;
/// Bytes of a line that is being edited, without what ends it.
const LINE: usize = INPUT - 2;
/// Most bytes that one byte is shown as: a tab in blanks.
pub const MOST_SHOWN: usize = 8;
/// Columns between tabs.
const TAB: usize = 8;
/// Columns of a line that are taken back one by one; more are left standing, and a new line begins.
const MOST_ERASED: usize = 256;

/// A ring of so many items.
pub struct Ring<T, const N: usize> {
    items: [T; N],
    first: usize,
    length: usize,
}

impl<T: Copy, const N: usize> Ring<T, N> {
    /// Empty; `filler` is any item.
    pub const fn new(filler: T) -> Self {
        Self { items: [filler; N], first: 0, length: 0 }
    }
    /// Items in it.
    pub fn length(&self) -> usize {
        self.length
    }
    /// Items that it still takes.
    pub fn room(&self) -> usize {
        N - self.length
    }
    /// Takes one more; there is room.
    pub fn push(&mut self, item: T) {
        debug_assert!(self.room() > 0);
        self.items[(self.first + self.length) % N] = item;
        self.length += 1;
    }
    /// Takes more; there is room.
    pub fn extend(&mut self, items: &[T]) {
        debug_assert!(self.room() >= items.len());
        let at = (self.first + self.length) % N;
        let (here, around) = items.split_at(items.len().min(N - at));
        self.items[at..at + here.len()].copy_from_slice(here);
        self.items[..around.len()].copy_from_slice(around);
        self.length += items.len();
    }
    /// The longest piece from the front that is in one piece.
    pub fn front(&self) -> &[T] {
        &self.items[self.first..(self.first + self.length).min(N)]
    }
    /// Forgets the first `count`.
    pub fn drop_front(&mut self, count: usize) {
        self.first = (self.first + count) % N;
        self.length -= count;
    }
    fn at(&self, index: usize) -> T {
        self.items[(self.first + index) % N]
    }
    fn last_mut(&mut self) -> Option<&mut T> {
        let last = self.length.checked_sub(1)?;
        Some(&mut self.items[(self.first + last) % N])
    }
}

/// A byte that waits to be read, with what there is to know about it.
#[derive(Clone, Copy)]
struct Item {
    byte: u8,
    /// A line ends behind it.
    ends: bool,
    /// It is no byte, but the end of the input (VEOF on an empty line).
    nothing: bool,
}

/// What a byte did besides being kept and shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Nothing.
    None,
    /// The program gets this signal.
    Signal(u32),
    /// Output may go on (VSTART).
    Started,
}

/// A terminal.
pub struct Tty {
    termios: Termios,
    input: Ring<Item, INPUT>,
    line: [u8; LINE],
    length: usize,
    /// The next byte is taken as it is (VLNEXT).
    literal: bool,
    /// Output stands still (VSTOP, TCOOFF).
    pub stopped: bool,
    /// Where the cursor is, and where it was as the line began.
    column: usize,
    line_column: usize,
}

impl Tty {
    /// As a console on Linux.
    pub const fn new() -> Self {
        Self {
            termios: Termios::console(),
            input: Ring::new(Item { byte: 0, ends: false, nothing: false }),
            line: [0; LINE],
            length: 0,
            literal: false,
            stopped: false,
            column: 0,
            line_column: 0,
        }
    }

    /// Its settings.
    pub fn termios(&self) -> &Termios {
        &self.termios
    }

    /// Changes its settings; what was typed stays (tcsetattr(3)).
    pub fn set_termios(&mut self, new: Termios) {
        let edited = self.termios.edits();
        self.termios = new;
        if edited && !new.edits() {
            self.hand_over();
        } else if !edited
            && new.edits()
            && let Some(last) = self.input.last_mut()
        {
            last.ends = true;
        }
        if !new.input(linux::IXON) {
            self.stopped = false;
        }
    }

    /// Forgets what was typed (TCIFLUSH).
    pub fn flush_input(&mut self) {
        self.input.drop_front(self.input.length());
        self.length = 0;
        self.literal = false;
    }

    /// Whether it takes one more byte from the device.
    pub fn takes(&self) -> bool {
        if self.termios.edits() { self.input.room() >= self.length + 2 } else { self.input.room() > 0 }
    }

    /// Bytes that a read gives, all together (FIONREAD).
    pub fn available(&self) -> usize {
        (0..self.input.length()).filter(|&index| !self.input.at(index).nothing).count()
    }

    /// Whether there is a line to read, or, where lines are not edited, `least` bytes.
    pub fn readable(&self, least: usize) -> bool {
        self.input.length() >= if self.termios.edits() { 1 } else { least.max(1) }
    }

    /// Gives what there is: up to a line, or any bytes; what did not fit stays. Errors: EFAULT if not one byte could be given.
    pub fn read(&mut self, to: &mut Sink<'_>) -> SysResult {
        const CHUNK: usize = 256;
        let edits = self.termios.edits();
        let mut done = 0;
        let mut ended = false;
        while !ended && self.input.length() > 0 && (to.left() > 0 || done == 0) {
            let mut chunk = [0; CHUNK];
            let (mut taken, mut bytes) = (0, 0);
            while !ended && bytes < CHUNK.min(to.left()) && taken < self.input.length() {
                let item = self.input.at(taken);
                taken += 1;
                ended = edits && item.ends;
                if !item.nothing {
                    chunk[bytes] = item.byte;
                    bytes += 1;
                }
            }
            match to.put(&chunk[..bytes]) {
                Ok(moved) => {
                    // A buffer's end cuts a piece short; what is left of it stays.
                    let cut = moved < bytes;
                    self.input.drop_front(if cut { moved } else { taken });
                    done += moved;
                    if cut || taken == 0 {
                        break;
                    }
                }
                Err(error) if done == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    /// A byte from the device; what it shows goes to `show`, up to [`Tty::echo_room`] bytes.
    pub fn receive(&mut self, byte: u8, show: &mut impl FnMut(u8)) -> Effect {
        let termios = self.termios;
        let byte = if termios.input(linux::ISTRIP) { byte & 0x7f } else { byte };
        if core::mem::take(&mut self.literal) {
            self.keep(byte, show);
            return Effect::None;
        }
        if termios.input(linux::IXON) {
            if termios.is(linux::VSTART, byte) {
                self.stopped = false;
                return Effect::Started;
            }
            if termios.is(linux::VSTOP, byte) {
                self.stopped = true;
                return Effect::None;
            }
        }
        let started = self.stopped && termios.input(linux::IXON) && termios.input(linux::IXANY);
        self.stopped &= !started;
        if termios.local(linux::ISIG) {
            for (which, signal) in
                [(linux::VINTR, linux::SIGINT), (linux::VQUIT, linux::SIGQUIT), (linux::VSUSP, linux::SIGTSTP)]
            {
                if termios.is(which, byte) {
                    if !termios.local(linux::NOFLSH) {
                        self.flush_input();
                    }
                    self.echo(byte, show);
                    return Effect::Signal(signal);
                }
            }
        }
        let byte = match byte {
            b'\r' if termios.input(linux::IGNCR) => return Effect::None,
            b'\r' if termios.input(linux::ICRNL) => b'\n',
            b'\n' if termios.input(linux::INLCR) => b'\r',
            other => other,
        };
        if !termios.edits() || !self.edit(byte, show) {
            self.keep(byte, show);
        }
        if started { Effect::Started } else { Effect::None }
    }

    /// Bytes that receiving one may show, unless the settings are changed: who has less room does not receive.
    pub const fn echo_room() -> usize {
        // Taking a line back shows most: three bytes a column.
        3 * (MOST_ERASED + TAB) + 2 * MOST_SHOWN
    }

    /// What editing does with a byte; `false` if it is one of the line.
    fn edit(&mut self, byte: u8, show: &mut impl FnMut(u8)) -> bool {
        let termios = self.termios;
        let extended = termios.local(linux::IEXTEN);
        if termios.is(linux::VERASE, byte) {
            self.erase(byte, show);
        } else if termios.is(linux::VKILL, byte) {
            self.kill(byte, show);
        } else if extended && termios.is(linux::VWERASE, byte) {
            self.erase_word(byte, show);
        } else if extended && termios.is(linux::VLNEXT, byte) {
            self.literal = true;
            if termios.local(linux::ECHO) && termios.local(linux::ECHOCTL) {
                show(b'^');
                show(b'\x08');
            }
        } else if extended && termios.is(linux::VREPRINT, byte) && termios.local(linux::ECHO) {
            self.echo(byte, show);
            self.show(b'\n', show);
            // As much as there is surely room for.
            for index in self.length.saturating_sub(MOST_ERASED / 2)..self.length {
                self.echo(self.line[index], show);
            }
        } else if byte == b'\n' {
            if termios.local(linux::ECHO | linux::ECHONL) {
                self.show(byte, show);
            }
            self.finish(Some(byte));
        } else if termios.is(linux::VEOF, byte) {
            self.finish(None);
        } else if termios.is(linux::VEOL, byte) || extended && termios.is(linux::VEOL2, byte) {
            self.echo(byte, show);
            self.finish(Some(byte));
        } else {
            return false;
        }
        true
    }

    /// Keeps a byte: in the line, if lines are edited; past its end it is dropped, with a bell (IMAXBEL).
    fn keep(&mut self, byte: u8, show: &mut impl FnMut(u8)) {
        if !self.termios.edits() {
            self.input.push(Item { byte, ends: false, nothing: false });
            self.echo(byte, show);
        } else if self.length < LINE {
            if self.length == 0 {
                self.line_column = self.column;
            }
            self.line[self.length] = byte;
            self.length += 1;
            self.echo(byte, show);
        } else if self.termios.input(linux::IMAXBEL) {
            show(b'\x07');
        }
    }

    /// Ends the line with a byte, or at the end of the input.
    fn finish(&mut self, byte: Option<u8>) {
        let empty = self.length == 0;
        self.hand_over();
        match (byte, self.input.last_mut()) {
            (Some(byte), _) => self.input.push(Item { byte, ends: true, nothing: false }),
            (None, Some(last)) if !empty => last.ends = true,
            (None, _) => self.input.push(Item { byte: 0, ends: true, nothing: true }),
        }
    }

    /// Puts the line among what can be read; [`Tty::takes`] saw to the room.
    fn hand_over(&mut self) {
        for index in 0..core::mem::take(&mut self.length) {
            self.input.push(Item { byte: self.line[index], ends: false, nothing: false });
        }
    }

    /// Columns from the line's beginning to its byte `end`.
    fn columns(&self, end: usize) -> usize {
        let step = |column: usize, &byte: &u8| match byte {
            b'\t' => column / TAB * TAB + TAB,
            _ if is_control(byte) => column + if self.termios.local(linux::ECHOCTL) { 2 } else { 0 },
            _ if self.continues(byte) => column,
            _ => column + 1,
        };
        self.line[..end].iter().fold(self.line_column, step) - self.line_column
    }

    /// Whether a byte is a further one of a character (IUTF8).
    fn continues(&self, byte: u8) -> bool {
        self.termios.input(linux::IUTF8) && byte & 0xc0 == 0x80
    }

    /// Where the line's last character begins.
    fn last_character(&self, mut end: usize) -> usize {
        end -= 1;
        while end > 0 && self.continues(self.line[end]) {
            end -= 1;
        }
        end
    }

    /// Cuts the line, and takes what it showed back.
    fn cut(&mut self, end: usize, show: &mut impl FnMut(u8)) {
        let columns = self.columns(self.length) - self.columns(end);
        self.length = end;
        if self.termios.local(linux::ECHO) {
            for _ in 0..columns.min(MOST_ERASED + TAB) {
                show(b'\x08');
                show(b' ');
                show(b'\x08');
            }
            self.column = self.column.saturating_sub(columns);
        }
    }

    fn erase(&mut self, byte: u8, show: &mut impl FnMut(u8)) {
        if self.length == 0 {
            return;
        }
        self.erase_from(self.last_character(self.length), byte, show);
    }

    /// Erases the line's end, visibly if so set, else by showing the character that was typed for it.
    fn erase_from(&mut self, end: usize, byte: u8, show: &mut impl FnMut(u8)) {
        if self.termios.local(linux::ECHOE) {
            self.cut(end, show);
        } else {
            self.length = end;
            self.echo(byte, show);
        }
    }

    fn erase_word(&mut self, byte: u8, show: &mut impl FnMut(u8)) {
        let mut end = self.length;
        let mut seen = false;
        while end > 0 {
            let start = self.last_character(end);
            let first = self.line[start];
            let of_word = first.is_ascii_alphanumeric() || first == b'_' || !first.is_ascii();
            if seen && !of_word {
                break;
            }
            seen |= of_word;
            end = start;
        }
        if end < self.length {
            self.erase_from(end, byte, show);
        }
    }

    fn kill(&mut self, byte: u8, show: &mut impl FnMut(u8)) {
        let termios = self.termios;
        let by_column = termios.local(linux::ECHOK) && termios.local(linux::ECHOKE) && termios.local(linux::ECHOE);
        if by_column && self.columns(self.length) <= MOST_ERASED {
            return self.cut(0, show);
        }
        self.length = 0;
        self.echo(byte, show);
        if termios.local(linux::ECHOK) && termios.local(linux::ECHO) {
            self.show(b'\n', show);
        }
    }

    /// Shows a byte that was typed: a control character as `^` and a letter (ECHOCTL).
    fn echo(&mut self, byte: u8, show: &mut impl FnMut(u8)) {
        if !self.termios.local(linux::ECHO) {
            return;
        }
        if is_control(byte) && !matches!(byte, b'\t' | b'\n') && self.termios.local(linux::ECHOCTL) {
            self.show(b'^', show);
            self.show(byte ^ 0x40, show);
        } else {
            self.show(byte, show);
        }
    }

    /// Shows a program's output, as much as there is surely room for; gives how many of the bytes.
    pub fn write<const N: usize>(&mut self, bytes: &[u8], out: &mut Ring<u8, N>) -> usize {
        let processed = self.termios.output(linux::OPOST);
        let mut taken = 0;
        while taken < bytes.len() && out.room() >= MOST_SHOWN {
            let rest = &bytes[taken..bytes.len().min(taken + out.room())];
            // Most of what is shown is shown as it is, and in a piece.
            let is_plain = |&byte: &u8| !processed || !is_control(byte) && !self.continues(byte);
            let plain = rest.iter().take_while(|byte| is_plain(byte)).count();
            if plain == 0 {
                self.show(rest[0], &mut |byte| out.push(byte));
                taken += 1;
            } else {
                out.extend(&rest[..plain]);
                self.column += if processed { plain } else { 0 };
                taken += plain;
            }
        }
        taken
    }

    /// Shows a byte, as output is (OPOST): it becomes up to [`MOST_SHOWN`] bytes.
    fn show(&mut self, byte: u8, show: &mut impl FnMut(u8)) {
        let termios = self.termios;
        if !termios.output(linux::OPOST) {
            return show(byte);
        }
        match byte {
            b'\n' => {
                if termios.output(linux::ONLCR) {
                    show(b'\r');
                }
                if termios.output(linux::ONLCR | linux::ONLRET) {
                    self.column = 0;
                }
            }
            b'\r' if termios.output(linux::ONOCR) && self.column == 0 => return,
            b'\r' if termios.output(linux::OCRNL) => return show(b'\n'),
            b'\r' => self.column = 0,
            b'\t' => {
                let blanks = TAB - self.column % TAB;
                self.column += blanks;
                if termios.output & linux::TABDLY == linux::XTABS {
                    (0..blanks).for_each(|_| show(b' '));
                    return;
                }
            }
            b'\x08' => self.column = self.column.saturating_sub(1),
            _ if is_control(byte) || self.continues(byte) => {}
            _ => self.column += 1,
        }
        show(byte);
    }
}

fn is_control(byte: u8) -> bool {
    byte < b' ' || byte == 0x7f
}

#[cfg(all(test, not(loom)))]
mod tests;
