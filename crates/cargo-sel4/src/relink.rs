//! Programs are linked again when the sysroot has changed. cargo does not know what its linker adds: after a new build of the
//! checkout, or with another kernel, it would run programs with the C library and the system calls of before.
//!
//! Which sysroot a target folder's programs were linked with is in the file [`STAMP`] there. When that is another one, what cargo
//! remembers of each program is removed, and it links them anew. Libraries, std among them, stay.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::cargo::TARGET;
use crate::error::{Error, Result};
use crate::install::Places;
use crate::toolchain::Toolchain;

/// The file that names the sysroot, in the target's folder.
const STAMP: &str = ".cargo-sel4-sysroot";
/// How files begin by which cargo remembers what a program was built of.
const PROGRAMS: [&str; 4] = ["dep-bin-", "dep-test-", "dep-example-", "dep-bench-"];

/// Has cargo, called with `options`, link again what was linked with another sysroot.
///
/// # Errors
/// The target folder cannot be changed. Where cargo cannot tell it, cargo itself will say why.
pub fn if_sysroot_changed(places: &Places, toolchain: &Toolchain, options: &[OsString]) -> Result<()> {
    let Some(folder) = target_folder(toolchain, options).map(|folder| folder.join(TARGET)) else { return Ok(()) };
    if !folder.is_dir() && fs::create_dir_all(&folder).is_err() {
        // cargo tells it better.
        return Ok(());
    }
    let failed = |error: io::Error| {
        Error::new(format_args!("{}: {error}", folder.display()), "check its permissions, or remove it")
    };
    update(&folder, &identity(&places.sysroot.path)).map_err(failed)
}

/// What tells this state of a sysroot from every other: its files' names, sizes and times.
fn identity(sysroot: &Path) -> String {
    let mut text = format!("{}\n", sysroot.display());
    let mut files: Vec<PathBuf> =
        fs::read_dir(sysroot.join("lib")).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    for file in files {
        if let Ok(metadata) = fs::metadata(&file) {
            let (seconds, nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
            let _ = writeln!(text, "{} {} {seconds}.{nanoseconds:09}", file.display(), metadata.len());
        }
    }
    text
}

/// Has cargo forget the programs in `folder`, unless they were linked with the sysroot `identity`.
fn update(folder: &Path, identity: &str) -> io::Result<()> {
    let stamp = folder.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|known| known == identity) {
        return Ok(());
    }
    for profile in folders(folder)? {
        for unit in folders(&profile.join(".fingerprint")).unwrap_or_default() {
            if is_program(&unit)? {
                fs::remove_dir_all(unit)?;
            }
        }
    }
    // Last, so that an interruption before has it done again.
    fs::write(stamp, identity)
}

fn folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn is_program(unit: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(unit)? {
        let name = entry?.file_name();
        if PROGRAMS.iter().any(|start| name.to_string_lossy().starts_with(start)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The folder that cargo builds in when it is called with `options`.
fn target_folder(toolchain: &Toolchain, options: &[OsString]) -> Option<PathBuf> {
    if let Some(folder) = values(options, "--target-dir").pop() {
        return Some(folder.into());
    }
    let mut cargo = toolchain.cargo();
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
    for option in ["--manifest-path", "--config"] {
        for value in values(options, option) {
            cargo.arg(option).arg(value);
        }
    }
    let output = cargo.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    let folder = metadata.get("build_directory").or_else(|| metadata.get("target_directory"))?;
    folder.as_str().map(PathBuf::from)
}

/// The values of an option of cargo, `--name value` or `--name=value`, before `--`.
fn values(options: &[OsString], name: &str) -> Vec<OsString> {
    let mut found = Vec::new();
    let mut words = options.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        if word == name {
            found.extend(words.next().cloned());
        } else if let Some(value) = word.to_str().and_then(|word| word.strip_prefix(name)?.strip_prefix('=')) {
            found.push(value.into());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_forgotten_when_the_sysroot_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let unit = |name: &str| folder.path().join("debug/.fingerprint").join(name);
        let units = [("a-1", "dep-bin-a"), ("a-2", "dep-lib-a"), ("a-3", "dep-test-lib-a"), ("test-4", "dep-lib-test")];
        let fill = || {
            for (name, file) in units {
                fs::create_dir_all(unit(name)).unwrap();
                fs::write(unit(name).join(file), b"").unwrap();
            }
        };
        let left = || units.map(|(name, _)| unit(name).exists());
        fill();
        // Linked with nobody knows what.
        update(folder.path(), "one").unwrap();
        assert_eq!(left(), [false, true, false, true]);
        fill();
        update(folder.path(), "one").unwrap();
        assert_eq!(left(), [true; 4]);
        update(folder.path(), "two").unwrap();
        assert_eq!(left(), [false, true, false, true]);
    }

    #[test]
    fn a_sysroot_is_another_when_a_file_in_it_is() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("lib")).unwrap();
        fs::write(folder.path().join("lib/libc.a"), b"1").unwrap();
        let before = identity(folder.path());
        assert_eq!(before, identity(folder.path()));
        fs::write(folder.path().join("lib/libc.a"), b"12").unwrap();
        assert_ne!(before, identity(folder.path()));
    }

    #[test]
    fn the_folder_is_the_one_that_cargo_is_told() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        let options = words("-p x --manifest-path a/Cargo.toml --config=k=v --config l=w -- --config n=m");
        assert_eq!(values(&options, "--manifest-path"), words("a/Cargo.toml"));
        assert_eq!(values(&options, "--config"), words("k=v l=w"));
        assert!(values(&options, "--target-dir").is_empty());
    }
}
