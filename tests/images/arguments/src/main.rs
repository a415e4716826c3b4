//! A program with Rust's own main: arguments, environment, the exit code, and standard error, by std alone.

use std::process::ExitCode;

fn main() -> ExitCode {
    println!("{:?}", std::env::args().collect::<Vec<_>>());
    println!("{:?} {:?}", std::env::var("SEL4_STD_GIVEN"), std::env::var("EMPTY"));
    println!("{:?}", std::env::var("SEL4_STD_NOT_SET"));
    eprintln!("on standard error");
    println!("main thread: {:?}", std::thread::current().name());
    ExitCode::from(42)
}
