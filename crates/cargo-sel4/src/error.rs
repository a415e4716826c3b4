//! What went wrong outside the program: one line, and in parentheses what mends it.

use std::fmt;

/// The exit code when `cargo sel4` itself cannot do what was asked, as `timeout` and `env` use it.
pub const FAILED: u8 = 125;
/// The exit code when QEMU ended without the program having ended.
pub const QEMU_FAILED: u8 = 126;
/// The exit code when a run was ended for taking too long, as `timeout` uses it.
pub const TIMED_OUT: u8 = 124;
/// Added to a signal's number: the exit code after that signal, as shells have it.
pub const SIGNALLED: u8 = 128;

/// Something is missing or does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    what: String,
    mend: String,
}

/// Or else an [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// `what` is wrong, and `mend` is what the user can do about it.
    pub fn new(what: impl fmt::Display, mend: impl fmt::Display) -> Self {
        Self { what: one_line(&what.to_string()), mend: one_line(&mend.to_string()) }
    }
}

fn one_line(text: &str) -> String {
    text.trim().replace('\n', ", ")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.what, self.mend)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn is_one_line_with_the_remedy() {
        let error = Error::new("no sysroot\nhere", "build it");
        assert_eq!(error.to_string(), "no sysroot, here (build it)");
    }
}
