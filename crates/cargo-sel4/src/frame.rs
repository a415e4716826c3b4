//! The lines of a backtrace as they come from the console: an index, an address, and nothing about what is there.
//!
//! Two writers make them. std, when `RUST_BACKTRACE=full`: `   3:           0x42b6d4 - <unknown>`, since there is no file
//! of the program on seL4 to take symbols from. muslcsys, for a thread that faulted: `   0: 0x4a03c0`.

/// Which of the two wrote a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// std, where each address is one a call returns to.
    Std,
    /// muslcsys, where the address of frame 0 is that of the instruction that faulted.
    Fault,
}

/// A frame of a backtrace without symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Number of the frame, 0 is the innermost.
    pub index: u32,
    /// Address in the program.
    pub address: u64,
    /// Who wrote the line.
    pub writer: Writer,
}

/// What std writes behind an address.
const UNKNOWN: &str = " - <unknown>";
/// No line of a backtrace is longer.
const LONGEST: usize = 64;

impl Frame {
    /// The frame that `line` (without its end) tells of, if it is one and has no symbol yet.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        if line.len() > LONGEST {
            return None;
        }
        let (index, rest) = line.split_once(": ")?;
        // std and muslcsys both write the index four wide.
        if index.len() < 4 {
            return None;
        }
        let index = index.trim_start_matches(' ').parse().ok()?;
        let (digits, writer) = match rest.strip_suffix(UNKNOWN) {
            Some(address) => (address.trim_start_matches(' '), Writer::Std),
            None => (rest, Writer::Fault),
        };
        let address = u64::from_str_radix(digits.strip_prefix("0x")?, 16).ok()?;
        Some(Self { index, address, writer })
    }

    /// The address to look up: of the call, not of what follows it, which may belong to something else.
    #[must_use]
    pub fn probe(&self) -> u64 {
        match (self.writer, self.index) {
            (Writer::Fault, 0) => self.address,
            _ => self.address.saturating_sub(1),
        }
    }
}

/// Whether `partial`, a line that has not ended, may become the line of a frame. What cannot is passed on at once.
#[must_use]
pub fn may_become_frame(partial: &[u8]) -> bool {
    let grammar = |byte: &u8| byte.is_ascii_hexdigit() || b" :x-<unknow>\r".contains(byte);
    matches!(partial.first(), Some(b' ' | b'0'..=b'9')) && partial.len() <= LONGEST && partial.iter().all(grammar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_std_writes() {
        let frame = Frame::parse("  12:           0x42b6d4 - <unknown>").unwrap();
        assert_eq!(frame, Frame { index: 12, address: 0x42_b6d4, writer: Writer::Std });
        assert_eq!(frame.probe(), 0x42_b6d3);
    }

    #[test]
    fn reads_what_muslcsys_writes() {
        let frame = Frame::parse("   0: 0x4a03c0").unwrap();
        assert_eq!(frame, Frame { index: 0, address: 0x4a_03c0, writer: Writer::Fault });
        assert_eq!(frame.probe(), 0x4a_03c0);
        assert_eq!(Frame::parse("   1: 0x4a03c4").unwrap().probe(), 0x4a_03c3);
    }

    #[test]
    fn leaves_everything_else() {
        for line in
            ["", "1: 0x10", "   1: main", "   1: 0x10 - main", "   x: 0x10", "note: 0x10", "   1: 0xfffffffffffffffff"]
        {
            assert_eq!(Frame::parse(line), None, "{line}");
        }
    }

    #[test]
    fn holds_back_only_what_may_be_a_frame() {
        for whole in ["  12:           0x42b6d4 - <unknown>\r", "   0: 0x4a03c0\r"] {
            for end in 1..=whole.len() {
                assert!(may_become_frame(&whole.as_bytes()[..end]), "{}", &whole[..end]);
            }
        }
        for prompt in ["> ", "name: ", "  name", "", "test x ... "] {
            assert!(!may_become_frame(prompt.as_bytes()), "{prompt}");
        }
    }
}
