//! Functions, files and lines of a program's addresses, from its ELF file.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use addr2line::{Loader, demangle_auto};

/// What is at an address. With inlining there are several for one: the innermost first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbol {
    /// The function, demangled.
    pub function: Option<String>,
    /// The source file, as the compiler named it.
    pub file: Option<PathBuf>,
    /// Line in it, from 1.
    pub line: Option<u32>,
    /// Column in it, from 1.
    pub column: Option<u32>,
}

/// Something that knows symbols.
pub trait Symbols {
    /// All symbols at `probe`, the innermost inlined function first; none if nothing is known.
    fn at(&self, probe: u64) -> Vec<Symbol>;
}

/// The symbols of an ELF file: DWARF where the program has it, else the names in its symbol table.
pub struct ElfSymbols {
    loader: Option<Loader>,
}

impl ElfSymbols {
    /// Those of the file `elf`. A file that cannot be read knows nothing: the addresses then stay as they are.
    #[must_use]
    pub fn open(elf: &Path) -> Self {
        Self { loader: Loader::new(elf).ok() }
    }
}

impl Symbols for ElfSymbols {
    fn at(&self, probe: u64) -> Vec<Symbol> {
        let Some(loader) = &self.loader else { return Vec::new() };
        let mut found = Vec::new();
        if let Ok(mut frames) = loader.find_frames(probe) {
            while let Ok(Some(frame)) = frames.next() {
                let name = frame.function.as_ref().and_then(|function| {
                    let raw = function.raw_name().ok()?;
                    Some(demangled(raw))
                });
                let place = frame.location.as_ref();
                found.push(Symbol {
                    function: name,
                    file: place.and_then(|place| place.file).map(PathBuf::from),
                    line: place.and_then(|place| place.line).filter(|line| *line != 0),
                    column: place.and_then(|place| place.column).filter(|column| *column != 0),
                });
            }
        }
        // Line tables alone give places without names, and code without DWARF gives neither.
        if found.last().is_none_or(|symbol| symbol.function.is_none()) {
            let name = loader.find_symbol(probe).map(|raw| demangled(Cow::Borrowed(raw)));
            match found.last_mut() {
                Some(symbol) => symbol.function = name,
                None if name.is_some() => found.push(Symbol { function: name, ..Symbol::default() }),
                None => {}
            }
        }
        found
    }
}

/// Rust's names without the hash at their end, as std prints them.
fn demangled(raw: Cow<'_, str>) -> String {
    match rustc_demangle::try_demangle(&raw) {
        Ok(name) => format!("{name:#}"),
        Err(_) => demangle_auto(raw, None).into_owned(),
    }
}
