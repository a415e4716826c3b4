//! `cargo sel4 doctor`: a table of what is there and what is missing, and what brings it.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::install::{self, Places, Variant};
use crate::qemu;
use crate::toolchain::Toolchain;

/// Programs that build the checkout's parts, and the Debian packages that have them: as in the checkout's tools/setup.
const BUILD_TOOLS: [(&str, &str); 8] = [
    ("cmake", "cmake"),
    ("ninja", "ninja-build"),
    ("make", "make"),
    ("patch", "patch"),
    ("python3", "python3"),
    ("tar", "tar"),
    ("xz", "xz-utils"),
    ("gcc", "gcc"),
];

/// How it is about a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    There,
    /// Missing, and nothing needs it or cargo sel4 makes it by itself.
    Later,
    Missing,
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    what: String,
    state: State,
    /// Where or which it is; what mends it.
    note: String,
}

impl Row {
    fn new(what: &str, found: Option<String>, mend: &str) -> Self {
        let (state, note) = found.map_or_else(|| (State::Missing, mend.to_owned()), |note| (State::There, note));
        Self { what: what.to_owned(), state, note }
    }
}

/// Prints the table; gives 1 if something is missing, else 0.
#[must_use]
pub fn examine() -> u8 {
    let rows = match Places::find(None) {
        Ok(places) => rows(&places),
        Err(error) => vec![Row::new("checkout", None, &error.to_string())],
    };
    print!("{}", table(&rows));
    u8::from(rows.iter().any(|row| row.state == State::Missing))
}

fn rows(places: &Places) -> Vec<Row> {
    let gcc = format!("{}gcc", crate::cargo::cross_compile());
    let tool =
        |program: &str, package: &str| Row::new(program, version(program), &format!("apt-get install {package}"));
    let mut rows = vec![
        Row::new("checkout", Some(places.checkout.display().to_string()), ""),
        match Toolchain::find(places) {
            Ok(rust) => {
                Row::new("Rust", Some(format!("{} of {} in {}", rust.version, rust.origin, rust.bin.display())), "")
            }
            Err(error) => Row::new("Rust", None, &error.to_string()),
        },
        tool(&gcc, "gcc-aarch64-linux-gnu, or set CROSS_COMPILE"),
        Row::new(
            qemu::PROGRAM,
            qemu::find().and_then(|program| version(&program.to_string_lossy())),
            &format!("apt-get install {}, or set SEL4_QEMU", qemu::PACKAGE),
        ),
    ];
    let unbuilt = places.parts().iter().any(|(_, place, file)| place.variable.is_none() && !file.is_file());
    let mut tools: Vec<Row> = BUILD_TOOLS.iter().map(|(program, package)| tool(program, package)).collect();
    let can_build = tools.iter().all(|row| row.state == State::There);
    if !unbuilt {
        // Only needed when the checkout changes.
        tools.iter_mut().filter(|row| row.state == State::Missing).for_each(|row| row.state = State::Later);
    }
    rows.append(&mut tools);
    for (name, place, file) in places.parts() {
        let found = file.is_file().then(|| place.path.display().to_string());
        let mend = match place.variable {
            Some(variable) => {
                format!("{variable} names {}, which has none: correct it or unset it", place.path.display())
            }
            None if can_build => format!("cargo sel4 build makes it in {}", places.build.display()),
            None => "install the tools above, then cargo sel4 build makes it".to_owned(),
        };
        let mut row = Row::new(name, found, &mend);
        if row.state == State::Missing && place.variable.is_none() && can_build {
            row.state = State::Later;
        }
        rows.push(row);
    }
    if places.prefix.variable.is_none() && install::Cache::read(&places.build).get("SEL4_PREFIX").is_none() {
        rows.push(kernels());
    }
    rows
}

/// Which kernels `--kernel` finds without building one.
fn kernels() -> Row {
    let built = |variant: &Variant| Places::find(Some(*variant)).is_ok_and(|places| places.kernel().is_file());
    let names: Vec<_> = [Variant::Debug, Variant::Release]
        .iter()
        .filter(|variant| built(variant))
        .map(|variant| variant.name())
        .collect();
    let (state, note) = if names.is_empty() {
        (State::Later, "made when it is asked for".to_owned())
    } else {
        (State::There, names.join(", "))
    };
    Row { what: "--kernel".to_owned(), state, note }
}

/// The first line of what `program --version` says, or where it is, if it is there.
fn version(program: &str) -> Option<String> {
    let path = if program.contains('/') { program.into() } else { install::in_path(program)? };
    let output = Command::new(&path).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned();
        if first.is_empty() { Path::display(&path).to_string() } else { first }
    })
}

fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.what.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Row { what, state, note } in rows {
        let state = match state {
            State::There => "ok",
            State::Later => "-",
            State::Missing => "MISSING",
        };
        let _ = writeln!(text, "{what:width$}  {state:7}  {note}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_with_aligned_columns() {
        let rows = [Row::new("a", Some("here".into()), ""), Row::new("long", None, "install it")];
        assert_eq!(table(&rows), "a     ok       here\nlong  MISSING  install it\n");
    }

    #[test]
    fn a_program_that_is_not_there_has_no_version() {
        assert_eq!(version("no-such-program-anywhere"), None);
        assert!(version("sh").is_none_or(|text| !text.is_empty()));
    }
}
