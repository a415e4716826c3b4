//! The files that a program is given: a folder of this machine, or an archive.

use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

/// Which files, and where the program finds them.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[command(next_help_heading = "Files")]
pub struct Files {
    /// A folder whose files the program finds in /rom, read-only: with modes, links and empty folders.
    #[arg(long, value_name = "DIR")]
    pub rom: Option<PathBuf>,
    /// A CPIO archive (newc) instead of a folder.
    #[arg(long, value_name = "FILE", conflicts_with = "rom")]
    pub archive: Option<PathBuf>,
    /// The folder that the program finds them in [default: /rom].
    #[arg(long, value_name = "FOLDER")]
    pub mount: Option<String>,
}

impl Files {
    /// With paths that mean the same in every folder: cargo runs programs in the package's.
    #[must_use]
    pub fn absolute(self) -> Self {
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        Self { rom: self.rom.map(absolute), archive: self.archive.map(absolute), mount: self.mount }
    }

    /// Puts them into `image`.
    pub fn add_to(&self, image: &mut mkimage::Image) {
        if let Some(folder) = &self.rom {
            image.rom(folder);
        }
        if let Some(file) = &self.archive {
            image.archive(file);
        }
        if let Some(folder) = &self.mount {
            image.mount(folder);
        }
    }
}
