//! Errors as values, a panic that is caught, and memory that is not there.

use std::error::Error;
use std::fmt;

use super::Outcome;

/// An error with a cause, as a component's own would be.
#[derive(Debug)]
struct BadSetting {
    name: &'static str,
    cause: std::num::ParseIntError,
}

impl fmt::Display for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "setting {} is not a number", self.name)
    }
}

impl Error for BadSetting {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

pub fn boxed() -> Outcome {
    fn read(name: &'static str, text: &str) -> Result<u8, Box<dyn Error>> {
        Ok(text.parse().map_err(|cause| BadSetting { name, cause })?)
    }
    let good = read("depth", "64")?;
    let Err(bad) = read("depth", "300") else {
        return Err("300 was taken for a number of 8 bits".into());
    };
    let cause = bad.source().map(ToString::to_string).unwrap_or_default();
    Ok(format!("{good}, then: {bad}: {cause} ({})", bad.is::<BadSetting>()))
}

/// A panic is caught and its message read, destructors on the way run. An aborting image has no unwinding, so there it
/// would end the program.
pub fn panic() -> Outcome {
    if cfg!(panic = "abort") {
        return Ok("not raised, this image is built with panic=abort".into());
    }
    struct Guard<'a>(&'a mut bool);
    impl Drop for Guard<'_> {
        fn drop(&mut self) {
            *self.0 = true;
        }
    }
    let mut dropped = false;
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _guard = Guard(&mut dropped);
        let index = std::hint::black_box(7);
        [1, 2, 3][index]
    }));
    let Err(payload) = caught else {
        return Err("an index out of bounds did not panic".into());
    };
    let message = payload.downcast_ref::<String>().ok_or("the panic has no message")?;
    Ok(format!("caught \"{message}\", destructor ran: {dropped}"))
}

/// More memory than the board has, asked for in a way that can be refused.
pub fn allocation() -> Outcome {
    /// 64 TiB: not more than an address can name, far more than there is.
    const TOO_MUCH: usize = 1 << 46;
    let mut bytes: Vec<u8> = Vec::new();
    let Err(refused) = bytes.try_reserve_exact(TOO_MUCH) else {
        return Err("64 TiB were granted".into());
    };
    let Err(overflow) = bytes.try_reserve(usize::MAX) else {
        return Err("a capacity above isize::MAX was granted".into());
    };
    // The failure left everything usable.
    bytes.try_reserve_exact(1 << 20)?;
    bytes.resize(1 << 20, 0xa5);
    Ok(format!("{refused}; {overflow}; then {} bytes", bytes.iter().filter(|byte| **byte == 0xa5).count()))
}
