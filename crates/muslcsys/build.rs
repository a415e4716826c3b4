//! Tells the sources what the kernel in use has: the cfgs that libsel4-sys reads off its headers.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let known = std::env::var("DEP_SEL4_CHECK_CFG").unwrap_or_default();
    if !known.is_empty() {
        println!("cargo::rustc-check-cfg={known}");
    }
    for cfg in std::env::var("DEP_SEL4_CFGS").unwrap_or_default().split_whitespace() {
        println!("cargo::rustc-cfg={cfg}");
    }
}
