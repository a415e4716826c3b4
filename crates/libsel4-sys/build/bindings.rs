//! Lets bindgen read libsel4: Rust declarations, and C wrappers of what the headers define as static inline.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bindgen::callbacks::{IntKind, MacroParsingBehavior, ParseCallbacks};
use bindgen::{Builder, EnumVariation, RustEdition};

use crate::cfgs::Names;
use crate::comments;
use crate::prefix::Prefix;

/// What one run of bindgen left in `OUT_DIR`.
pub struct Generated {
    /// The declarations, as Rust source.
    pub rust: PathBuf,
    /// The wrappers, as C source that includes the same headers.
    pub c: PathBuf,
    /// Every name that the declarations define.
    pub names: Names,
}

/// Headers that `sel4/sel4.h` does not include itself, with the condition under which their content is of use.
///
/// A libsel4 may lack any of them. Outside their configuration the benchmark headers of 5.0.0 do not compile.
const FURTHER_HEADERS: [(&str, &str); 4] = [
    ("1", "sel4/arch/mapping.h"),
    ("defined(CONFIG_BENCHMARK_TRACK_KERNEL_ENTRIES)", "sel4/benchmark_track_types.h"),
    ("defined(CONFIG_BENCHMARK_TRACEPOINTS)", "sel4/benchmark_tracepoints_types.h"),
    ("defined(CONFIG_BENCHMARK_TRACK_UTILISATION)", "sel4/benchmark_utilisation_types.h"),
];

/// Definitions for both compilers, libclang and the C compiler, so that they see the same text.
///
/// - How libsel4's functions are linked is this crate's decision and not the prefix's: static inline, so that the
///   wrappers are the only symbols and a C component with a libsel4 of its own cannot clash with them.
/// - The IPC buffer is always thread-local: threads share one address space here.
/// - Assertions would call `__assert_fail`, which the code below the C library does not have.
pub const DEFINITIONS: [&str; 3] =
    ["-DCONFIG_LIB_SEL4_INLINE_INVOCATIONS=1", "-DCONFIG_LIB_SEL4_USE_THREAD_LOCALS=1", "-DNDEBUG"];

/// Writes `bindings.rs` and `wrappers.c` into `out`.
pub fn generate(prefix: &Prefix, out: &Path) -> Result<Generated, String> {
    println!("cargo::rerun-if-env-changed=LIBCLANG_PATH");
    // bindgen panics without libclang. What is loaded here, bindgen then uses.
    clang_sys::load().map_err(|e| format!("libclang cannot be loaded: install the package libclang-dev ({e})"))?;

    let values = ValueMacros::scan(&prefix.include).map_err(|e| format!("reading the headers: {e}"))?;
    let header = out.join("libsel4.h");
    write(&header, &header_text(&values))?;
    let wrappers = out.join("wrappers.c");

    let bindings = Builder::default()
        .header(path(&header)?)
        .clang_args(["--target=aarch64-unknown-linux-musl", "-ffreestanding", "-nostdlibinc"])
        .clang_args(DEFINITIONS)
        .clang_arg(format!("-I{}", path(&prefix.include)?))
        // The include folders of the machine's own C library are none of libsel4's business.
        .detect_include_paths(false)
        .use_core()
        .rust_edition(RustEdition::Edition2024)
        .derive_default(true)
        .generate_cstr(true)
        // Plain constants of the enumeration's own type: a value that the kernel sends is never undefined behaviour.
        .default_enum_style(EnumVariation::Consts)
        .prepend_enum_name(false)
        // Macros with casts, sizeof and macro calls are constants too; clang evaluates what bindgen cannot.
        .clang_macro_fallback()
        .clang_macro_fallback_build_dir(out)
        .wrap_static_fns(true)
        .wrap_static_fns_path(&wrappers)
        // Thread-local, which an extern static cannot say; libsel4's accessor functions reach it.
        .blocklist_var("__sel4_ipc_buffer|__sel4_print_error")
        // libsel4 5.0.0 forgets `typedef` before some enumerations and so defines variables.
        .blocklist_var("seL4_.*_Msg")
        // A static constant in a header has no symbol; this one is a deprecated name of seL4_NotificationObject.
        .blocklist_var("seL4_AsyncEndpointObject")
        // Defined in a C source of libsel4 that brings a `__sel4_ipc_buffer` of its own. The kernel hands BootInfo to the
        // root task in a register, which is where start-up takes it from.
        .blocklist_function("seL4_InitBootInfo|seL4_GetBootInfo")
        // Inner halves of value macros (see `header_text`).
        .blocklist_function("libsel4_sys_.*")
        // Compile-time assertions and padding, of no use to a caller.
        .blocklist_item("__assert_failed_.*|__type_.*_size_incorrect|_enum_pad_.*|__assert_fail")
        .parse_callbacks(Box::new(bindgen::CargoCallbacks::new().rerun_on_header_files(false)))
        .parse_callbacks(Box::new(Style { values }))
        .generate()
        .map_err(|e| one_line(&format!("libsel4's headers in {}: {e}", prefix.include.display())))?;

    let text = bindings.to_string();
    let names = Names::parse(&text).map_err(|e| format!("bindgen's output: {e}"))?;
    let rust = out.join("bindings.rs");
    write(&rust, &text)?;
    Ok(Generated { rust, c: wrappers, names })
}

/// How libsel4 is included, without a need for more than the thread's IPC buffer.
///
/// - seL4_DebugNameThread copies a name with the C library's strcpy, which the code below the C library does not have.
/// - A kernel that puts error texts into the IPC buffer has invocations ask a variable whether to print them.
const INCLUDE: &str = "\
static inline char *libsel4_sys_strcpy(char *to, const char *from)
{
    for (char *next = to; (*next++ = *from++) != 0;) { }
    return to;
}
#define strcpy libsel4_sys_strcpy
#include <sel4/sel4.h>
#undef strcpy
#ifdef CONFIG_KERNEL_INVOCATION_REPORT_ERROR_IPC
__attribute__((weak)) __thread char __sel4_print_error;
#endif
";

/// The header that both compilers read.
fn header_text(values: &ValueMacros) -> String {
    let mut text = INCLUDE.to_owned();
    for (condition, header) in FURTHER_HEADERS {
        text += &format!("#if {condition} && __has_include(<{header}>)\n#include <{header}>\n#endif\n");
    }
    for ValueMacro { name, type_name } in &values.0 {
        text += &format!(
            "#ifdef {name}\nstatic inline {type_name} libsel4_sys_{name}(void) {{ return {name}; }}\n#undef {name}\n\
             static inline {type_name} {name}(void) {{ return libsel4_sys_{name}(); }}\n#endif\n"
        );
    }
    text
}

/// A macro that stands for a bit-field value, as `seL4_AllRights` stands for `seL4_CapRights_new(1, 1, 1, 1)`.
///
/// It is no constant expression in C, so it becomes a function without parameters: `seL4_AllRights()`.
struct ValueMacro {
    name: String,
    type_name: String,
}

/// All of them, in the order of their names.
struct ValueMacros(Vec<ValueMacro>);

impl ValueMacros {
    /// Finds `#define seL4_NAME seL4_TYPE_new(...)` in the headers below `folder`.
    fn scan(folder: &Path) -> io::Result<Self> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "h") {
                    let text = fs::read(&path)?;
                    found.extend(String::from_utf8_lossy(&text).lines().filter_map(ValueMacro::parse));
                }
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found.dedup_by(|a, b| a.name == b.name);
        Ok(Self(found))
    }

    fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|value| value.name == name)
    }
}

impl ValueMacro {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("#define ")?.split_whitespace();
        let name = words.next()?;
        let (constructor, _) = words.next()?.split_once('(')?;
        let block = constructor.strip_suffix("_new")?;
        // A tagged union's constructors carry the tag behind the union's name: seL4_CapData_Badge_new.
        let type_name = match block.strip_prefix("seL4_CapData_") {
            Some(_tag) => "seL4_CapData_t".to_owned(),
            None => format!("{block}_t"),
        };
        let is_value = !name.contains('(') && name.starts_with("seL4_") && block.starts_with("seL4_");
        is_value.then(|| Self { name: name.to_owned(), type_name })
    }
}

/// Types of constants and form of comments.
#[derive(Debug)]
struct Style {
    values: ValueMacros,
}

impl std::fmt::Debug for ValueMacros {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|value| &value.name)).finish()
    }
}

impl ParseCallbacks for Style {
    fn will_parse_macro(&self, name: &str) -> MacroParsingBehavior {
        if self.values.contains(name) { MacroParsingBehavior::Ignore } else { MacroParsingBehavior::Default }
    }

    /// A macro's number becomes a word, which is what nearly every use of one wants.
    fn int_macro(&self, name: &str, value: i64) -> Option<IntKind> {
        Some(match name {
            "seL4_True" | "seL4_False" => IntKind::Custom { name: "seL4_Bool", is_signed: true },
            _ if value < 0 => IntKind::Long,
            _ => IntKind::Custom { name: "seL4_Word", is_signed: false },
        })
    }

    fn process_comment(&self, comment: &str) -> Option<String> {
        Some(comments::to_markdown(comment))
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

fn path(path: &Path) -> Result<&str, String> {
    path.to_str().ok_or_else(|| format!("{}: not UTF-8", path.display()))
}

/// Cargo takes one line as an error message.
fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}
