//! The report: one function a subject, each says in one line what it saw.
//!
//! A subject that has one right outcome returns it as text, and the reader (a test, a person) compares. Where the outcome
//! differs from run to run (the time of day), the subject checks it and says so.

mod data;
mod errors;
mod system;
mod text;

/// What a subject saw, or why it cannot be right.
type Outcome = Result<String, Box<dyn std::error::Error>>;

/// One line of the report.
type Subject = fn() -> Outcome;

/// Every subject with its name, in the order of the report.
const SUBJECTS: &[(&str, Subject)] = &[
    ("integers", text::integers),
    ("floats", text::floats),
    ("debug", text::debug),
    ("width", text::width),
    ("string", text::string),
    ("vec", data::vec),
    ("hashmap", data::hashmap),
    ("btreemap", data::btreemap),
    ("sort", data::sort),
    ("rc", data::rc),
    ("iterators", data::iterators),
    ("error", errors::boxed),
    ("panic", errors::panic),
    ("allocation", errors::allocation),
    ("thread-local", system::thread_local),
    ("args", system::args),
    ("vars", system::vars),
    ("instant", system::instant),
    ("date", system::date),
    #[cfg(target_vendor = "sel4")]
    ("bootinfo", crate::sel4::bootinfo),
    #[cfg(target_vendor = "sel4")]
    ("frame", crate::sel4::frame),
    #[cfg(target_vendor = "sel4")]
    ("notification", crate::sel4::notification),
];

/// Runs all subjects and prints a line for each. `args` are the arguments that the root task was given. Returns how many
/// failed.
pub fn run(args: Vec<String>) -> usize {
    system::ARGS.set(args);
    println!("Rust report: {} subjects", SUBJECTS.len());
    let mut failed = 0;
    for (name, subject) in SUBJECTS {
        match subject() {
            Ok(seen) => println!("{name}: {seen}"),
            Err(reason) => {
                failed += 1;
                println!("{name}: FAILED: {reason}");
            }
        }
    }
    println!("Rust report: {} as expected, {failed} failed", SUBJECTS.len() - failed);
    failed
}
