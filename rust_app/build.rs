//! Passes on how the libsel4 in use differs from others (cfgs like `sel4_has_cap_data`, see libsel4-sys).

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Not there in a build for the host, which has no libsel4.
    if let Ok(known) = std::env::var("DEP_SEL4_CHECK_CFG") {
        println!("cargo::rustc-check-cfg={known}");
    } else {
        println!("cargo::rustc-check-cfg=cfg(sel4_has_cap_data)");
    }
    for cfg in std::env::var("DEP_SEL4_CFGS").unwrap_or_default().split_whitespace() {
        println!("cargo::rustc-cfg={cfg}");
    }
}
