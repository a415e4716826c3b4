//! QEMU's command line: the ZCU102 with an image.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use serde::{Deserialize, Serialize};

/// The program's name, and the Debian package that has it.
pub const PROGRAM: &str = "qemu-system-aarch64";
/// The Debian package of [`PROGRAM`].
pub const PACKAGE: &str = "qemu-system-arm";

/// How the board is set up under QEMU.
#[derive(Args, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[command(next_help_heading = "Board")]
pub struct Options {
    /// Exception level that the board enters the boot loader at.
    #[arg(long, value_name = "1|2|3", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    pub el: u8,
    /// RAM of the board, in MiB; the kernel's memory map is made for 4096.
    #[arg(short, long, value_name = "MIB", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    pub memory: u32,
    /// Guest time is instructions: one is one nanosecond, and runs repeat.
    #[arg(long)]
    pub icount: bool,
    /// A further argument of qemu-system-aarch64; may be given several times.
    #[arg(long = "qemu-arg", value_name = "ARG", allow_hyphen_values = true)]
    pub args: Vec<OsString>,
}

impl Options {
    /// What is used where nothing else is asked for.
    #[must_use]
    pub fn standard() -> Self {
        Self { el: 1, memory: 4096, icount: false, args: Vec::new() }
    }

    /// The command that boots `image` on a board of `cores` cores with `program`, console on standard input and output, without QEMU's monitor.
    #[must_use]
    pub fn command(&self, program: &Path, image: &Path, cores: u64) -> Command {
        let machine = match self.el {
            3 => "xlnx-zcu102,secure=on",
            2 => "xlnx-zcu102,virtualization=on",
            _ => "xlnx-zcu102",
        };
        let mut command = Command::new(program);
        // The DisplayPort's sound has no device here, and QEMU would look for one.
        command.env("QEMU_AUDIO_DRV", "none");
        let version = Command::new(program).arg("--version").output();
        if version.is_ok_and(|output| has_audio_option(&String::from_utf8_lossy(&output.stdout))) {
            command.args(["-audio", "none"]);
        }
        command.args(["-machine", machine, "-m", &format!("{}M", self.memory)]);
        command.args(["-display", "none", "-monitor", "none", "-serial", "stdio"]);
        // userspace=on: the root task itself ends QEMU, with its exit code.
        command.args(["-semihosting-config", "enable=on,target=native,userspace=on"]);
        if cores > 1 {
            command.args(["-smp", &cores.to_string()]);
        }
        let host = std::thread::available_parallelism().map_or(1, |host| host.get() as u64);
        command.args(self.order(cores, host));
        command.arg("-kernel").arg(image).args(&self.args);
        command
    }

    /// How QEMU runs `cores` cores on a host of `host`.
    ///
    /// Each is a thread of QEMU, and the kernel's cores spin for one lock: on a host with fewer, where whoever holds it may wait for the
    /// host's scheduler, they run in turn. A turn lasts until the next timer is due, of the board or of QEMU's own devices, and a core that
    /// waits for another spins as long. So there is a filter of a network that nothing is connected to, with a timer of 5 µs
    /// (docs/kernels.md).
    fn order(&self, cores: u64, host: u64) -> Vec<&'static str> {
        let in_turn = cores > 1 && (self.icount || host < cores);
        let mut options = if self.icount || in_turn { vec!["-icount", "shift=0,sleep=off"] } else { vec![] };
        if in_turn {
            options.extend([
                "-netdev",
                "hubport,id=turns,hubid=0",
                "-object",
                "filter-buffer,id=turn,netdev=turns,interval=5",
            ]);
        }
        options
    }
}

/// Whether an option tells QEMU that there is no sound, from what its `--version` says: from 8.2 on it no longer looks at the environment for
/// that (QEMU's manual, "Removed features").
fn has_audio_option(version: &str) -> bool {
    let mut numbers = version.split("version ").nth(1).unwrap_or_default().split(['.', ' ']).map(str::parse::<u32>);
    matches!((numbers.next(), numbers.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= (8, 2))
}

/// Whether a line of QEMU's standard error is about the sound devices it has no modules for, or a network that nothing is connected to.
#[must_use]
pub fn is_noise(line: &str) -> bool {
    line.starts_with("qemu: module ") || line.ends_with(" has no peer")
}

/// Whether a line of QEMU's standard error tells why QEMU itself could not go on.
#[must_use]
pub fn is_failure(line: &str) -> bool {
    line.starts_with(PROGRAM) && !line.contains("warning:") && !line.contains("terminating on signal")
}

/// QEMU, as `SEL4_QEMU` or PATH have it.
#[must_use]
pub fn find() -> Option<PathBuf> {
    match std::env::var_os("SEL4_QEMU") {
        Some(named) if !named.is_empty() => Some(PathBuf::from(named)).filter(|file| file.is_file()),
        _ => crate::install::in_path(PROGRAM),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(options: &Options) -> Vec<String> {
        let command = options.command("qemu".as_ref(), "boot.elf".as_ref(), 4);
        command.get_args().map(|arg| arg.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_exception_level_chooses_the_machine() {
        for (el, machine) in [(1, "xlnx-zcu102"), (2, "xlnx-zcu102,virtualization=on"), (3, "xlnx-zcu102,secure=on")] {
            let options = Options { el, ..Options::standard() };
            assert_eq!(words(&options)[..4], ["-machine", machine, "-m", "4096M"]);
        }
    }

    #[test]
    fn icount_and_further_arguments() {
        let options = Options { el: 1, memory: 1, icount: true, args: vec!["-d".into(), "int".into()] };
        let words = words(&options);
        assert!(words.windows(2).any(|pair| pair == ["-icount", "shift=0,sleep=off"]));
        assert!(words.windows(2).any(|pair| pair == ["-smp", "4"]));
        assert!(words.ends_with(&["boot.elf".into(), "-d".into(), "int".into()]));
    }

    #[test]
    fn knows_how_versions_are_told_of_sound() {
        for old in [
            "",
            "no QEMU",
            "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)",
            "QEMU emulator version 8.1.5",
        ] {
            assert!(!has_audio_option(old), "{old}");
        }
        for new in
            ["QEMU emulator version 8.2.0", "QEMU emulator version 10.0.13 (Debian 1:10.0.13+ds-0+deb13u1)\nCopyright"]
        {
            assert!(has_audio_option(new), "{new}");
        }
    }

    #[test]
    fn cores_run_in_turn_where_the_host_has_fewer() {
        let order = |icount, cores, host| Options { icount, ..Options::standard() }.order(cores, host).join(" ");
        assert_eq!(order(false, 1, 1), "");
        assert_eq!(order(false, 4, 4), "");
        assert_eq!(order(true, 1, 4), "-icount shift=0,sleep=off");
        for (icount, host) in [(false, 2), (true, 2), (true, 8)] {
            let words = order(icount, 4, host);
            assert!(words.starts_with("-icount ") && words.ends_with("interval=5"), "{words}");
        }
    }

    #[test]
    fn knows_its_own_failures() {
        assert!(is_failure("qemu-system-aarch64: could not load kernel 'x'"));
        assert!(!is_failure("qemu-system-aarch64: warning: nic cadence_gem.0 has no peer"));
        assert!(is_noise("qemu: module audio-audio-pa not found, do you want to install qemu-system-gui package?"));
        assert!(is_noise("qemu-system-aarch64: warning: nic cadence_gem.0 has no peer"));
        assert!(!is_noise("qemu-system-aarch64: could not load kernel 'x'"));
    }
}
