//! `SEL4_PREFIX`: an installed seL4, as its own install step lays it out.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The setting that names the folder.
const SETTING: &str = "SEL4_PREFIX";

/// Headers without which there is nothing to bind, below the include folder.
const REQUIRED: [&str; 4] = ["sel4/sel4.h", "interfaces/sel4_client.h", "sel4/syscall.h", "kernel/gen_config.h"];

/// An installed seL4 whose headers were found and are for AArch64.
pub struct Prefix {
    /// `$SEL4_PREFIX/libsel4/include`: every header of libsel4, generated ones included.
    pub include: PathBuf,
}

impl Prefix {
    /// The prefix that the environment names.
    ///
    /// `None` if there is none and none is `required`, which is the case of a host build.
    pub fn from_env(required: bool) -> Result<Option<Self>, String> {
        println!("cargo::rerun-if-env-changed={SETTING}");
        match env::var_os(SETTING).filter(|value| !value.is_empty()) {
            Some(folder) => Self::open(Path::new(&folder)).map(Some),
            None if required => Err(format!(
                "{SETTING} is not set: it names the folder of an installed seL4 (with libsel4/include in it)"
            )),
            None => Ok(None),
        }
    }

    /// The prefix in `folder`, if it is one.
    pub fn open(folder: &Path) -> Result<Self, String> {
        let refuse = |why: String| format!("{SETTING}={}: {why}", folder.display());
        // Relative names would be taken from this crate's folder, not from where the user stands.
        if !folder.is_absolute() {
            return Err(refuse("not an absolute path".into()));
        }
        let include = folder.join("libsel4/include");
        for header in REQUIRED {
            if !include.join(header).is_file() {
                return Err(refuse(format!("no libsel4/include/{header} there, so it is not an installed seL4")));
            }
        }
        let config = include.join("kernel/gen_config.h");
        let text = fs::read_to_string(&config).map_err(|e| refuse(format!("{}: {e}", config.display())))?;
        if !defines(&text, "CONFIG_ARCH_AARCH64") {
            return Err(refuse("that seL4 is not built for AArch64 (no CONFIG_ARCH_AARCH64)".into()));
        }
        Ok(Self { include })
    }
}

/// Whether a line of a generated configuration header defines `name`.
fn defines(header: &str, name: &str) -> bool {
    header.lines().any(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some("#define") && words.next() == Some(name)
    })
}
