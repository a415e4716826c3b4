//! The environment of the program on seL4: what of this machine's it is given.

use std::collections::BTreeMap;

use crate::backtrace::Style;

/// Variables that are passed by their beginning: Rust's own, and those cargo sets for programs it runs.
const PASSED: [&str; 3] = ["RUST_", "CARGO_MANIFEST_", "CARGO_PKG_"];
/// A longer variable is not passed unasked, in bytes: the image holds the environment.
const LONGEST: usize = 4096;
/// std makes a backtrace without symbols short by leaving all of it out, so it is asked for all.
const BACKTRACE: [&str; 2] = ["RUST_BACKTRACE", "RUST_LIB_BACKTRACE"];

/// A program's environment, and how its backtraces are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// `NAME=VALUE`, sorted by name.
    pub strings: Vec<String>,
    /// As `RUST_BACKTRACE` says.
    pub style: Style,
}

impl Environment {
    /// Takes what is passed of `host`, and what was `asked` for: `NAME=VALUE`, or `NAME` for the host's value.
    #[must_use]
    pub fn new(host: impl Iterator<Item = (String, String)>, asked: &[String]) -> Self {
        let host: BTreeMap<String, String> = host.collect();
        let mut env: BTreeMap<String, String> = host
            .iter()
            .filter(|(name, value)| PASSED.iter().any(|part| name.starts_with(part)) && value.len() <= LONGEST)
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for string in asked {
            match string.split_once('=') {
                Some((name, value)) => env.insert(name.to_owned(), value.to_owned()),
                None => match host.get(string) {
                    Some(value) => env.insert(string.clone(), value.clone()),
                    None => env.remove(string),
                },
            };
        }
        let full = env.get(BACKTRACE[0]).is_some_and(|value| value == "full");
        for name in BACKTRACE {
            if let Some(value) = env.get_mut(name)
                && value != "0"
            {
                "full".clone_into(value);
            }
        }
        Self {
            strings: env.into_iter().map(|(name, value)| format!("{name}={value}")).collect(),
            style: if full { Style::Full } else { Style::Short },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(host: &[(&str, &str)], asked: &[&str]) -> Environment {
        let host = host.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let asked: Vec<_> = asked.iter().map(|string| (*string).to_owned()).collect();
        Environment::new(host, &asked)
    }

    #[test]
    fn passes_rusts_and_cargos_and_nothing_else() {
        let host =
            [("HOME", "/h"), ("RUST_LOG", "debug"), ("CARGO_PKG_NAME", "x"), ("CARGO_HOME", "/c"), ("RUSTC", "r")];
        assert_eq!(made(&host, &[]).strings, ["CARGO_PKG_NAME=x", "RUST_LOG=debug"]);
    }

    #[test]
    fn what_was_asked_for_wins() {
        let host = [("HOME", "/h"), ("RUST_LOG", "debug")];
        assert_eq!(
            made(&host, &["RUST_LOG=info", "HOME", "A=b=c", "NOT_THERE"]).strings,
            ["A=b=c", "HOME=/h", "RUST_LOG=info"]
        );
    }

    #[test]
    fn std_is_asked_for_whole_backtraces() {
        let short = made(&[("RUST_BACKTRACE", "1")], &[]);
        assert_eq!((short.strings, short.style), (vec!["RUST_BACKTRACE=full".to_owned()], Style::Short));
        assert_eq!(made(&[], &["RUST_BACKTRACE=full"]).style, Style::Full);
        assert_eq!(made(&[("RUST_BACKTRACE", "0")], &[]).strings, ["RUST_BACKTRACE=0"]);
    }

    #[test]
    fn what_is_long_is_passed_only_when_asked_for() {
        let long = "x".repeat(LONGEST + 1);
        assert_eq!(made(&[("CARGO_PKG_DESCRIPTION", &long)], &[]).strings, [""; 0]);
        assert_eq!(made(&[("CARGO_PKG_DESCRIPTION", &long)], &["CARGO_PKG_DESCRIPTION"]).strings.len(), 1);
    }
}
