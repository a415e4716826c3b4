//! `cargo sel4 new`.

use crate::args::New;
use crate::error::Result;

/// Makes it.
pub fn make(_new: &New) -> Result<()> {
    Ok(())
}
