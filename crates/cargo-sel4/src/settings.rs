//! What `cargo sel4` tells the runner that cargo calls for each program: one variable with JSON in it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files::Files;
use crate::qemu;
use crate::supervise::Bounds;

/// The variable's name.
pub const VARIABLE: &str = "CARGO_SEL4_SETTINGS";

/// How programs are run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The boot loader's ELF file.
    pub loader: PathBuf,
    /// The kernel's ELF file.
    pub kernel: PathBuf,
    /// QEMU.
    pub qemu_program: PathBuf,
    /// How the board is set up.
    pub qemu: qemu::Options,
    /// How long a run may take.
    pub bounds: Bounds,
    /// `NAME=VALUE` for the program, and `NAME` for what this process has.
    pub env: Vec<String>,
    /// The program's files.
    pub files: Files,
    /// Shows the kernel's lines too.
    pub boot: bool,
    /// Descriptor of the lifeline, see [`supervise`](crate::supervise).
    pub lifeline: Option<i32>,
}

impl Settings {
    /// As the variable's value.
    ///
    /// # Errors
    /// A path or argument is not UTF-8.
    pub fn to_value(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Error::new(format_args!("settings: {error}"), "use UTF-8"))
    }

    /// From the environment; `None` where cargo was not started by `cargo sel4`.
    ///
    /// # Errors
    /// The variable's value is not what [`to_value`](Self::to_value) gives.
    pub fn from_env() -> Result<Option<Self>> {
        let Some(value) = std::env::var_os(VARIABLE) else { return Ok(None) };
        let parsed = value.to_str().map(serde_json::from_str);
        match parsed {
            Some(Ok(settings)) => Ok(Some(settings)),
            _ => Err(Error::new(format_args!("{VARIABLE} is not a value of this cargo-sel4"), "unset it")),
        }
    }
}
