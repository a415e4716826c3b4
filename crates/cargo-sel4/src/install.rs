//! Finds what `cargo sel4` works with: the checkout, and in its build folder the sysroot, the loader and the kernel.
//!
//! | what | where |
//! |---|---|
//! | checkout | `SEL4_STD`, else the one that this program was installed from |
//! | build folder | `SEL4_STD_BUILD`, else `build` in the checkout |
//! | sysroot | `SEL4_SYSROOT`, else `sysroot` in the build folder |
//! | boot loader | `SEL4_LOADER`, else `below-libc/loader` in the build folder |
//! | kernel | `bin/kernel.elf` in `SEL4_PREFIX`, else in the prefix that the build folder was configured with or made |
//! | QEMU | `SEL4_QEMU`, else `qemu-system-aarch64` in `PATH` |

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::error::{Error, Result};

/// Where this crate was compiled from: in a checkout, since it is in no registry.
const COMPILED_FROM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// A file that makes a folder a checkout.
const MARK: &str = "musl-target/aarch64-sel4-musl.json";

/// Which of the kernels that `kernel/` makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Variant {
    /// With checks, and its faults printed.
    Debug,
    /// Without.
    Release,
}

impl Variant {
    /// As CMake's KERNEL_VARIANT has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}

/// The places, whether there is something or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The checkout.
    pub checkout: PathBuf,
    /// Its build folder.
    pub build: PathBuf,
    /// The sysroot.
    pub sysroot: Place,
    /// The boot loader's ELF file.
    pub loader: Place,
    /// The installed seL4, a SEL4_PREFIX.
    pub prefix: Place,
}

/// A file or folder, and who named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file or folder.
    pub path: PathBuf,
    /// The variable that named it; `None`: it is the checkout's, which can be built.
    pub variable: Option<&'static str>,
}

impl Places {
    /// Looks into the environment and at the checkout.
    ///
    /// # Errors
    /// There is no checkout.
    pub fn find(variant: Option<Variant>) -> Result<Self> {
        Self::find_with(variant, |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))
    }

    fn find_with(variant: Option<Variant>, var: impl Fn(&'static str) -> Option<PathBuf>) -> Result<Self> {
        let (checkout, mend) = match var("SEL4_STD") {
            Some(named) => (named, "correct SEL4_STD"),
            None => (PathBuf::from(COMPILED_FROM), "set SEL4_STD to a checkout, or install cargo-sel4 again from one"),
        };
        let missing = || Error::new(format_args!("{} is no checkout of sel4-std", checkout.display()), mend);
        if !checkout.join(MARK).is_file() {
            return Err(missing());
        }
        let checkout = checkout.canonicalize().map_err(|_| missing())?;
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let build = var("SEL4_STD_BUILD").map_or_else(|| checkout.join("build"), absolute);
        let place = |variable, inside: PathBuf| match var(variable) {
            Some(path) => Place { path: absolute(path), variable: Some(variable) },
            None => Place { path: inside, variable: None },
        };
        if let (Some(variant), Some(_)) = (variant, var("SEL4_PREFIX")) {
            return Err(Error::new(
                format_args!("--kernel {}: SEL4_PREFIX names the kernel already", variant.name()),
                "leave one of them out",
            ));
        }
        // The sysroot there is built against that kernel.
        if let (Some(variant), Some(prefix)) = (variant, Cache::read(&build).get("SEL4_PREFIX")) {
            return Err(Error::new(
                format_args!(
                    "--kernel {}: {} is configured with SEL4_PREFIX={prefix}",
                    variant.name(),
                    build.display()
                ),
                "leave --kernel out",
            ));
        }
        let sysroot = place("SEL4_SYSROOT", build.join("sysroot"));
        let loader = place("SEL4_LOADER", build.join("below-libc/loader"));
        let prefix = place("SEL4_PREFIX", built_prefix(&build, variant));
        Ok(Self { build, sysroot, loader, prefix, checkout })
    }

    /// The kernel's ELF file.
    #[must_use]
    pub fn kernel(&self) -> PathBuf {
        self.prefix.path.join("bin/kernel.elf")
    }

    /// Rust's target specification.
    #[must_use]
    pub fn target(&self) -> PathBuf {
        self.sysroot.path.join("targets").join(crate::cargo::TARGET).with_extension("json")
    }

    /// The C compiler, which links too.
    #[must_use]
    pub fn linker(&self) -> PathBuf {
        self.sysroot.path.join("bin/aarch64-sel4-musl-gcc")
    }

    /// The parts, each with a name and the file that shows that it is there.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, &Place, PathBuf); 3] {
        [
            ("sysroot", &self.sysroot, self.sysroot.path.join("lib/muslcsys.o")),
            ("boot loader", &self.loader, self.loader.path.clone()),
            ("kernel", &self.prefix, self.kernel()),
        ]
    }
}

/// Where the build folder's kernel is: in the prefix that CMake was given or, of this variant, in one that it made. A variant
/// that the folder is not configured for, and never was, is built apart from it.
fn built_prefix(build: &Path, variant: Option<Variant>) -> PathBuf {
    let cache = Cache::read(build);
    let configured = cache.get("KERNEL_VARIANT").unwrap_or(Variant::Debug.name());
    let inside = |name: &str| build.join(format!("kernel-{name}/prefix"));
    match (variant, cache.get("SEL4_PREFIX")) {
        (_, Some(prefix)) => PathBuf::from(prefix),
        (None, None) => inside(configured),
        (Some(variant), None) => {
            let own = inside(variant.name());
            if own.join("bin/kernel.elf").is_file() || variant.name() == configured {
                own
            } else {
                apart(build, variant).join("prefix")
            }
        }
    }
}

/// The folder for a kernel that the build folder is not configured for.
#[must_use]
pub fn apart(build: &Path, variant: Variant) -> PathBuf {
    build.join("cargo-sel4").join(format!("kernel-{}", variant.name()))
}

/// What a build folder was configured with.
pub struct Cache(String);

impl Cache {
    /// Of the folder `build`; empty where it was not configured.
    #[must_use]
    pub fn read(build: &Path) -> Self {
        Self(fs::read_to_string(build.join("CMakeCache.txt")).unwrap_or_default())
    }

    /// A setting's value, if there is one and it is not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            let (key, _type) = key.split_once(':')?;
            (key == name && !value.is_empty()).then_some(value)
        })
    }
}

/// The program `name` in `PATH`.
#[must_use]
pub fn in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| {
        fs::metadata(file).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that looks like a checkout, with what `files` name.
    fn checkout(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [(MARK, "{}")].iter().chain(files) {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        folder
    }

    fn find(variant: Option<Variant>, vars: &[(&str, &Path)]) -> Result<Places> {
        Places::find_with(variant, |name| {
            vars.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_path_buf())
        })
    }

    #[test]
    fn the_build_folder_has_everything() {
        let folder = checkout(&[]);
        let root = folder.path().canonicalize().unwrap();
        let places = find(None, &[("SEL4_STD", &root)]).unwrap();
        assert_eq!(places.sysroot.path, root.join("build/sysroot"));
        assert_eq!(places.loader.path, root.join("build/below-libc/loader"));
        assert_eq!(places.kernel(), root.join("build/kernel-debug/prefix/bin/kernel.elf"));
        assert!(places.parts().iter().all(|(_, place, file)| place.variable.is_none() && !file.exists()));
    }

    #[test]
    fn variables_name_each_part() {
        let folder = checkout(&[]);
        let part = Path::new("/elsewhere");
        let named = ["SEL4_STD_BUILD", "SEL4_SYSROOT", "SEL4_LOADER", "SEL4_PREFIX"];
        let mut vars = vec![("SEL4_STD", folder.path())];
        vars.extend(named.map(|name| (name, part)));
        let places = find(None, &vars).unwrap();
        assert_eq!(
            (&*places.build, &*places.sysroot.path, &*places.loader.path, &*places.prefix.path),
            (part, part, part, part)
        );
        assert_eq!(places.prefix.variable, Some("SEL4_PREFIX"));
        let error = find(Some(Variant::Release), &vars).unwrap_err().to_string();
        assert!(error.starts_with("--kernel release: SEL4_PREFIX"), "{error}");
    }

    #[test]
    fn the_kernel_is_the_one_the_folder_was_configured_with() {
        let cache = "KERNEL_VARIANT:STRING=release\nSEL4_PREFIX:STRING=\n";
        let folder = checkout(&[("build/CMakeCache.txt", cache)]);
        let root = folder.path().canonicalize().unwrap();
        let prefix = |variant| find(variant, &[("SEL4_STD", &root)]).unwrap().prefix.path;
        assert_eq!(prefix(None), root.join("build/kernel-release/prefix"));
        assert_eq!(prefix(Some(Variant::Release)), root.join("build/kernel-release/prefix"));
        assert_eq!(prefix(Some(Variant::Debug)), root.join("build/cargo-sel4/kernel-debug/prefix"));
        fs::write(root.join("build/CMakeCache.txt"), "SEL4_PREFIX:STRING=/opt/sel4\n").unwrap();
        assert_eq!(prefix(None), Path::new("/opt/sel4"));
        let error = find(Some(Variant::Debug), &[("SEL4_STD", &root)]).unwrap_err().to_string();
        assert!(error.contains("is configured with SEL4_PREFIX=/opt/sel4 (leave --kernel out)"), "{error}");
    }

    #[test]
    fn a_folder_that_is_no_checkout_is_refused_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let error = find(None, &[("SEL4_STD", folder.path())]).unwrap_err().to_string();
        assert!(error.contains("is no checkout") && error.ends_with("(correct SEL4_STD)"), "{error}");
    }
}
