//! The console as an open file.

use super::buffers::{Sink, Source};
use super::console;
use super::file::{File, Status};
use super::node::{Kind, Metadata};
use super::wait_queue::WaitQueue;
use crate::errno::{Errno, SysResult};
use crate::thread::Thread;
use crate::uaccess;
use linux_raw_sys::{general as linux, ioctl};

/// Bytes copied at a time between the program's buffers and the device.
const CHUNK: usize = 256;
/// Permissions of the console: its owner reads and writes.
const PERMISSIONS: u32 = 0o620;
/// Its device number, as Linux's /dev/console: major 5, minor 1.
const NUMBER: u64 = 5 << 8 | 1;

/// An open console.
pub struct ConsoleFile(Status);

impl ConsoleFile {
    /// Open for reading and writing.
    pub fn new() -> Self {
        Self::open(linux::O_RDWR)
    }

    /// `flags` as in open(2).
    pub fn open(flags: u32) -> Self {
        Self(Status::new(flags))
    }
}

impl File for ConsoleFile {
    fn status(&self) -> &Status {
        &self.0
    }

    fn metadata(&self) -> Metadata {
        Metadata { represents: NUMBER, block_size: 1024, ..Metadata::plain(1, 1, Kind::Characters, PERMISSIONS) }
    }

    fn read(&self, _: &Thread, to: &mut Sink<'_>) -> SysResult {
        let mut chunk = [0u8; CHUNK];
        let wanted = to.left().min(CHUNK);
        // Probed first, so that a bad pointer loses no input.
        to.probe(wanted)?;
        let count = console::read(&mut chunk[..wanted], !self.0.is_nonblocking())?;
        to.put(&chunk[..count])
    }

    fn write(&self, thread: &Thread, from: &mut Source<'_>) -> SysResult {
        let mut chunk = [0u8; CHUNK];
        let mut done = 0;
        while from.left() > 0 {
            let moved =
                from.take(&mut chunk).and_then(|length| Ok((length, console::write(thread, &chunk[..length])?)));
            match moved {
                Ok((length, count)) => {
                    done += count;
                    if count < length {
                        break;
                    }
                }
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn ready(&self) -> u32 {
        let input = if console::available() > 0 { linux::POLLIN | linux::POLLRDNORM } else { 0 };
        input | linux::POLLOUT | linux::POLLWRNORM
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(console::input_queue())
    }

    /// TIOCGWINSZ (80 by 24), FIONREAD.
    fn ioctl(&self, _: &Thread, request: u32, argument: usize) -> SysResult {
        match request {
            ioctl::TIOCGWINSZ => uaccess::write(argument, &[24u16, 80, 0, 0])?,
            ioctl::FIONREAD => uaccess::write(argument, &(console::available() as u32))?,
            _ => return Err(Errno::ENOTTY),
        }
        Ok(0)
    }
}
