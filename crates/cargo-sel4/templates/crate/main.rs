//! A program for seL4, and for any other system: `cargo sel4 run` boots it, `cargo sel4 test` runs its test there.

use std::env;
use std::thread;

/// A greeting for `name`.
fn greeting(name: &str) -> String {
    format!("Hello, {name}, from {}", thread::current().name().unwrap_or("a thread"))
}

fn main() {
    let name = env::args().nth(1).unwrap_or_else(|| "world".to_owned());
    let other = thread::Builder::new().name("another thread".to_owned()).spawn(move || greeting(&name));
    println!("{}", other.expect("a thread").join().expect("no panic"));
}

#[cfg(test)]
mod tests {
    #[test]
    fn greets_by_name() {
        assert!(super::greeting("seL4").starts_with("Hello, seL4, from "));
    }
}
