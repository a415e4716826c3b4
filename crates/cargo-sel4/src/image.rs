//! `cargo sel4 image`: a file that a board boots.

use std::path::PathBuf;

use crate::args::{self, Image};
use crate::cargo;
use crate::error::{Error, Result};

/// Builds the crate's program and packs it; gives the exit code.
///
/// # Errors
/// There is no single program, or the image cannot be made.
pub fn make(options: &Image) -> Result<u8> {
    let (places, toolchain) = crate::complete(options.kernel)?;
    let (for_cargo, arguments) = args::divide(&options.cargo);
    crate::relink::if_sysroot_changed(&places, &toolchain, for_cargo)?;
    let program = match cargo::executable(cargo::command(&places, &toolchain, "build", for_cargo)?)? {
        Ok(program) => program,
        Err(code) => return Ok(code),
    };
    let output = options.output.clone().unwrap_or_else(|| {
        let mut name = program.clone().into_os_string();
        name.push(".boot.elf");
        PathBuf::from(name)
    });
    let mut image = mkimage::Image::new(&places.loader.path, places.kernel(), &program);
    image.qemu(options.qemu);
    for argument in arguments {
        image.arg(argument);
    }
    for variable in &options.env {
        image.env(variable);
    }
    options.files.add_to(&mut image);
    if let Some(dtb) = &options.dtb {
        image.dtb(dtb);
    }
    image.write(&output).map_err(|error| Error::new(error, "there is no image"))?;
    println!("{}", output.display());
    Ok(0)
}
