//! The command `cargo sel4`: see its `--help`, and the library beside it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use cargo_sel4::error::{FAILED, Result};

fn main() -> ExitCode {
    match perform() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("cargo-sel4: error: {error}");
            ExitCode::from(FAILED)
        }
    }
}

fn perform() -> Result<u8> {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.len() >= 3 && arguments[1] == "runner" {
        let program = arguments.split_off(2);
        return cargo_sel4::run_program(&PathBuf::from(&program[0]), &program[1..]);
    }
    match cargo_sel4::args::parse(arguments) {
        Ok(cli) => cargo_sel4::perform(cli),
        Err(wish) => {
            // Only a closed output could keep it from being printed.
            let _ = wish.print();
            Ok(if wish.use_stderr() { FAILED } else { 0 })
        }
    }
}
