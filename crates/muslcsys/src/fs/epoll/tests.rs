//! Epolls on counters and pipes, with the host's threads, and against a model.

use super::*;
use crate::fs::buffers::{Sink, Source};
use crate::fs::eventfd::EventFd;
use crate::fs::pipe::Pipe;
use crate::thread::Thread;
use linux::{EPOLLET, EPOLLEXCLUSIVE, EPOLLHUP, EPOLLIN, EPOLLONESHOT, EPOLLOUT};
use proptest::prelude::*;

fn counter() -> Arc<EventFd> {
    Arc::new(EventFd::new(0, linux::EFD_NONBLOCK))
}

fn put(counter: &EventFd) {
    counter.write(&Thread, &mut Source::own(&1u64.to_le_bytes())).unwrap();
}

fn take(counter: &EventFd) {
    let _ = counter.read(&Thread, &mut Sink::own(&mut [0; 8]));
}

fn asked(events: u32) -> Asked {
    Asked { events, data: events.into() }
}

fn collect(epoll: &Epoll, most: usize) -> Vec<Asked> {
    let mut events = vec![];
    let count = epoll.collect(most, |event| {
        events.push(event);
        Ok(())
    });
    assert_eq!(count, Ok(events.len()));
    events
}

fn count(epoll: &Epoll) -> usize {
    collect(epoll, 99).len()
}

#[test]
fn by_level_by_edge_and_once() {
    for (flags, expected) in [(0, [1, 1, 0, 1, 1]), (EPOLLET, [1, 0, 0, 1, 0]), (EPOLLONESHOT, [1, 0, 0, 0, 0])] {
        let (epoll, event) = (Epoll::new(), counter());
        let file: Arc<dyn File> = event.clone();
        epoll.add(3, &file, asked(EPOLLIN | flags)).unwrap();
        assert_eq!(count(&epoll), 0);
        put(&event);
        let mut found = [count(&epoll), count(&epoll), 0, 0, 0];
        take(&event);
        found[2] = count(&epoll);
        put(&event);
        (found[3], found[4]) = (count(&epoll), count(&epoll));
        assert_eq!(found, expected, "{flags:x}");
        // Changing it counts as becoming ready, and arms it again.
        epoll.modify(3, &file, Asked { events: EPOLLIN | EPOLLOUT | flags, data: 9 }).unwrap();
        assert_eq!(collect(&epoll, 9), [Asked { events: EPOLLIN | EPOLLOUT, data: 9 }]);
    }
}

#[test]
fn a_file_that_is_ready_already_is_told() {
    let (epoll, event) = (Epoll::new(), counter());
    put(&event);
    epoll.add(3, &(event.clone() as _), asked(EPOLLIN | EPOLLET)).unwrap();
    assert_eq!(count(&epoll), 1);
}

#[test]
fn a_hang_up_is_told_unasked() {
    let epoll = Epoll::new();
    let (reader, writer) = Pipe::ends(0);
    let file: Arc<dyn File> = reader;
    epoll.add(0, &file, asked(0)).unwrap();
    assert_eq!(count(&epoll), 0);
    drop(writer);
    assert_eq!(collect(&epoll, 1), [Asked { events: EPOLLHUP, data: 0 }]);
}

#[test]
fn a_closed_file_drops_out() {
    let (epoll, event) = (Epoll::new(), counter());
    put(&event);
    let file: Arc<dyn File> = event;
    epoll.add(3, &file, asked(EPOLLIN)).unwrap();
    assert_eq!(epoll.add(3, &file, asked(EPOLLIN)), Err(Errno::EEXIST));
    // The same file by another number is another entry.
    epoll.add(4, &file, asked(EPOLLIN)).unwrap();
    assert_eq!(count(&epoll), 2);
    drop(file);
    assert_eq!(count(&epoll), 0);
    assert!(epoll.interests.lock().is_empty());
    // One that was never told of goes when its number is used again.
    let quiet: Arc<dyn File> = counter();
    epoll.add(3, &quiet, asked(EPOLLIN)).unwrap();
    drop(quiet);
    epoll.add(3, &(counter() as _), asked(EPOLLIN)).unwrap();
    assert_eq!(epoll.interests.lock().len(), 1);
}

#[test]
fn a_removed_entry_tells_nothing() {
    let (epoll, event) = (Epoll::new(), counter());
    let file: Arc<dyn File> = event.clone();
    epoll.add(3, &file, asked(EPOLLIN)).unwrap();
    put(&event);
    epoll.remove(3, &file).unwrap();
    assert!(!epoll.is_listed());
    assert_eq!(count(&epoll), 0);
    assert_eq!(epoll.remove(3, &file), Err(Errno::ENOENT));
    assert_eq!(epoll.modify(3, &file, asked(EPOLLIN)), Err(Errno::ENOENT));
    epoll.add(3, &file, asked(EPOLLIN)).unwrap();
    assert_eq!(count(&epoll), 1);
}

#[test]
fn each_gets_its_turn() {
    let epoll = Epoll::new();
    let all: Vec<_> = (0..3).map(|_| counter()).collect();
    for (index, event) in all.iter().enumerate() {
        put(event);
        let asked = Asked { events: EPOLLIN, data: index as u64 };
        epoll.add(index as i32, &(event.clone() as _), asked).unwrap();
    }
    let one = || collect(&epoll, 1)[0].data;
    assert_eq!([one(), one(), one(), one()], [0, 1, 2, 0]);
}

#[test]
fn what_cannot_be_stored_is_told_again() {
    let (epoll, event) = (Epoll::new(), counter());
    put(&event);
    epoll.add(3, &(event.clone() as _), asked(EPOLLIN | EPOLLET)).unwrap();
    assert_eq!(epoll.collect(1, |_| Err(Errno::EFAULT)), Err(Errno::EFAULT));
    assert_eq!(count(&epoll), 1);
}

#[test]
fn epolls_in_epolls_tell_and_make_no_loop() {
    let all: Vec<_> = (0..6).map(|_| Arc::new(Epoll::new())).collect();
    let file = |index: usize| -> Arc<dyn File> { all[index].clone() };
    // From the middle outwards and inwards, so that steps count both ways.
    for (outer, inner) in [(2, 3), (1, 2), (3, 4), (0, 1)] {
        all[outer].add(0, &file(inner), asked(EPOLLIN)).unwrap();
    }
    assert_eq!(all[4].add(0, &file(5), asked(EPOLLIN)), Err(Errno::ELOOP));
    assert_eq!(all[5].add(0, &file(0), asked(EPOLLIN)), Err(Errno::ELOOP));
    assert_eq!(all[4].add(0, &file(0), asked(EPOLLIN)), Err(Errno::ELOOP));
    assert_eq!(all[1].add(9, &file(1), asked(EPOLLIN)), Err(Errno::EINVAL));
    assert_eq!(all[1].add(9, &file(5), asked(EPOLLIN | EPOLLEXCLUSIVE)), Err(Errno::EINVAL));
    let event = counter();
    all[4].add(1, &(event.clone() as _), asked(EPOLLIN)).unwrap();
    assert_eq!((all[0].ready(), count(&all[0])), (0, 0));
    put(&event);
    assert_eq!((all[0].ready(), count(&all[0])), (wait_queue::IN, 1));
    take(&event);
    assert_eq!((all[0].ready(), count(&all[0])), (0, 0));
    // What is taken out no longer counts.
    all[1].remove(0, &file(2)).unwrap();
    all[4].add(0, &file(5), asked(EPOLLIN)).unwrap();
}

#[test]
fn exclusive_entries_cannot_be_changed() {
    let (epoll, file) = (Epoll::new(), counter() as Arc<dyn File>);
    assert_eq!(epoll.add(0, &file, asked(EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT)), Err(Errno::EINVAL));
    epoll.add(0, &file, asked(EPOLLIN | EPOLLEXCLUSIVE | EPOLLET)).unwrap();
    assert_eq!(epoll.modify(0, &file, asked(EPOLLIN)), Err(Errno::EINVAL));
}

#[test]
fn a_thread_waits_for_an_epoll_in_an_epoll() {
    let (outer, inner, event) = (Arc::new(Epoll::new()), Arc::new(Epoll::new()), counter());
    outer.add(0, &(inner.clone() as _), asked(EPOLLIN)).unwrap();
    inner.add(0, &(event.clone() as _), asked(EPOLLIN)).unwrap();
    let waiter = std::thread::spawn(move || {
        while count(&outer) == 0 {
            outer.wait(None).unwrap();
        }
    });
    put(&event);
    waiter.join().unwrap();
}

/// What an entry is known to do, kept without queues and lists.
#[derive(Clone, Copy)]
struct Expected {
    events: u32,
    armed: bool,
    /// Something happened since it was last told (EPOLLET).
    edge: bool,
}

proptest! {
    #![proptest_config(crate::testing::cases(4))]
    /// Counters are filled and emptied, entries added, changed, removed, and all events collected: they are those that the rules say.
    #[test]
    fn as_the_rules_say(steps in prop::collection::vec((0..7u8, 0..4usize, 0..8u32), crate::testing::steps(80))) {
        let epoll = Epoll::new();
        let events: Vec<_> = (0..4).map(|_| counter()).collect();
        let mut model: [Option<Expected>; 4] = [None; 4];
        for (what, at, flags) in steps {
            let file: Arc<dyn File> = events[at].clone();
            let wanted = [EPOLLIN, EPOLLIN | EPOLLOUT][flags as usize & 1]
                | if flags & 2 != 0 { EPOLLET } else { 0 } | if flags & 4 != 0 { EPOLLONESHOT } else { 0 };
            let fresh = Expected { events: wanted, armed: true, edge: true };
            match what {
                0 => {
                    let done = epoll.add(at as i32, &file, Asked { events: wanted, data: at as u64 });
                    prop_assert_eq!(done.is_ok(), model[at].is_none());
                    model[at].get_or_insert(fresh);
                }
                1 => {
                    let done = epoll.modify(at as i32, &file, Asked { events: wanted, data: at as u64 });
                    prop_assert_eq!(done.is_ok(), model[at].is_some());
                    if model[at].is_some() { model[at] = Some(fresh); }
                }
                2 => {
                    prop_assert_eq!(epoll.remove(at as i32, &file).is_ok(), model[at].is_some());
                    model[at] = None;
                }
                3 => {
                    put(&events[at]);
                    if let Some(entry) = &mut model[at] { entry.edge |= true; }
                }
                4 => {
                    let was = events[at].ready() & EPOLLIN != 0;
                    take(&events[at]);
                    // Room is news to who asks for it.
                    if let Some(entry) = &mut model[at] { entry.edge |= was && entry.events & EPOLLOUT != 0; }
                }
                _ => {
                    let mut found: Vec<_> = collect(&epoll, 9).iter().map(|event| (event.data as usize, event.events)).collect();
                    found.sort();
                    let mut expected = vec![];
                    for (at, entry) in model.iter_mut().enumerate() {
                        let Some(entry) = entry else { continue };
                        let there = events[at].ready() & entry.events & (EPOLLIN | EPOLLOUT);
                        let by_edge = entry.events & EPOLLET != 0;
                        if entry.armed && there != 0 && (entry.edge || !by_edge) {
                            expected.push((at, there));
                            entry.armed = entry.events & EPOLLONESHOT == 0;
                        }
                        entry.edge = false;
                    }
                    prop_assert_eq!(found, expected);
                }
            }
        }
    }
}
