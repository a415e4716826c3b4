//! The texts of /proc.

use super::Texts;
use crate::errno::Errno;
use crate::fs::{prepare, process};
use crate::mm::advice::locked_pages;
use crate::mm::areas::{Attributes, PAGE};
use crate::mm::{SPACE, layout};
use crate::start;
use crate::thread::sched::{FIRST_TID, SCHED};
use crate::time::clock::{self, SECOND};
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt::Write;

/// What a program finds in /proc.
pub const TEXTS: Texts = Texts {
    system: &[
        ("cpuinfo", cpuinfo),
        ("filesystems", filesystems),
        ("meminfo", meminfo),
        ("mounts", mounts),
        ("uptime", uptime),
        ("version", version),
    ],
    own: &[
        ("cmdline", cmdline),
        ("comm", comm),
        ("environ", environ),
        ("maps", maps),
        ("mounts", mounts),
        ("statm", statm),
        ("status", status),
    ],
    program,
};

/// The program as /proc/self/exe tells it, by its argv[0]: in the archive if that has it, else in the root directory. std finds the
/// names and lines of a backtrace in that file.
fn program() -> Box<[u8]> {
    let place = process::archive_place().filter(|_| process::has_program()).unwrap_or_default();
    [&place, b"/".as_slice(), start::file_name()].concat().into()
}

fn is_written(result: core::fmt::Result) -> Result<(), Errno> {
    result.map_err(|_| Errno::ENOMEM)
}

fn cpuinfo(text: &mut String) -> Result<(), Errno> {
    is_written(write!(text, "processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd03\n\n"))
}

fn filesystems(text: &mut String) -> Result<(), Errno> {
    is_written(write!(text, "nodev\tproc\nnodev\ttmpfs\nnodev\tromfs\n"))
}

/// Pages that can be promised, and those that are not yet.
fn pages() -> (usize, usize) {
    let space = SPACE.lock();
    (space.areas.limit(), space.areas.room(0))
}

fn meminfo(text: &mut String) -> Result<(), Errno> {
    let (all, free) = pages();
    for (name, pages) in
        [("MemTotal", all), ("MemFree", free), ("MemAvailable", free), ("SwapTotal", 0), ("SwapFree", 0)]
    {
        is_written(writeln!(text, "{name}:\t{:8} kB", pages * (PAGE / 1024)))?;
    }
    Ok(())
}

fn mounts(text: &mut String) -> Result<(), Errno> {
    is_written(write!(text, "tmpfs / tmpfs rw 0 0\nproc /proc proc ro 0 0\n"))?;
    match process::archive_place() {
        Some(place) => is_written(writeln!(text, "archive {} romfs ro 0 0", String::from_utf8_lossy(&place))),
        None => Ok(()),
    }
}

fn uptime(text: &mut String) -> Result<(), Errno> {
    let now = clock::monotonic();
    is_written(writeln!(text, "{}.{:02} 0.00", now / SECOND, now % SECOND / (SECOND / 100)))
}

fn version(text: &mut String) -> Result<(), Errno> {
    is_written(writeln!(text, "seL4 version sel4 (muslcsys {})", env!("CARGO_PKG_VERSION")))
}

fn cmdline(text: &mut String) -> Result<(), Errno> {
    let Some(parameters) = process::parameters() else { return Ok(()) };
    parameters.args().try_for_each(|argument| is_written(write!(text, "{}\0", argument.to_string_lossy())))
}

fn environ(text: &mut String) -> Result<(), Errno> {
    let Some(parameters) = process::parameters() else { return Ok(()) };
    parameters.env().try_for_each(|variable| is_written(write!(text, "{}\0", variable.to_string_lossy())))
}

fn comm(text: &mut String) -> Result<(), Errno> {
    is_written(writeln!(text, "{}", String::from_utf8_lossy(start::file_name())))
}

/// One line a segment of the image and an area, as proc_pid_maps(5) has it.
fn maps(text: &mut String) -> Result<(), Errno> {
    let program = String::from_utf8_lossy(start::file_name()).into_owned();
    let mut line = |start: usize, end: usize, read: bool, write: bool, execute: bool, what: &str| {
        let flag = |set, letter| if set { letter } else { '-' };
        let (read, write, execute) = (flag(read, 'r'), flag(write, 'w'), flag(execute, 'x'));
        is_written(writeln!(text, "{start:08x}-{end:08x} {read}{write}{execute}p 00000000 00:00 0 {what}"))
    };
    for (range, write, execute) in start::segments_of_image() {
        line(range.start, range.end, true, write, execute, &alloc::format!("/{program}"))?;
    }
    let mut at = 0;
    loop {
        // One at a time: there may be many, and each takes memory for its line.
        prepare().map_err(|_| Errno::ENOMEM)?;
        let Some(area) = SPACE.lock().areas.next(at) else { return Ok(()) };
        at = area.end;
        let has = |attribute| area.attributes.contains(attribute);
        if area.attributes.intersects(Attributes::DYING) {
            continue;
        }
        let what = if layout::BRK.contains(&area.start) { "[heap]" } else { "" };
        line(area.start, area.end, has(Attributes::READ), has(Attributes::WRITE), has(Attributes::EXECUTE), what)?;
    }
}

fn statm(text: &mut String) -> Result<(), Errno> {
    let (all, free) = pages();
    let used = all - free;
    is_written(writeln!(text, "{used} {used} 0 0 0 {used} 0"))
}

fn status(text: &mut String) -> Result<(), Errno> {
    let threads = SCHED.lock().living();
    let (all, free) = pages();
    let (used, locked) = ((all - free) * (PAGE / 1024), locked_pages() * (PAGE / 1024));
    let name = String::from_utf8_lossy(start::file_name());
    is_written(write!(
        text,
        "Name:\t{name}\nUmask:\t{:04o}\nState:\tR (running)\nTgid:\t{FIRST_TID}\nPid:\t{FIRST_TID}\nPPid:\t0\nTracerPid:\t0\n\
         Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nVmSize:\t{used:8} kB\nVmLck:\t{locked:8} kB\nVmRSS:\t{used:8} kB\nThreads:\t{threads}\n",
        process::umask()
    ))
}
