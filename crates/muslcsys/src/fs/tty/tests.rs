//! What is typed, what is shown, what is read. Expected values are those of termios(3) and of Linux's n_tty.

use super::*;
use crate::errno::Errno;
use linux::*;
use proptest::prelude::*;

struct Screen {
    tty: Tty,
    shown: String,
    signals: Vec<u32>,
}

impl Screen {
    fn new() -> Self {
        Self { tty: Tty::new(), shown: String::new(), signals: vec![] }
    }

    fn with(change: impl FnOnce(&mut Termios)) -> Self {
        let mut screen = Self::new();
        screen.set(change);
        screen
    }

    fn set(&mut self, change: impl FnOnce(&mut Termios)) {
        let mut termios = *self.tty.termios();
        change(&mut termios);
        self.tty.set_termios(termios);
    }

    fn typed(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        for &byte in bytes.as_ref() {
            assert!(self.tty.takes());
            let shown = &mut self.shown;
            if let Effect::Signal(signal) = self.tty.receive(byte, &mut |byte| shown.push(byte.into())) {
                self.signals.push(signal);
            }
        }
        self
    }

    fn read(&mut self, most: usize) -> Option<String> {
        if !self.tty.readable(1) {
            return None;
        }
        let mut bytes = vec![0; most];
        let count = self.tty.read(&mut Sink::own(&mut bytes)).unwrap();
        bytes.truncate(count);
        Some(bytes.into_iter().map(char::from).collect())
    }

    fn shown(&mut self) -> String {
        core::mem::take(&mut self.shown)
    }
}

fn raw(termios: &mut Termios) {
    // cfmakeraw(3).
    termios.input &= !(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    termios.output &= !OPOST;
    termios.local &= !(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
}

#[test]
fn a_line_is_there_when_it_is_ended() {
    let mut screen = Screen::new();
    assert_eq!(screen.typed("hello").read(99), None);
    assert_eq!(screen.typed("\r").read(99).unwrap(), "hello\n");
    assert_eq!(screen.shown(), "hello\r\n");
    screen.typed("a\rb\rc");
    assert_eq!(screen.tty.available(), 4);
    assert_eq!((screen.read(99).unwrap(), screen.read(1).unwrap()), ("a\n".into(), "b".into()));
    assert_eq!((screen.read(99).unwrap(), screen.read(99)), ("\n".into(), None));
}

#[test]
fn carriage_returns_and_line_feeds() {
    for (flags, expected) in [(ICRNL, "a\n"), (ICRNL | INLCR, "a\n"), (IGNCR, "ab\n")] {
        let mut screen = Screen::with(|termios| termios.input = flags);
        assert_eq!(screen.typed("a\rb\n\r").read(99).as_deref(), Some(expected), "{flags:x}");
    }
    let mut screen = Screen::with(|termios| termios.input = 0);
    assert_eq!(screen.typed("a\rb\n").read(99).unwrap(), "a\rb\n");
}

#[test]
fn characters_words_and_lines_are_erased() {
    let mut screen = Screen::new();
    screen.typed("abc\x7f\x7f");
    assert_eq!(screen.shown(), "abc\x08 \x08\x08 \x08");
    assert_eq!(screen.typed("x\r").read(99).unwrap(), "ax\n");
    assert_eq!(screen.typed("\x7f\x17\x15x\r").read(99).unwrap(), "x\n");
    assert_eq!(screen.typed("one two_2 ..\x17three\r").read(99).unwrap(), "one three\n");
    screen.shown();
    assert_eq!(screen.typed("ab\x15cd\r").read(99).unwrap(), "cd\n");
    assert_eq!(screen.shown(), "ab\x08 \x08\x08 \x08cd\r\n");
    // What is shown of the line is taken back, however wide: a tab after two columns has six, a control character two.
    screen.typed("ab\t\x01");
    screen.shown();
    screen.typed("\x7f");
    assert_eq!(screen.shown(), "\x08 \x08".repeat(2));
    screen.typed("\x7f");
    assert_eq!(screen.shown(), "\x08 \x08".repeat(6));
}

#[test]
fn a_character_of_several_bytes_is_erased_whole() {
    let mut screen = Screen::with(|termios| termios.input |= IUTF8);
    screen.typed("a\u{e4}\u{20ac}");
    screen.shown();
    assert_eq!(screen.typed("\x7f\x7f\r").read(99).unwrap(), "a\n");
    assert_eq!(screen.shown(), "\x08 \x08\x08 \x08\r\n");
    let mut bytes = Screen::new();
    assert_eq!(bytes.typed("\u{e4}\x7f\r").read(99).unwrap(), "\u{c3}\n");
}

#[test]
fn without_visual_erasing_the_characters_are_shown() {
    let mut screen = Screen::with(|termios| termios.local &= !(ECHOE | ECHOKE));
    screen.typed("ab\x7f");
    assert_eq!(screen.shown(), "ab^?");
    screen.typed("\x15");
    assert_eq!(screen.shown(), "^U\r\n");
    assert_eq!(screen.typed("\r").read(9).unwrap(), "\n");
}

#[test]
fn the_end_of_the_input() {
    let mut screen = Screen::new();
    assert_eq!(screen.typed("\x04").read(9).unwrap(), "");
    assert_eq!(screen.read(9), None);
    // In a line it ends the line, and is not read itself.
    assert_eq!(screen.typed("ab\x04").read(9).unwrap(), "ab");
    assert_eq!(screen.read(9), None);
    assert_eq!(screen.shown(), "ab");
    screen.typed("ab\x04");
    assert_eq!((screen.read(2).unwrap(), screen.read(9)), ("ab".into(), None));
    screen.typed("x\r\x04");
    assert_eq!(
        (screen.tty.available(), screen.read(9).unwrap(), screen.read(9).unwrap()),
        (2, "x\n".into(), "".into())
    );
}

#[test]
fn other_ends_of_a_line() {
    let mut screen = Screen::with(|termios| {
        termios.characters[VEOL as usize] = b';';
        termios.characters[VEOL2 as usize] = b'!';
    });
    screen.typed("a;b!c");
    assert_eq!((screen.read(9).unwrap(), screen.read(9).unwrap(), screen.read(9)), ("a;".into(), "b!".into(), None));
}

#[test]
fn the_next_character_is_taken_as_it_is() {
    let mut screen = Screen::new();
    assert_eq!(screen.typed("a\x16\x03\x16\x16b\r").read(9).unwrap(), "a\x03\x16b\n");
    assert_eq!(screen.shown(), "a^\x08^C^\x08^Vb\r\n");
    assert!(screen.signals.is_empty());
}

#[test]
fn signals_are_sent_and_the_input_is_gone() {
    let mut screen = Screen::new();
    screen.typed("old\rline\x03\x1c\x1a");
    assert_eq!(screen.signals, [SIGINT, SIGQUIT, SIGTSTP]);
    assert_eq!(screen.read(9), None);
    assert_eq!(screen.shown(), "old\r\nline^C^\\^Z");
    screen.set(|termios| termios.local |= NOFLSH);
    assert_eq!(screen.typed("kept\r\x03").read(9).unwrap(), "kept\n");
    screen.set(|termios| termios.local &= !ISIG);
    assert_eq!(screen.typed("\x03\r").read(9).unwrap(), "\x03\n");
    assert_eq!(screen.signals.len(), 4);
    // A character that is switched off is none.
    screen.set(|termios| {
        termios.local |= ISIG;
        termios.characters[VINTR as usize] = 0;
    });
    assert_eq!(screen.typed("\0\r").read(9).unwrap(), "\0\n");
    assert_eq!(screen.signals.len(), 4);
}

#[test]
fn output_stands_still_and_goes_on() {
    let mut screen = Screen::new();
    screen.typed("\x13x");
    assert!(screen.tty.stopped);
    screen.typed("\x11");
    assert!(!screen.tty.stopped);
    screen.set(|termios| termios.input |= IXANY);
    screen.typed("\x13");
    assert_eq!(screen.tty.receive(b'y', &mut |_| ()), Effect::Started);
    assert_eq!(screen.typed("\r").read(9).unwrap(), "xy\n");
    screen.set(|termios| termios.input &= !IXON);
    assert_eq!(screen.typed("\x13\r").read(9).unwrap(), "\x13\n");
}

#[test]
fn without_echo_nothing_is_shown_but_perhaps_the_line_feed() {
    let mut screen = Screen::with(|termios| termios.local &= !ECHO);
    screen.typed("secret\x7f\x15\x12\x16\r\x03x\r");
    assert_eq!(screen.shown(), "");
    screen.set(|termios| termios.local |= ECHONL);
    screen.typed("secret\r");
    assert_eq!(screen.shown(), "\r\n");
}

#[test]
fn the_line_is_shown_again() {
    let mut screen = Screen::new();
    screen.typed("abc\x12d");
    assert_eq!(screen.shown(), "abc^R\r\nabcd");
}

#[test]
fn raw_bytes_are_there_at_once() {
    let mut screen = Screen::with(raw);
    screen.typed("a\r\x03\x04\x7f");
    assert_eq!(screen.tty.available(), 5);
    assert!(screen.tty.readable(5) && !screen.tty.readable(6));
    assert_eq!(screen.read(3).unwrap(), "a\r\x03");
    assert_eq!(screen.read(9).unwrap(), "\x04\x7f");
    assert!(screen.shown().is_empty() && screen.signals.is_empty());
}

#[test]
fn what_was_typed_survives_a_change_of_mode() {
    let mut screen = Screen::new();
    screen.typed("ab");
    screen.set(raw);
    assert_eq!(screen.read(1).unwrap(), "a");
    screen.typed("c");
    let cooked = *Tty::new().termios();
    screen.set(|termios| *termios = cooked);
    assert_eq!(screen.typed("d\r").read(9).unwrap(), "bc");
    assert_eq!(screen.read(9).unwrap(), "d\n");
    screen.typed("gone\rgone").tty.flush_input();
    assert_eq!(screen.typed("x\r").read(9).unwrap(), "x\n");
}

#[test]
fn output_is_processed() {
    let shown = |flags: u32, text: &str| {
        let mut screen = Screen::with(|termios| termios.output = flags);
        let mut all = String::new();
        text.bytes().for_each(|byte| screen.tty.show(byte, &mut |byte| all.push(byte.into())));
        all
    };
    assert_eq!(shown(OPOST | ONLCR, "a\nb\r\n"), "a\r\nb\r\r\n");
    assert_eq!(shown(ONLCR, "a\n"), "a\n");
    assert_eq!(shown(OPOST | OCRNL, "a\r"), "a\n");
    assert_eq!(shown(OPOST | ONOCR, "\ra\r\r"), "a\r");
    assert_eq!(shown(OPOST | XTABS | ONLCR, "a\tb\n\t\x08\tc"), "a       b\r\n        \x08 c");
    assert_eq!(shown(OPOST, "a\tb"), "a\tb");
}

#[test]
#[cfg_attr(miri, ignore = "thousands of characters, and no unsafe code")]
fn a_line_has_an_end_and_more_lines_wait_outside() {
    let mut screen = Screen::with(|termios| termios.input |= IMAXBEL);
    screen.typed(vec![b'x'; LINE]);
    screen.shown();
    // With nothing to read, the line must be ended somehow: further bytes are dropped.
    screen.typed("yz");
    assert_eq!(screen.shown(), "\x07\x07");
    screen.typed("\r");
    assert!(!screen.tty.takes());
    assert_eq!(screen.read(INPUT).unwrap(), "x".repeat(LINE) + "\n");
    // With lines to read, no byte is dropped: it is not taken.
    let mut taken = 0;
    while screen.tty.takes() {
        screen.typed(if taken % 2 == 0 { "l" } else { "\r" });
        taken += 1;
    }
    let mut lines = 0;
    while screen.read(INPUT) == Some("l\n".into()) {
        lines += 1;
    }
    assert_eq!((lines, screen.tty.takes()), (taken / 2, true));
    screen.set(raw);
    while screen.tty.takes() {
        screen.typed("r");
    }
    assert_eq!(screen.tty.available(), INPUT);
}

#[test]
fn a_bad_pointer_takes_nothing_away() {
    let mut screen = Screen::new();
    screen.typed("abc\r");
    assert_eq!(screen.tty.read(&mut Sink::program(16, 9)), Err(Errno::EFAULT));
    let mut good = [0u8; 2];
    let pieces = [[good.as_mut_ptr().expose_provenance(), 2], [16, 9]];
    assert_eq!(screen.tty.read(&mut Sink::vector(&pieces)), Ok(2));
    assert_eq!((&good, screen.read(9).unwrap()), (b"ab", "c\n".into()));
}

proptest::proptest! {
    #![proptest_config(crate::testing::cases(2))]
    /// Any bytes under any settings: nothing breaks, no more is shown than there must be room for, and a line is read as it was kept.
    #[test]
    fn anything_may_be_typed(
        steps in proptest::collection::vec((0..3u8, proptest::prelude::any::<[u32; 3]>(), proptest::collection::vec(0..=255u8, 0..if cfg!(miri) { 40 } else { 600 })), 1..20),
    ) {
        let mut tty = Tty::new();
        for (what, [input, output, local], bytes) in steps {
            match what {
                0 => tty.set_termios(Termios { input, output, local, ..*tty.termios() }),
                1 => {
                    let mut room = [0; 100];
                    let readable = tty.readable(1);
                    let count = tty.read(&mut Sink::own(&mut room)).unwrap();
                    proptest::prop_assert!(readable || count == 0);
                }
                _ => for byte in bytes {
                    if !tty.takes() {
                        break;
                    }
                    let mut shown = 0;
                    tty.receive(byte, &mut |_| shown += 1);
                    proptest::prop_assert!(shown <= Tty::echo_room());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::testing::cases(4))]
    /// Output in pieces, to a device that takes some now and then, is the same bytes as one by one, with the cursor in the same column.
    #[test]
    fn output_in_pieces_is_as_byte_by_byte(
        bytes in prop::collection::vec(prop_oneof![Just(b'a'), Just(b'\n'), Just(b'\t'), Just(0xc3), Just(0xa4), any::<u8>()], crate::testing::steps(400)),
        takes in prop::collection::vec(0usize..40, 60),
        flags in 0u32..64,
        utf8: bool,
    ) {
        let output = [OPOST, ONLCR, OCRNL, ONOCR, ONLRET, XTABS];
        let change = |termios: &mut Termios| {
            termios.output = output.iter().enumerate().filter(|(bit, _)| flags & 1 << bit != 0).map(|(_, flag)| flag).sum();
            termios.input = if utf8 { IUTF8 } else { 0 };
        };
        let (mut one, mut other) = (Screen::with(change), Screen::with(change));
        let mut expected = Vec::new();
        bytes.iter().for_each(|&byte| one.tty.show(byte, &mut |byte| expected.push(byte)));
        let (mut out, mut shown, mut at) = (Ring::<u8, 32>::new(0), Vec::new(), 0);
        for take in takes.into_iter().chain(core::iter::repeat(32)) {
            at += other.tty.write(&bytes[at..], &mut out);
            prop_assert!(at == bytes.len() || out.room() < MOST_SHOWN);
            for _ in 0..take.min(out.length()) {
                shown.push(out.front()[0]);
                out.drop_front(1);
            }
            if at == bytes.len() && out.length() == 0 {
                break;
            }
        }
        prop_assert_eq!(shown, expected);
        prop_assert_eq!(other.tty.column, one.tty.column);
    }
}
