//! The command `mkimage`: see its `--help`, and the library beside it.

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use mkimage::{Image, Seed};

/// Packs loader, kernel, root task and boot parameters into one ELF file for QEMU's -kernel or a board's boot loader.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// The boot loader's ELF file.
    #[arg(long, value_name = "FILE")]
    loader: PathBuf,
    /// The kernel's ELF file, bin/kernel.elf of a SEL4_PREFIX.
    #[arg(long, value_name = "FILE")]
    kernel: PathBuf,
    /// The program's ELF file, linked with the sysroot.
    #[arg(long, value_name = "FILE")]
    root_task: PathBuf,
    /// The name that the program is told as its own, argv[0] [default: the root task's file name].
    #[arg(long, value_name = "NAME")]
    arg0: Option<OsString>,
    /// An argument of the program, argv[1] first; may be given several times.
    #[arg(long = "arg", value_name = "ARG", allow_hyphen_values = true)]
    args: Vec<OsString>,
    /// An environment variable of the program; may be given several times.
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<OsString>,
    /// A CPIO archive (newc) of files that the program finds.
    #[arg(long, value_name = "FILE", conflicts_with = "rom")]
    archive: Option<PathBuf>,
    /// A folder whose files the program finds, with modes, links and empty folders.
    #[arg(long, value_name = "DIR")]
    rom: Option<PathBuf>,
    /// The folder that the program finds its files in [default: /rom].
    #[arg(long, value_name = "FOLDER")]
    mount: Option<OsString>,
    /// Writes a file for make and ninja: what the image depends on in the folder of --rom.
    #[arg(long, value_name = "FILE")]
    deps: Option<PathBuf>,
    /// A device tree blob for the kernel.
    #[arg(long, value_name = "FILE")]
    dtb: Option<PathBuf>,
    /// On how many cores the kernel runs, its MAX_NUM_NODES [default: what the SEL4_PREFIX says that the kernel lies in, else 1].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    cores: Option<u8>,
    /// For QEMU with semihosting open to user level: the program's exit code becomes QEMU's.
    #[arg(long)]
    qemu: bool,
    /// The seed of the program's random numbers, 64 hexadecimal digits [default: from this host's generator].
    #[arg(long, value_name = "DIGITS", value_parser = seed)]
    seed_hex: Option<[u8; 32]>,
    /// The loader prints a line about what it did.
    #[arg(long)]
    verbose: bool,
    /// The image to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mut image = Image::new(options.loader, options.kernel, options.root_task);
    image.seed(options.seed_hex.map_or(Seed::Random, Seed::Fixed)).qemu(options.qemu).verbose(options.verbose);
    options.cores.map(|cores| image.cores(cores));
    options.arg0.map(|name| image.arg0(name));
    options.archive.map(|file| image.archive(file));
    options.rom.map(|folder| image.rom(folder));
    options.mount.map(|folder| image.mount(folder));
    options.deps.map(|file| image.deps(file));
    options.dtb.map(|file| image.dtb(file));
    for arg in options.args {
        image.arg(arg);
    }
    for assignment in options.env {
        image.env(assignment);
    }
    match image.write(&options.output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mkimage: error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// 64 hexadecimal digits as 32 bytes.
fn seed(digits: &str) -> Result<[u8; 32], String> {
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err("a seed is 64 hexadecimal digits".to_owned());
    }
    let mut seed = [0; 32];
    for (byte, at) in seed.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&digits[at..at + 2], 16).map_err(|error| error.to_string())?;
    }
    Ok(seed)
}
