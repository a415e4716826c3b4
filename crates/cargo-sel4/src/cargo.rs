//! cargo, told how to build for seL4. The user's crate, and its configuration, stay as they are.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Error, Result, SIGNALLED};
use crate::install::Places;
use crate::settings::{self, Settings};
use crate::toolchain::Toolchain;

/// The name of Rust's target.
pub const TARGET: &str = "aarch64-sel4-musl";
/// Packages of std that are optimised in every profile, without their own assertions, as in rustup's std: a thread of 2 KiB
/// of stack, the least that std gives it on musl, would not reach its first line otherwise. What of them is generic is compiled
/// with the crate that uses it, as on other targets.
const OPTIMISED: [&str; 3] = ["core", "alloc", "std"];
/// Has rustix call the C library. Else it has system call instructions of its own wherever the system is Linux, and these fault
/// on seL4. (Its manifest chooses dependencies by this, so it must be known to cargo and not to rustix alone.)
const RUSTFLAGS: &str = "--cfg=rustix_use_libc";
/// Options of cargo that would build for something else.
const FOREIGN: [&str; 2] = ["--target", "-Zbuild-std"];

/// cargo's `action` with the options for seL4 and then `options`, which are the user's.
///
/// # Errors
/// One of `options` is about the target.
pub fn command(places: &Places, toolchain: &Toolchain, action: &str, options: &[OsString]) -> Result<Command> {
    for option in options {
        let text = option.to_string_lossy();
        if let Some(foreign) = FOREIGN
            .into_iter()
            .find(|foreign| text.strip_prefix(foreign).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
        {
            return Err(Error::new(
                format_args!("{foreign} is not for cargo sel4, which builds for {TARGET}"),
                "leave it out",
            ));
        }
    }
    let mut cargo = toolchain.cargo();
    let own = own_program()?;
    cargo.arg(action).arg("--target").arg(places.target()).arg("-Zjson-target-spec");
    // Both ways to panic, whichever a profile of the crate chooses.
    let test = if action == "test" { ",test" } else { "" };
    cargo.arg(format!("-Zbuild-std=std,panic_unwind,panic_abort{test}"));
    // On the command line, where no configuration file of the user's overrides it.
    cargo.arg("--config").arg(config("linker", places.linker().as_os_str())?);
    cargo.arg("--config").arg(format!("target.{TARGET}.runner=[{}, \"runner\"]", quoted(own.as_os_str())?));
    cargo.arg("--config").arg(format!("target.{TARGET}.rustflags=[{RUSTFLAGS:?}]"));
    // These of the user's count instead of the configuration's.
    for (name, separator) in [("CARGO_ENCODED_RUSTFLAGS", "\x1f"), ("RUSTFLAGS", " ")] {
        if let Ok(flags) = std::env::var(name)
            && !flags.is_empty()
        {
            cargo.env(name, format!("{flags}{separator}{RUSTFLAGS}"));
        }
    }
    for package in OPTIMISED {
        for setting in ["opt-level=2", "debug-assertions=false", "overflow-checks=false"] {
            cargo.arg("--config").arg(format!("profile.dev.package.{package}.{setting}"));
        }
    }
    cargo.args(options);
    // For build scripts that compile C, as the crate cc looks for it.
    let target = TARGET.replace('-', "_");
    cargo.env(format!("CC_{target}"), places.linker());
    cargo.env(format!("AR_{target}"), format!("{}ar", cross_compile()));
    cargo.env("SEL4_PREFIX", &places.prefix.path);
    Ok(cargo)
}

/// This program's file; where another has taken its place since it was started, that one.
fn own_program() -> Result<PathBuf> {
    let file = std::env::current_exe()
        .map_err(|error| Error::new(format_args!("this program's path: {error}"), "run it again"))?;
    // So Linux names it once the file is gone (proc_pid_exe(5)).
    match file.to_str().and_then(|name| name.strip_suffix(" (deleted)")) {
        Some(name) if !file.exists() => Ok(name.into()),
        _ => Ok(file),
    }
}

/// The prefix of the cross compiler's programs.
#[must_use]
pub fn cross_compile() -> String {
    std::env::var("CROSS_COMPILE").unwrap_or_else(|_| "aarch64-linux-gnu-".to_owned())
}

fn config(key: &str, value: &OsStr) -> Result<String> {
    Ok(format!("target.{TARGET}.{key}={}", quoted(value)?))
}

/// A path as a string of TOML.
fn quoted(path: &OsStr) -> Result<String> {
    let path = path.to_str().ok_or_else(|| Error::new(format_args!("{} is not UTF-8", path.display()), "move it"))?;
    // A string of JSON is one of TOML.
    Ok(serde_json::Value::from(path).to_string())
}

/// Standard output that leads to standard error: what is printed beside the program's output.
#[must_use]
pub fn stderr() -> Stdio {
    rustix::io::dup(rustix::stdio::stderr()).map_or_else(|_| Stdio::null(), Stdio::from)
}

/// Runs `cargo`, with programs it starts run as `settings` say, and gives its exit code. When this process is interrupted,
/// so are they.
///
/// # Errors
/// cargo cannot be started.
pub fn run(mut cargo: Command, settings: Option<Settings>) -> Result<u8> {
    let lifeline = Lifeline::new()?;
    if let Some(mut settings) = settings {
        settings.lifeline = Some(lifeline.inherited.as_raw_fd());
        cargo.env(settings::VARIABLE, settings.to_value()?);
    }
    let mut child = cargo.spawn().map_err(|error| {
        Error::new(
            format_args!("{} cannot be started: {error}", cargo.get_program().display()),
            "cargo sel4 doctor tells what is missing",
        )
    })?;
    CHILD.store(child.id(), Ordering::SeqCst);
    let status = child.wait();
    CHILD.store(0, Ordering::SeqCst);
    let status = status.map_err(|error| Error::new(format_args!("cargo: {error}"), "run it again"))?;
    Ok(if INTERRUPTED.load(Ordering::SeqCst) != 0 { SIGNALLED + SIGINT } else { code(status) })
}

/// A status as a shell gives it.
fn code(status: ExitStatus) -> u8 {
    let signal = || SIGNALLED.wrapping_add(status.signal().unwrap_or_default() as u8);
    status.code().map_or_else(signal, |code| code as u8)
}

const SIGINT: u8 = 2;
/// cargo, while it runs.
static CHILD: AtomicU32 = AtomicU32::new(0);
static INTERRUPTED: AtomicU32 = AtomicU32::new(0);
/// The end that keeps runs going, see [`Lifeline`].
static KEEPS: Mutex<Option<OwnedFd>> = Mutex::new(None);

/// A pipe that nothing is written to. Programs that cargo starts inherit its reading end, directly or through rustdoc; they
/// end when its writing end closes, which only this process has. So nothing runs on when this process ends in any way.
struct Lifeline {
    inherited: OwnedFd,
}

impl Lifeline {
    fn new() -> Result<Self> {
        let failed = |error: rustix::io::Errno| Error::new(format_args!("pipe: {error}"), "run it again");
        let (reads, writes) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(failed)?;
        // A copy without CLOEXEC, clear of the standard descriptors.
        let inherited = rustix::io::fcntl_dupfd_cloexec(&reads, 10).map_err(failed)?;
        rustix::io::fcntl_setfd(&inherited, rustix::io::FdFlags::empty()).map_err(failed)?;
        *lock() = Some(writes);
        ctrlc::set_handler(interrupt).map_err(|error| Error::new(format_args!("signals: {error}"), "run it again"))?;
        Ok(Self { inherited })
    }
}

fn lock() -> std::sync::MutexGuard<'static, Option<OwnedFd>> {
    KEEPS.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Ends the programs, and cargo. This process then ends as `run` returns.
fn interrupt() {
    INTERRUPTED.store(1, Ordering::SeqCst);
    drop(lock().take());
    if let Some(child) = i32::try_from(CHILD.load(Ordering::SeqCst)).ok().and_then(rustix::process::Pid::from_raw) {
        // It may just have ended by itself.
        let _ = rustix::process::kill_process(child, rustix::process::Signal::INT);
    }
}

/// The program that `cargo` builds: runs cargo with its messages read, and gives the one executable it made.
///
/// # Errors
/// cargo failed (its exit code, as `Err(code)` inside), or there is not exactly one executable.
pub fn executable(mut cargo: Command) -> Result<std::result::Result<PathBuf, u8>> {
    let failed =
        |error: std::io::Error| Error::new(format_args!("cargo: {error}"), "cargo sel4 doctor tells what is missing");
    cargo.arg("--message-format=json-render-diagnostics").stdin(Stdio::null()).stdout(Stdio::piped());
    let output = cargo.spawn().and_then(std::process::Child::wait_with_output).map_err(failed)?;
    if !output.status.success() {
        return Ok(Err(code(output.status)));
    }
    let mut found: Vec<PathBuf> = cargo_metadata::Message::parse_stream(output.stdout.as_slice())
        .filter_map(|message| match message {
            Ok(cargo_metadata::Message::CompilerArtifact(artifact)) => artifact.executable.map(Into::into),
            _ => None,
        })
        .collect();
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(Ok(one)),
        (None, _) => Err(Error::new("the crate has no program", "name a package that has one with -p")),
        (Some(_), false) => Err(Error::new("the crate has several programs", "choose one with --bin or --example")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::install::Place;

    fn line(action: &str, options: &[&str]) -> Result<Vec<String>> {
        let place = |path: &str| Place { path: path.into(), variable: None };
        let places = Places {
            checkout: "/c".into(),
            build: "/c/build".into(),
            sysroot: place("/with blank/sysroot"),
            loader: place("/c/loader"),
            prefix: place("/c/prefix"),
        };
        let toolchain = Toolchain { origin: "rustup".into(), version: "1.96.0".into(), bin: "/t/bin".into() };
        let options: Vec<OsString> = options.iter().map(OsString::from).collect();
        let cargo = command(&places, &toolchain, action, &options)?;
        assert_eq!(cargo.get_program(), "/t/bin/cargo");
        Ok(cargo.get_args().map(|arg| arg.to_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn cargo_is_told_target_std_linker_and_runner() {
        let line = line("test", &["--release", "--", "name"]).unwrap();
        assert_eq!(
            line[..4],
            ["test", "--target", "/with blank/sysroot/targets/aarch64-sel4-musl.json", "-Zjson-target-spec"]
        );
        assert!(line[4].ends_with(",test"));
        assert_eq!(line[6], "target.aarch64-sel4-musl.linker=\"/with blank/sysroot/bin/aarch64-sel4-musl-gcc\"");
        assert!(line[8].starts_with("target.aarch64-sel4-musl.runner=[\"") && line[8].ends_with(", \"runner\"]"));
        assert!(line.contains(&"target.aarch64-sel4-musl.rustflags=[\"--cfg=rustix_use_libc\"]".to_owned()));
        assert!(line.contains(&"profile.dev.package.std.opt-level=2".to_owned()));
        assert_eq!(line[line.len() - 3..], ["--release", "--", "name"]);
    }

    #[test]
    fn another_target_is_refused() {
        for options in [["--target", "x"], ["--target=x", "-v"]] {
            assert!(line("build", &options).unwrap_err().to_string().contains("--target is not for cargo sel4"));
        }
        assert!(line("build", &["--target-dir=x"]).is_ok());
    }
}
