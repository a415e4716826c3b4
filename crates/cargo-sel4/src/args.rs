//! The command line. `build`, `run` and `test` take cargo's options too, in any order with those of `cargo sel4`: what is
//! not one of the latter goes to cargo as it is.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::files::Files;
use crate::install::Variant;
use crate::qemu;
use crate::supervise::Bounds;

/// Builds, runs and tests crates on seL4.
///
/// Exit codes: the program's own (101 after a panic, 134 after abort, 139 after a fault), 101 when cargo could not build
/// it, 124 when it was ended for taking too long, 125 when cargo sel4 itself failed, 126 when QEMU did, 130 when interrupted.
#[derive(Parser, Debug)]
#[command(name = "cargo-sel4", bin_name = "cargo sel4", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Action {
    /// Builds a crate for seL4, as cargo build does
    #[command(override_usage = "cargo sel4 build [CARGO'S OPTIONS]", mut_arg("cargo", |arg| arg.hide(true)))]
    Build(Build),
    /// Runs a crate's program on seL4, as cargo run does
    #[command(override_usage = "cargo sel4 run [OPTIONS] [CARGO'S OPTIONS] [-- ARGUMENTS OF THE PROGRAM]")]
    Run(Run),
    /// Runs a crate's tests on seL4, doctests too, as cargo test does
    #[command(override_usage = "cargo sel4 test [OPTIONS] [CARGO'S OPTIONS] [FILTER] [-- OPTIONS OF THE TESTS]")]
    Test(Run),
    /// Makes a file that a board boots: loader, kernel, and a crate's program
    #[command(override_usage = "cargo sel4 image [OPTIONS] [CARGO'S OPTIONS] [-- ARGUMENTS OF THE PROGRAM]")]
    Image(Image),
    /// Makes a new crate, or a C project with a Rust part, that boots
    New(New),
    /// Tells what is installed and what is missing; exit code 1 if something is
    Doctor,
}

/// Options of `build`.
#[derive(Args, Debug, Default)]
pub struct Build {
    /// For cargo.
    #[arg(last = true, hide = true)]
    pub cargo: Vec<OsString>,
}

/// Options of `run` and `test`.
#[derive(Args, Debug)]
pub struct Run {
    /// A variable for the program; NAME alone: with the value it has here. May be given several times.
    ///
    /// RUST_* and what cargo sets for programs, CARGO_MANIFEST_* and CARGO_PKG_*, are passed without being asked for.
    #[arg(long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// Which kernel [default: the one that the build folder is configured for]
    #[arg(long, value_name = "VARIANT")]
    pub kernel: Option<Variant>,
    /// Shows what the kernel prints before the program starts too.
    #[arg(long)]
    pub boot_lines: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub files: Files,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub bounds: Bounds,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub qemu: qemu::Options,
    /// For cargo.
    #[arg(last = true, hide = true)]
    pub cargo: Vec<OsString>,
}

/// Options of `image`.
#[derive(Args, Debug)]
pub struct Image {
    /// The image to write [default: the program's file with .boot.elf added]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// A variable for the program; may be given several times.
    #[arg(long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub files: Files,
    /// A device tree blob for the kernel.
    #[arg(long, value_name = "FILE")]
    pub dtb: Option<PathBuf>,
    /// For QEMU with semihosting instead of a board: the program's exit code becomes QEMU's.
    #[arg(long = "for-qemu")]
    pub qemu: bool,
    /// Which kernel [default: the one that the build folder is configured for]
    #[arg(long, value_name = "VARIANT")]
    pub kernel: Option<Variant>,
    /// For cargo.
    #[arg(last = true, hide = true)]
    pub cargo: Vec<OsString>,
}

/// Options of `new`.
#[derive(Args, Debug)]
pub struct New {
    /// The folder to make; its last part is the crate's name.
    #[arg(value_name = "NAME")]
    pub folder: PathBuf,
    /// A root task in C with a Rust library in it, built by CMake.
    #[arg(long)]
    pub c: bool,
}

/// Reads the command line `args`, the program's name first.
///
/// # Errors
/// What clap makes of a wrong command line, or of a wish for help.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    // cargo calls its subcommand with the subcommand's name.
    if args.get(1).is_some_and(|arg| arg == "sel4") {
        args.remove(1);
    }
    Cli::try_parse_from(for_clap(&args))
}

/// Puts what is cargo's behind `--`, where clap leaves it alone.
fn for_clap(args: &[OsString]) -> Vec<OsString> {
    let cli = Cli::command();
    let action = args.get(1).and_then(|name| name.to_str()).and_then(|name| cli.find_subcommand(name));
    let Some(action) = action.filter(|action| action.get_arguments().any(|arg| arg.get_id() == "cargo")) else {
        return args.to_vec();
    };
    let (mut ours, mut cargos) = (args[..2].to_vec(), Vec::new());
    let mut rest = args[2..].iter();
    while let Some(arg) = rest.next() {
        if arg == "--" {
            cargos.push(arg.clone());
            cargos.extend(rest.by_ref().cloned());
            break;
        }
        match option(action, &arg.to_string_lossy()) {
            None => cargos.push(arg.clone()),
            Some(takes_next) => {
                ours.push(arg.clone());
                if takes_next {
                    ours.extend(rest.next().cloned());
                }
            }
        }
    }
    if !cargos.is_empty() {
        ours.push("--".into());
        ours.extend(cargos);
    }
    ours
}

/// Whether `arg` is an option of `action`, and if so whether its value is the next argument.
fn option(action: &clap::Command, arg: &str) -> Option<bool> {
    if arg == "--help" || arg == "-h" {
        return Some(false);
    }
    let (name, has_value) = match arg.split_once('=') {
        Some((name, _)) => (name, true),
        None => (arg, false),
    };
    action.get_arguments().find_map(|known| {
        let long = known.get_long().is_some_and(|long| name.strip_prefix("--") == Some(long));
        // A value may follow a letter without a blank, as in -m512.
        let short = known.get_short().and_then(|letter| arg.strip_prefix('-')?.strip_prefix(letter));
        let takes = known.get_action().takes_values();
        match short {
            _ if long => Some(takes && !has_value),
            Some("") => Some(takes),
            Some(value) if takes && value.starts_with(|first: char| first.is_ascii_digit() || first == '=') => {
                Some(false)
            }
            _ => None,
        }
    })
}

/// Divides what is cargo's at `--`: cargo's own options, and the arguments of the program.
#[must_use]
pub fn divide(cargo: &[OsString]) -> (&[OsString], &[OsString]) {
    match cargo.iter().position(|arg| arg == "--") {
        Some(at) => (&cargo[..at], &cargo[at + 1..]),
        None => (cargo, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Cli, clap::Error> {
        parse(line.split(' ').map(OsString::from))
    }

    fn test(line: &str) -> Run {
        match parsed(line).unwrap().action {
            Action::Test(run) | Action::Run(run) => run,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn cargos_options_may_stand_anywhere() {
        let run =
            test("cargo-sel4 sel4 test --release --timeout 7 -p x --env A=1 name --env=B=2 -- --nocapture --timeout 9");
        assert_eq!(run.bounds, Bounds { timeout: 7, ..Bounds::default() });
        assert_eq!(run.env, ["A=1", "B=2"]);
        assert_eq!(run.cargo, ["--release", "-p", "x", "name", "--", "--nocapture", "--timeout", "9"]);
    }

    #[test]
    fn without_options_all_is_default() {
        let run = test("cargo-sel4 run");
        assert_eq!((run.bounds, run.qemu.el, run.qemu.memory, run.kernel), (Bounds::default(), 1, 4096, None));
        assert!(run.cargo.is_empty());
    }

    #[test]
    fn the_boards_options() {
        let run = test("cargo-sel4 run --kernel release --el 2 -m512 --icount --qemu-arg -d --qemu-arg=int --bin x");
        assert_eq!(run.kernel, Some(Variant::Release));
        assert_eq!((run.qemu.el, run.qemu.memory, run.qemu.icount), (2, 512, true));
        assert_eq!(run.qemu.args, ["-d", "int"]);
        assert_eq!(run.cargo, ["--bin", "x"]);
    }

    #[test]
    fn files_come_from_a_folder_or_an_archive() {
        let run = test("cargo-sel4 test --rom assets --mount=/assets --release");
        let files = Files { rom: Some("assets".into()), mount: Some("/assets".into()), ..Files::default() };
        assert_eq!((&run.files, &*run.cargo), (&files, &["--release".into()][..]));
        let absolute = run.files.absolute().rom.unwrap();
        assert!(absolute.is_absolute() && absolute.ends_with("assets"));
        assert!(parsed("cargo-sel4 image --rom a --archive b").is_err());
    }

    #[test]
    fn letters_of_cargo_stay_cargos() {
        let run = test("cargo-sel4 run -v -j2 --manifest-path x/Cargo.toml -Fa");
        assert_eq!(run.cargo, ["-v", "-j2", "--manifest-path", "x/Cargo.toml", "-Fa"]);
    }

    #[test]
    fn wrong_values_are_refused() {
        for line in
            ["run --el 4", "run --kernel fast", "run --timeout soon", "run -m 0", "run --timeout", "frobnicate", "new"]
        {
            let error = parsed(&format!("cargo-sel4 {line}")).unwrap_err();
            assert!(error.use_stderr(), "{line}");
        }
    }

    #[test]
    fn the_programs_arguments_are_behind_two_hyphens() {
        let words: Vec<OsString> = ["--release", "--", "a", "--", "b"].map(Into::into).into();
        let (cargo, program) = divide(&words);
        assert_eq!((cargo, program), (&words[..1], &words[2..]));
    }
}
