//! Shows backtraces as std shows them where it has symbols.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::frame::{Frame, Writer};
use crate::symbols::{Symbol, Symbols};

/// How much of a backtrace is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Style {
    /// The program's part, without addresses: `RUST_BACKTRACE=1`.
    #[default]
    Short,
    /// All of it: `RUST_BACKTRACE=full`.
    Full,
}

/// std's marks around what is not the program's own (library/std/src/sys/backtrace.rs).
const SHORT_BEGIN: &str = "__rust_begin_short_backtrace";
const SHORT_END: &str = "__rust_end_short_backtrace";
/// What std writes below a backtrace that it cut. Here std wrote all of it, and the cut is made on the host.
const CUT: &str = "note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.";
/// `0x` and sixteen digits.
const ADDRESS_WIDTH: usize = 18;

/// Shows frames of one backtrace.
pub struct Printer<S> {
    symbols: S,
    style: Style,
    /// Paths below this folder are shown relative to it.
    folder: PathBuf,
}

impl<S: Symbols> Printer<S> {
    /// With the program's `symbols`; source paths below `folder` are shown relative to it.
    pub fn new(symbols: S, style: Style, folder: impl Into<PathBuf>) -> Self {
        Self { symbols, style, folder: folder.into() }
    }

    /// The text for `frames`, which stood on consecutive lines; each line ends with a line feed.
    #[must_use]
    pub fn text(&self, frames: &[Frame]) -> String {
        // Address 0 is where the chain ends, no function.
        let mut known: Vec<_> = frames
            .iter()
            .filter(|frame| frame.address != 0)
            .map(|frame| (*frame, self.symbols.at(frame.probe())))
            .collect();
        if is_left_over(&known) {
            known.remove(1);
        }
        let mut text = String::new();
        match self.style {
            Style::Full => {
                for (frame, symbols) in &known {
                    self.frame(&mut text, frame.index, Some(frame.address), symbols);
                }
            }
            Style::Short => self.short(&mut text, &known),
        }
        text
    }

    /// The program's part, numbered from 0, with how many frames were left out within it.
    fn short(&self, text: &mut String, known: &[(Frame, Vec<Symbol>)]) {
        let marked = |symbols: &[Symbol], mark| {
            symbols.iter().any(|symbol| symbol.function.as_deref().is_some_and(|name| name.contains(mark)))
        };
        let has_end = known.iter().any(|(_, symbols)| marked(symbols, SHORT_END));
        let (mut shown, mut index, mut omitted) = (!has_end, 0, 0);
        for (frame, symbols) in known {
            if shown && marked(symbols, SHORT_BEGIN) {
                shown = false;
            } else if marked(symbols, SHORT_END) {
                shown = true;
                continue;
            }
            if !shown {
                omitted += usize::from(index > 0);
                continue;
            }
            if omitted > 0 {
                let _ = writeln!(text, "      [... omitted {omitted} frame{} ...]", if omitted > 1 { "s" } else { "" });
                omitted = 0;
            }
            // Without symbols the address is all there is to go by.
            let address = symbols.is_empty().then_some(frame.address);
            self.frame(text, index, address, symbols);
            index += 1;
        }
        if known.last().is_some_and(|(frame, _)| frame.writer == Writer::Std) {
            let _ = writeln!(text, "{CUT}");
        }
    }

    /// One frame: a line for each function inlined into one another, below each its place in the source.
    fn frame(&self, text: &mut String, index: u32, address: Option<u64>, symbols: &[Symbol]) {
        let unknown = [Symbol::default()];
        let symbols = if symbols.is_empty() { &unknown[..] } else { symbols };
        for (nth, symbol) in symbols.iter().enumerate() {
            let _ = if nth == 0 { write!(text, "{index:4}: ") } else { write!(text, "      ") };
            match address {
                Some(address) if nth == 0 => {
                    let _ = write!(text, "{address:#ADDRESS_WIDTH$x} - ");
                }
                Some(_) => {
                    let _ = write!(text, "{:1$}", "", ADDRESS_WIDTH + 3);
                }
                None => {}
            }
            let _ = writeln!(text, "{}", symbol.function.as_deref().unwrap_or("<unknown>"));
            if let Some(file) = &symbol.file {
                let indent = if address.is_some() { ADDRESS_WIDTH } else { 0 };
                let _ = write!(text, "{:indent$}             at {}", "", self.short_path(file));
                for number in [symbol.line, symbol.column].into_iter().flatten() {
                    let _ = write!(text, ":{number}");
                }
                text.push('\n');
            }
        }
    }

    fn short_path(&self, file: &Path) -> String {
        match file.strip_prefix(&self.folder) {
            Ok(inside) if self.style == Style::Short => format!("./{}", inside.display()),
            _ => file.display().to_string(),
        }
    }
}

/// Whether frame 1 of a fault is no caller. It is what the link register holds: the caller where the function has called
/// nothing, and so has no frame record; else what the function's own last call has left in it.
fn is_left_over(known: &[(Frame, Vec<Symbol>)]) -> bool {
    let function = |symbols: &[Symbol]| symbols.last().and_then(|symbol| symbol.function.clone());
    match known {
        [(first, at_first), (second, at_second), ..]
            if first.writer == Writer::Fault && (first.index, second.index) == (0, 1) =>
        {
            function(at_first).is_some_and(|name| Some(name) == function(at_second))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Knows a function for each probe below ten.
    struct Names(&'static [&'static str]);
    impl Symbols for Names {
        fn at(&self, probe: u64) -> Vec<Symbol> {
            let Some(name) = usize::try_from(probe).ok().and_then(|at| self.0.get(at)) else { return Vec::new() };
            let symbol = |name: &str| Symbol {
                function: Some(name.to_owned()),
                file: Some("/app/src/main.rs".into()),
                line: Some(7),
                column: Some(3),
            };
            name.split('+').map(symbol).collect()
        }
    }

    fn frames(writer: Writer, addresses: &[u64]) -> Vec<Frame> {
        (0..).zip(addresses).map(|(index, &address)| Frame { index, address, writer }).collect()
    }

    const STD: &[&str] =
        &["panic", "std::__rust_end_short_backtrace", "inner+outer", "__rust_begin_short_backtrace", "start"];

    #[test]
    fn short_shows_the_programs_part() {
        let text = Printer::new(Names(STD), Style::Short, "/app").text(&frames(Writer::Std, &[1, 2, 3, 4, 5, 0]));
        let place = "             at ./src/main.rs:7:3\n";
        assert_eq!(text, format!("   0: inner\n{place}      outer\n{place}{CUT}\n"));
    }

    #[test]
    fn full_shows_all_with_addresses() {
        let text = Printer::new(Names(STD), Style::Full, "/app").text(&frames(Writer::Std, &[1, 4]));
        let place = "                               at /app/src/main.rs:7:3\n";
        assert_eq!(
            text,
            format!(
                "   0:                0x1 - panic\n{place}   1:                0x4 - __rust_begin_short_backtrace\n{place}"
            )
        );
    }

    #[test]
    fn a_fault_has_no_end_mark_and_no_note() {
        let names = Names(&["unused", "broken", "__rust_begin_short_backtrace", "start"]);
        let text = Printer::new(names, Style::Short, "/app").text(&frames(Writer::Fault, &[1, 3, 4]));
        assert_eq!(text, "   0: broken\n             at ./src/main.rs:7:3\n");
    }

    #[test]
    fn what_a_fault_finds_in_the_link_register_is_a_caller_or_left_out() {
        let names = Names(&["unused", "checked+broken", "broken", "outer"]);
        let text = Printer::new(names, Style::Short, "/app").text(&frames(Writer::Fault, &[1, 3, 4]));
        assert_eq!(text.matches("broken").count(), 1, "{text}");
        assert!(text.contains("   1: outer"), "{text}");
    }

    #[test]
    fn what_has_no_symbol_keeps_its_address() {
        let text = Printer::new(Names(&[]), Style::Short, "/app").text(&frames(Writer::Fault, &[0x1234]));
        assert_eq!(text, "   0:             0x1234 - <unknown>\n");
    }
}
