//! A terminal's settings, as ioctl_tty(2) and termios(3) have them, and what a console starts with on Linux.

use linux_raw_sys::general as linux;

/// Control characters (NCCS of the kernel).
pub const CHARACTERS: usize = 19;

/// struct termios2 (asm-generic/termbits.h); struct termios is all but the speeds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Termios {
    /// What is done with input (IGNCR and so on).
    pub input: u32,
    /// What is done with output (OPOST and so on).
    pub output: u32,
    /// The line: speed, bits (CS8 and so on). Kept and told; the UART stays as it is.
    pub control: u32,
    /// Echo, editing, signals (ICANON and so on).
    pub local: u32,
    /// The line discipline; there is one.
    pub discipline: u8,
    /// Control characters, by VINTR and so on; 0 for none.
    pub characters: [u8; CHARACTERS],
    /// Bits a second from the terminal.
    pub input_speed: u32,
    /// Bits a second to the terminal.
    pub output_speed: u32,
}

/// Bytes of struct termios.
pub const OLD_BYTES: usize = core::mem::offset_of!(Termios, input_speed);
/// Bytes of struct termios2.
pub const BYTES: usize = size_of::<Termios>();
const _: () = assert!(OLD_BYTES == 36 && BYTES == 44);

const fn control(letter: u8) -> u8 {
    letter & 0x1f
}

impl Termios {
    /// As Linux's console has them: line editing, echo, signals.
    pub const fn console() -> Self {
        let mut characters = [0; CHARACTERS];
        characters[linux::VINTR as usize] = control(b'C');
        characters[linux::VQUIT as usize] = control(b'\\');
        characters[linux::VERASE as usize] = 0x7f;
        characters[linux::VKILL as usize] = control(b'U');
        characters[linux::VEOF as usize] = control(b'D');
        characters[linux::VMIN as usize] = 1;
        characters[linux::VSTART as usize] = control(b'Q');
        characters[linux::VSTOP as usize] = control(b'S');
        characters[linux::VSUSP as usize] = control(b'Z');
        characters[linux::VREPRINT as usize] = control(b'R');
        characters[linux::VDISCARD as usize] = control(b'O');
        characters[linux::VWERASE as usize] = control(b'W');
        characters[linux::VLNEXT as usize] = control(b'V');
        Self {
            input: linux::ICRNL | linux::IXON,
            output: linux::OPOST | linux::ONLCR,
            control: linux::B115200 | linux::CS8 | linux::CREAD | linux::HUPCL,
            local: linux::ISIG
                | linux::ICANON
                | linux::ECHO
                | linux::ECHOE
                | linux::ECHOK
                | linux::ECHOCTL
                | linux::ECHOKE
                | linux::IEXTEN,
            discipline: 0,
            characters,
            input_speed: 115_200,
            output_speed: 115_200,
        }
    }

    /// Whether lines are edited (ICANON).
    pub fn edits(&self) -> bool {
        self.local(linux::ICANON)
    }

    /// Whether one of these flags of `local` is set.
    pub fn local(&self, flags: u32) -> bool {
        self.local & flags != 0
    }

    /// Whether one of these flags of `input` is set.
    pub fn input(&self, flags: u32) -> bool {
        self.input & flags != 0
    }

    /// Whether one of these flags of `output` is set.
    pub fn output(&self, flags: u32) -> bool {
        self.output & flags != 0
    }

    /// A control character's value.
    pub fn character(&self, which: u32) -> u8 {
        self.characters[which as usize]
    }

    /// Whether a byte is this control character.
    pub fn is(&self, which: u32, byte: u8) -> bool {
        byte != 0 && self.character(which) == byte
    }
}
