//! A backtrace on the board with names, files and lines: std finds them in the program's own file, where the image's archive has it.
// run backtrace: itself env=RUST_BACKTRACE=1 says="on purpose" says="main"
// run backtrace-without-file: args=without

use std::backtrace::Backtrace;
use std::cell::Cell;
use std::env;
use std::fs;

thread_local!(static COUNTS: Cell<(u32, u32)> = const { Cell::new((0, 0)) });

fn check(holds: bool, name: &str, why: impl std::fmt::Debug) {
    let (done, failed) = COUNTS.get();
    COUNTS.set((done + 1, failed + u32::from(!holds)));
    if holds { println!("ok {name}") } else { println!("FAILED {name}: {why:?}") }
}

#[inline(never)]
fn calls_itself_a_lighthouse() -> (String, u32) {
    // Both on one line, which is the one that the backtrace must tell.
    let (trace, line) = (Backtrace::force_capture(), line!());
    (trace.to_string(), line)
}

fn main() {
    let here = env::args().nth(1).is_none();
    let program = env::current_exe().unwrap();
    let start = fs::read(&program).map(|bytes| bytes[..4].to_vec());
    check(
        start.as_deref().is_ok_and(|bytes| bytes == b"\x7fELF") == here,
        "current_exe() is the program's file",
        (&program, start),
    );

    let (text, line) = calls_itself_a_lighthouse();
    let at = format!("src/bin/backtrace.rs:{line}:");
    check(text.contains("calls_itself_a_lighthouse") == here, "the name of a function", &text);
    check(text.contains(&at) == here, "its file and line", &text);
    check(here || text.contains("<unknown>"), "without a file there are none", &text);
    if here {
        // A panic's backtrace, on the console.
        let caught = std::panic::catch_unwind(|| {
            calls_itself_a_lighthouse();
            panic!("on purpose")
        });
        check(caught.is_err(), "a panic", ());
    }
    let (done, failed) = COUNTS.get();
    println!("{done} checks, {failed} failed");
    std::process::exit(i32::from(failed > 0));
}
