//! How a Rust program ends: exit codes are Linux's, and what ended it is said. On musl std does not know where main's stack ends;
//! muslcsys does, and main's overflow ends as another thread's does.
// run rust-end-code: args=code exit=7
// run rust-end-panic: args=panic exit=101 says="panicked at" says="the reason"
// run rust-end-panic-in-thread: args=panic-in-thread exit=0 says="thread 'worker'" says="panicked at"
// run rust-end-exit-in-thread: args=exit-in-thread exit=44
// run rust-end-abort: args=abort exit=134
// run rust-end-panic-while-panicking: args=panic-while-panicking exit=134 says="panic in a destructor during cleanup"
// run rust-end-panic-in-extern-c: args=panic-in-extern-c exit=134 says="panic in a function that cannot unwind"
// run rust-end-overflow: args=overflow exit=134 says="thread 'main'" says="has overflowed its stack" says="SIGSEGV"
// run rust-end-overflow-in-thread: args=overflow-in-thread exit=134 says="thread 'deep'" says="has overflowed its stack"
// run rust-end-null: args=null exit=139 says="SIGSEGV"
// run rust-end-out-of-memory: args=out-of-memory exit=134 says="memory allocation of"

use std::hint::black_box;
use std::process::ExitCode;
use std::thread;

struct PanicsWhenDropped;
impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("in the destructor");
    }
}

extern "C" fn does_not_unwind() {
    panic!("the reason");
}

fn overflow(depth: u64) -> u64 {
    let room = black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { overflow(depth + 1) + room[depth as usize % 64] }
}

fn main() -> ExitCode {
    let how = std::env::args().nth(1).unwrap_or_default();
    sel4_tests::check(&how, !how.is_empty());
    let code = sel4_tests::end();
    match how.as_str() {
        "code" => return ExitCode::from(7),
        "panic" => panic!("the reason"),
        "panic-in-thread" => {
            let joined = thread::Builder::new().name("worker".into()).spawn(|| panic!("the reason")).unwrap().join();
            return if joined.is_err() { code } else { ExitCode::from(99) };
        }
        "exit-in-thread" => {
            let _stays = thread::spawn(|| {
                loop {
                    thread::park();
                }
            });
            thread::spawn(|| std::process::exit(44)).join().unwrap();
        }
        "abort" => std::process::abort(),
        "panic-while-panicking" => {
            let _guard = PanicsWhenDropped;
            panic!("the first");
        }
        "panic-in-extern-c" => does_not_unwind(),
        "overflow" => {
            black_box(overflow(0));
        }
        "overflow-in-thread" => {
            thread::Builder::new().name("deep".into()).spawn(|| black_box(overflow(0))).unwrap().join().unwrap();
        }
        "null" => {
            // SAFETY: none; the fault is the test.
            unsafe { black_box(std::ptr::without_provenance_mut::<u8>(8)).write_volatile(1) };
        }
        "out-of-memory" => {
            black_box(vec![1u8; 6 << 30]);
        }
        _ => {}
    }
    println!("FAILED {how}: the program went on");
    ExitCode::from(98)
}
