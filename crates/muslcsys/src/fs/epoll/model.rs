//! loom: a file becomes ready while its event is collected, or an epoll waited for.

use super::*;
use crate::sync::model::check;
use loom::thread::spawn;

/// A file with a counter of what can be read.
struct Counter(Status, Mutex<u32>, WaitQueue);

impl File for Counter {
    fn status(&self) -> &Status {
        &self.0
    }
    fn ready(&self) -> u32 {
        if *self.1.lock() > 0 { wait_queue::IN } else { 0 }
    }
    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.2)
    }
}

impl Counter {
    fn put(&self) {
        *self.1.lock() += 1;
        self.2.wake_one(wait_queue::IN);
    }
    fn take(&self) -> u32 {
        core::mem::take(&mut *self.1.lock())
    }
}

fn watched(events: u32) -> (Arc<Counter>, Arc<Epoll>) {
    let counter = Arc::new(Counter(Status::new(0), Mutex::new(0), WaitQueue::new()));
    let epoll = Arc::new(Epoll::new());
    let file: Arc<dyn File> = counter.clone();
    epoll.add(0, &file, Asked { events: linux::EPOLLIN | events, data: 7 }).unwrap();
    (counter, epoll)
}

/// Takes until it has had `count`, waiting in between; loom reports a deadlock if an event is lost.
fn take(counter: &Counter, epoll: &Epoll, count: u32) {
    let mut taken = 0;
    while taken < count {
        while epoll.collect(1, |_| Ok(())).unwrap() == 0 {
            epoll.wait(None).unwrap();
        }
        taken += counter.take();
    }
}

fn no_event_is_lost(events: u32) {
    check(move || {
        let (counter, epoll) = watched(events);
        let other = counter.clone();
        let giver = spawn(move || (other.put(), other.put()));
        take(&counter, &epoll, 2);
        giver.join().unwrap();
    });
}

#[test]
fn no_event_is_lost_by_edge() {
    no_event_is_lost(linux::EPOLLET);
}

#[test]
fn no_event_is_lost_by_level() {
    no_event_is_lost(0);
}
