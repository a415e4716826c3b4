//! The console as an open file.

use super::buffers::{Sink, Source};
use super::console;
use super::file::{File, Opened, Status};
use super::node::{Metadata, Node};
use super::termios::{self, Termios};
use super::wait_queue::WaitQueue;
use crate::errno::{Errno, SysResult};
use crate::thread::Thread;
use crate::thread::sched::FIRST_TID;
use crate::uaccess;
use alloc::sync::Arc;
use linux_raw_sys::{general as linux, ioctl};

/// Bytes copied at a time between the program's buffers and the device.
const CHUNK: usize = 256;

/// An open console.
pub struct ConsoleFile(Opened);

impl ConsoleFile {
    /// By its node; `flags` as in open(2).
    pub fn open(node: Arc<dyn Node>, flags: u32) -> Self {
        Self(Opened::new(node, flags))
    }
}

impl File for ConsoleFile {
    fn status(&self) -> &Status {
        &self.0.status
    }

    fn opened(&self) -> Option<&Opened> {
        Some(&self.0)
    }

    fn metadata(&self) -> Metadata {
        Metadata { block_size: 1024, ..self.0.node.metadata() }
    }

    fn read(&self, _: &Thread, to: &mut Sink<'_>) -> SysResult {
        console::read(to, !self.0.status.is_nonblocking())
    }

    fn write(&self, thread: &Thread, from: &mut Source<'_>) -> SysResult {
        let mut chunk = [0u8; CHUNK];
        let mut done = 0;
        while from.left() > 0 {
            let wait = !self.0.status.is_nonblocking();
            let moved = from.take(&mut chunk).and_then(|length| Ok((length, console::write(&chunk[..length], wait)?)));
            match moved {
                Ok((length, count)) => {
                    done += count;
                    if count < length || from.left() > 0 && thread.has_signal() {
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
        console::ready()
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(console::watchers())
    }

    /// What ioctl_tty(2) has for a terminal that is the one of its program: settings, window size, queues, flow, process group. Errors: ENOTTY,
    /// EFAULT, EINVAL, EINTR.
    fn ioctl(&self, _: &Thread, request: u32, argument: usize) -> SysResult {
        match request {
            ioctl::TCGETS => uaccess::copy_out(argument, &bytes_of(&console::termios())[..termios::OLD_BYTES])?,
            ioctl::TCGETS2 => uaccess::copy_out(argument, bytes_of(&console::termios()))?,
            ioctl::TCSETS | ioctl::TCSETSW | ioctl::TCSETSF => {
                set(argument, termios::OLD_BYTES, request - ioctl::TCSETS)?;
            }
            ioctl::TCSETS2 | ioctl::TCSETSW2 | ioctl::TCSETSF2 => {
                set(argument, termios::BYTES, request - ioctl::TCSETS2)?;
            }
            // A break is not sent; with an argument it stands for tcdrain(3).
            ioctl::TCSBRK if argument as u32 == 0 => {}
            ioctl::TCSBRK => console::wait_until_sent()?,
            ioctl::TCXONC => match argument as u32 {
                linux::TCOOFF => console::hold(true),
                linux::TCOON => console::hold(false),
                // The terminal is asked by a character of its own to stop or go on.
                linux::TCIOFF => drop(console::write(&[console::termios().character(linux::VSTOP)], false)),
                linux::TCION => drop(console::write(&[console::termios().character(linux::VSTART)], false)),
                _ => return Err(Errno::EINVAL),
            },
            ioctl::TCFLSH => match argument as u32 {
                linux::TCIFLUSH => console::forget(true, false),
                linux::TCOFLUSH => console::forget(false, true),
                linux::TCIOFLUSH => console::forget(true, true),
                _ => return Err(Errno::EINVAL),
            },
            ioctl::TIOCGWINSZ => uaccess::write(argument, &console::window())?,
            ioctl::TIOCSWINSZ => console::set_window(uaccess::read(argument)?),
            ioctl::FIONREAD => uaccess::write(argument, &(console::available() as u32))?,
            ioctl::TIOCOUTQ => uaccess::write(argument, &(console::unsent() as u32))?,
            // The one process is the one group and the one session.
            ioctl::TIOCGPGRP | ioctl::TIOCGSID => uaccess::write(argument, &FIRST_TID)?,
            ioctl::TIOCSPGRP => match uaccess::read::<u32>(argument)? {
                FIRST_TID => {}
                group if (group as i32) < 0 => return Err(Errno::EINVAL),
                _ => return Err(Errno::ESRCH),
            },
            ioctl::TIOCSCTTY => {}
            _ => return Err(Errno::ENOTTY),
        }
        Ok(0)
    }
}

/// The settings as the program has them.
fn bytes_of(termios: &Termios) -> &[u8; termios::BYTES] {
    // SAFETY: it is of that size and has no padding: four words, twenty bytes, two words.
    unsafe { &*core::ptr::from_ref(termios).cast() }
}

/// Changes the settings: at once, when everything is sent (1), or then and without what was typed before (2).
fn set(at: usize, bytes: usize, when: u32) -> Result<(), Errno> {
    let mut new = [0; termios::BYTES];
    new.copy_from_slice(bytes_of(&console::termios()));
    uaccess::copy_in(&mut new[..bytes], at)?;
    if when > 0 {
        console::wait_until_sent()?;
    }
    if when > 1 {
        console::forget(true, false);
    }
    // SAFETY: integers, of any value.
    console::set_termios(unsafe { core::mem::transmute::<[u8; termios::BYTES], Termios>(new) });
    Ok(())
}
