//! The Rust toolchain: the one that the checkout's build folder was set up with, else what its tools/find-rust finds.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::error::{Error, Result};
use crate::install::Places;

/// A toolchain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// `rustup` or `debian`.
    pub origin: String,
    /// Its version, as `1.96.0`.
    pub version: String,
    /// Where its cargo and rustc are.
    pub bin: PathBuf,
}

impl Toolchain {
    /// Finds it.
    ///
    /// # Errors
    /// There is none of the version that is needed.
    pub fn find(places: &Places) -> Result<Self> {
        let remembered = fs::read_to_string(places.build.join("rust-env")).unwrap_or_default();
        if let Some(toolchain) = Self::parse(&remembered)
            && toolchain.bin.join("cargo").is_file()
        {
            return Ok(toolchain);
        }
        let found = Command::new(places.checkout.join("tools/find-rust")).stdin(Stdio::null()).output();
        let found = found.map_err(|error| Error::new(format_args!("tools/find-rust: {error}"), "see the checkout"))?;
        Self::parse(&String::from_utf8_lossy(&found.stdout)).ok_or_else(|| {
            Error::new(String::from_utf8_lossy(&found.stderr), "cargo sel4 doctor tells what is missing")
        })
    }

    /// Reads what tools/find-rust prints.
    fn parse(text: &str) -> Option<Self> {
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        Some(Self {
            origin: value("RUST_ORIGIN")?.to_owned(),
            version: value("RUST_VERSION")?.to_owned(),
            bin: value("RUST_BIN")?.into(),
        })
    }

    /// A command that runs cargo with this toolchain, whichever the user's own is.
    #[must_use]
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(self.bin.join("cargo"));
        // cargo runs rustc by its name: first in PATH is what works for rustup's and Debian's alike.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.bin.clone()).chain(std::env::split_paths(&path));
        if let Ok(path) = std::env::join_paths(folders) {
            command.env("PATH", path);
        }
        // What the cargo that called this program has set for its own.
        for name in ["RUSTUP_TOOLCHAIN", "RUSTC", "RUSTDOC", "CARGO", "RUST_RECURSION_COUNT"] {
            command.env_remove(name);
        }
        // build-std and target specifications are unstable, used here with a stable compiler of a fixed version.
        command.env("RUSTC_BOOTSTRAP", "1");
        command
    }
}

#[cfg(test)]
mod tests {
    use super::Toolchain;

    #[test]
    fn reads_find_rusts_lines() {
        let text = "RUST_ORIGIN=debian\nRUST_VERSION=1.96.0\nRUST_BIN=/usr/bin\nRUST_SRC=/x\n";
        let toolchain = Toolchain::parse(text).unwrap();
        assert_eq!(
            (&*toolchain.origin, &*toolchain.version, toolchain.bin.to_str()),
            ("debian", "1.96.0", Some("/usr/bin"))
        );
        assert_eq!(Toolchain::parse("RUST_ORIGIN=debian\n"), None);
    }
}
