//! What is no installed seL4 for AArch64 is refused in one line that names the setting and the reason.

#[path = "../build/prefix.rs"]
#[allow(dead_code, reason = "the build script's module, of which this test needs one function")]
mod prefix;

use std::fs;
use std::path::{Path, PathBuf};

use prefix::Prefix;

/// A folder of this test's own, holding `files` below `libsel4/include`.
fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let include = root.join("libsel4/include");
    for (file, text) in files {
        let file = include.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    root
}

/// Every required header, with this configuration.
fn complete(config: &str) -> [(&'static str, &str); 4] {
    [("sel4/sel4.h", ""), ("interfaces/sel4_client.h", ""), ("sel4/syscall.h", ""), ("kernel/gen_config.h", config)]
}

fn refusal(folder: &Path) -> String {
    let Err(line) = Prefix::open(folder) else { panic!("{} was taken", folder.display()) };
    assert!(line.starts_with("SEL4_PREFIX="), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    line
}

#[test]
fn an_aarch64_prefix_is_taken() {
    let root = folder("aarch64", &complete("#pragma once\n#define CONFIG_ARCH_AARCH64  1\n"));
    let Ok(prefix) = Prefix::open(&root) else { panic!("refused") };
    assert_eq!(prefix.include, root.join("libsel4/include"));
}

#[test]
fn another_architecture_is_refused() {
    // The name in a comment defines nothing: that is how seL4 writes an option that is off.
    let config =
        "#define CONFIG_ARCH_RISCV  1\n/* disabled: CONFIG_ARCH_AARCH64 */\n#define CONFIG_ARCH_AARCH64_NOT 1\n";
    assert!(refusal(&folder("riscv", &complete(config))).contains("AArch64"));
}

#[test]
fn an_incomplete_prefix_is_refused_by_its_first_missing_header() {
    let all = complete("#define CONFIG_ARCH_AARCH64 1\n");
    for missing in 0..all.len() {
        let rest: Vec<_> = all.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, file)| *file).collect();
        assert!(refusal(&folder(&format!("incomplete{missing}"), &rest)).contains(all[missing].0));
    }
}

#[test]
fn no_folder_and_a_relative_name_are_refused() {
    refusal(Path::new("/nowhere/at/all"));
    assert!(refusal(Path::new("build/sel4")).contains("absolute"));
}
