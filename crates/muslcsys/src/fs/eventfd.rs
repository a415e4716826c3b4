//! eventfd(2): a counter that can be waited for.

use super::buffers::{Sink, Source};
use super::file::{File, Status};
use super::wait_queue::{self, WaitQueue};
use crate::errno::{Errno, SysResult};
use crate::sync::mutex::Mutex;
use crate::thread::Thread;
use linux_raw_sys::general as linux;

/// The highest value of a counter.
const MOST: u64 = u64::MAX - 1;
/// Bytes of what is read and written.
const BYTES: usize = size_of::<u64>();

/// An open counter.
pub struct EventFd {
    status: Status,
    /// Reading takes one and not all (EFD_SEMAPHORE).
    semaphore: bool,
    count: Mutex<u64>,
    readers: WaitQueue,
    writers: WaitQueue,
    /// Who watches for both.
    watchers: WaitQueue,
}

impl EventFd {
    /// A counter; `flags` may have EFD_SEMAPHORE and EFD_NONBLOCK.
    pub fn new(count: u64, flags: u32) -> Self {
        Self {
            status: Status::new(linux::O_RDWR | flags & linux::O_NONBLOCK),
            semaphore: flags & linux::EFD_SEMAPHORE != 0,
            count: Mutex::new(count),
            readers: WaitQueue::new(),
            writers: WaitQueue::new(),
            watchers: WaitQueue::new(),
        }
    }

    /// Changes the counter by `step`, which says whether it can be, waiting for that in `queue`. Errors: EAGAIN, EINTR.
    fn change<R>(&self, queue: &WaitQueue, events: u32, step: impl Fn(&mut u64) -> Option<R>) -> Result<R, Errno> {
        let now = step(&mut self.count.lock());
        match now {
            Some(result) => Ok(result),
            None if self.status.is_nonblocking() => Err(Errno::EAGAIN),
            None => queue.wait(events, None, || step(&mut self.count.lock())),
        }
    }
}

impl File for EventFd {
    fn status(&self) -> &Status {
        &self.status
    }

    /// Takes the counter, or one of it, as eight bytes; waits while it is zero. Errors: EINVAL (fewer bytes), EAGAIN, EINTR, EFAULT.
    fn read(&self, _: &Thread, to: &mut Sink<'_>) -> SysResult {
        if to.left() < BYTES {
            return Err(Errno::EINVAL);
        }
        // Before it is taken: what cannot be stored would be lost.
        to.probe(BYTES)?;
        let taken = self.change(&self.readers, wait_queue::IN, |count| {
            let taken = if self.semaphore { 1.min(*count) } else { *count };
            *count -= taken;
            (taken > 0).then_some(taken)
        })?;
        self.writers.wake(wait_queue::OUT);
        self.watchers.wake(wait_queue::OUT);
        if self.semaphore && *self.count.lock() > 0 {
            self.readers.pass_on(wait_queue::IN);
        }
        to.put(&taken.to_le_bytes())
    }

    /// Adds eight bytes to the counter; waits while that is too much. Errors: EINVAL (fewer bytes, or u64::MAX), EAGAIN, EINTR, EFAULT.
    fn write(&self, _: &Thread, from: &mut Source<'_>) -> SysResult {
        let mut bytes = [0; BYTES];
        if from.left() < BYTES {
            return Err(Errno::EINVAL);
        }
        if from.take(&mut bytes)? < BYTES {
            return Err(Errno::EFAULT);
        }
        let added = u64::from_le_bytes(bytes);
        if added > MOST {
            return Err(Errno::EINVAL);
        }
        self.change(&self.writers, wait_queue::OUT, |count| {
            let sum = count.checked_add(added).filter(|&sum| sum <= MOST)?;
            *count = sum;
            Some(())
        })?;
        if added > 0 {
            self.readers.wake_one(wait_queue::IN);
            self.watchers.wake(wait_queue::IN);
        }
        Ok(BYTES)
    }

    fn ready(&self) -> u32 {
        let count = *self.count.lock();
        let input = if count > 0 { wait_queue::IN } else { 0 };
        input | if count < MOST { wait_queue::OUT } else { 0 }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.watchers)
    }
}

/// eventfd2(2): `[count, flags]`: EFD_SEMAPHORE, EFD_NONBLOCK, EFD_CLOEXEC. Errors: EINVAL, EMFILE, ENOMEM.
#[cfg(target_vendor = "sel4")]
pub fn eventfd2(_: &Thread, [count, flags, ..]: [usize; 6]) -> SysResult {
    let flags = flags as u32;
    if flags & !(linux::EFD_SEMAPHORE | linux::EFD_NONBLOCK | linux::EFD_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    drop(crate::mm::SPACE.prepare()?);
    let file = alloc::sync::Arc::new(EventFd::new((count as u32).into(), flags));
    super::descriptors::install(file, flags & linux::EFD_CLOEXEC != 0)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    fn read(event: &EventFd) -> Result<u64, Errno> {
        let mut bytes = [0; 8];
        event.read(&Thread, &mut Sink::own(&mut bytes)).map(|count| {
            assert_eq!(count, 8);
            u64::from_le_bytes(bytes)
        })
    }

    fn write(event: &EventFd, added: u64) -> SysResult {
        event.write(&Thread, &mut Source::own(&added.to_le_bytes()))
    }

    #[test]
    fn reading_takes_all() {
        let event = EventFd::new(3, linux::EFD_NONBLOCK);
        assert_eq!(event.ready(), wait_queue::IN | wait_queue::OUT);
        write(&event, 4).unwrap();
        assert_eq!(read(&event), Ok(7));
        assert_eq!(read(&event), Err(Errno::EAGAIN));
        assert_eq!(event.ready(), wait_queue::OUT);
    }

    #[test]
    fn of_a_semaphore_reading_takes_one() {
        let event = EventFd::new(2, linux::EFD_NONBLOCK | linux::EFD_SEMAPHORE);
        assert_eq!([read(&event), read(&event), read(&event)], [Ok(1), Ok(1), Err(Errno::EAGAIN)]);
    }

    #[test]
    fn it_does_not_overflow() {
        let event = EventFd::new(0, linux::EFD_NONBLOCK);
        assert_eq!(write(&event, u64::MAX), Err(Errno::EINVAL));
        assert_eq!(write(&event, MOST), Ok(8));
        assert_eq!(event.ready(), wait_queue::IN);
        assert_eq!(write(&event, 1), Err(Errno::EAGAIN));
        assert_eq!(write(&event, 0), Ok(8));
        assert_eq!(read(&event), Ok(MOST));
    }

    #[test]
    fn fewer_bytes_and_bad_pointers_change_nothing() {
        let event = EventFd::new(5, linux::EFD_NONBLOCK);
        assert_eq!(event.read(&Thread, &mut Sink::own(&mut [0; 7])), Err(Errno::EINVAL));
        assert_eq!(event.write(&Thread, &mut Source::own(&[0; 7])), Err(Errno::EINVAL));
        assert_eq!(event.read(&Thread, &mut Sink::program(16, 8)), Err(Errno::EFAULT));
        assert_eq!(event.write(&Thread, &mut Source::program(16, 8)), Err(Errno::EFAULT));
        assert_eq!(read(&event), Ok(5));
    }

    #[test]
    fn readers_and_writers_wait() {
        let event = Arc::new(EventFd::new(MOST, 0));
        let writer = event.clone();
        let writer = thread::spawn(move || (0..3).map(|_| write(&writer, MOST)).collect::<Vec<_>>());
        for _ in 0..4 {
            assert_eq!(read(&event), Ok(MOST));
        }
        assert_eq!(writer.join().unwrap(), [Ok(8); 3]);
    }

    #[test]
    fn one_write_lets_as_many_pass_as_it_says() {
        let event = Arc::new(EventFd::new(0, linux::EFD_SEMAPHORE));
        let waiters: Vec<_> = (0..4)
            .map(|_| {
                let event = event.clone();
                thread::spawn(move || read(&event))
            })
            .collect();
        write(&event, 4).unwrap();
        waiters.into_iter().for_each(|waiter| assert_eq!(waiter.join().unwrap(), Ok(1)));
    }
}
