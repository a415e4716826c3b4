//! std's threads: panics in them, what is dropped, what is woken, that all is given back, and that running out is an error.
// run rust-threads: args=@cores time=120

use sel4_tests::{check, counts, end, equal};
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Condvar, LazyLock, Mutex, OnceLock, RwLock, mpsc};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

struct Counted<'a>(&'a AtomicU32);
impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn panics() {
    let hook = panic::take_hook();
    let hooked = Arc::new(AtomicU32::new(0));
    let seen = hooked.clone();
    panic::set_hook(Box::new(move |_| {
        seen.fetch_add(1, SeqCst);
    }));
    let drops = AtomicU32::new(0);
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        let _a = Counted(&drops);
        let _b = Counted(&drops);
        panic!("number {}", std::hint::black_box(5));
    }));
    let message = caught.unwrap_err().downcast_ref::<String>().cloned();
    equal("a caught panic has its message", message.as_deref(), Some("number 5"));
    equal("what it passed is dropped", drops.load(SeqCst), 2);

    let joined = thread::spawn(|| panic::panic_any(17u8)).join();
    equal("a thread's panic is its result", joined.unwrap_err().downcast_ref::<u8>().copied(), Some(17));

    let mutex = Arc::new(Mutex::new(1));
    let held = mutex.clone();
    let _ = thread::spawn(move || {
        let mut guard = held.lock().unwrap();
        *guard = 2;
        panic!("with a lock");
    })
    .join();
    check("it poisons the lock it holds", mutex.is_poisoned());
    equal("whose value is there", *mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner()), 2);
    check("a poisoned lock is not locked", mutex.try_lock().is_err());

    struct PanicsWhenDropped;
    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("in the destructor");
        }
    }
    let joined = thread::spawn(|| drop(PanicsWhenDropped)).join();
    equal("a panic in a destructor", joined.unwrap_err().downcast_ref::<&str>().copied(), Some("in the destructor"));

    let scoped = panic::catch_unwind(AssertUnwindSafe(|| {
        thread::scope(|scope| {
            scope.spawn(|| drop(Counted(&drops)));
            scope.spawn(|| panic!("one of them"));
        });
    }));
    check("a scope panics if one of its threads did", scoped.is_err());
    equal("after all of them have ended", drops.load(SeqCst), 3);

    let threads: Vec<_> = (0..50)
        .map(|i| {
            thread::spawn(move || {
                if i % 2 == 0 {
                    panic!("{i}")
                }
            })
        })
        .collect();
    let failed = threads.into_iter().map(|t| t.join()).filter(Result::is_err).count();
    equal("half of fifty threads panic", failed, 25);
    // Six besides those; one is the scope's own.
    equal("the hook saw every panic", hooked.load(SeqCst), 25 + 6);
    panic::set_hook(hook);
}

thread_local! {
    static OWN: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
    static NOTE: NoteDrop = const { NoteDrop };
}
static NOTED: AtomicU32 = AtomicU32::new(0);
struct NoteDrop;
impl Drop for NoteDrop {
    fn drop(&mut self) {
        NOTED.fetch_add(1, SeqCst);
    }
}

fn thread_locals() {
    OWN.with_borrow_mut(|own| own.push(1));
    let length = thread::spawn(|| {
        NOTE.with(|_| ());
        OWN.with_borrow_mut(|own| own.extend([1, 2, 3]));
        OWN.with_borrow(Vec::len)
    });
    equal("a thread has values of its own", length.join().unwrap(), 3);
    equal("which are dropped with it", NOTED.load(SeqCst), 1);
    equal("and are not main's", OWN.with_borrow(Vec::len), 1);
}

fn names_and_stacks() {
    let builder = thread::Builder::new().name("a name of its own".into()).stack_size(1 << 20);
    let deep = builder.spawn(|| {
        let room = std::hint::black_box([1u8; 900 << 10]);
        (thread::current().name().map(String::from), room.iter().map(|&b| b as usize).sum::<usize>())
    });
    equal("name and stack", deep.unwrap().join().unwrap(), (Some("a name of its own".into()), 900 << 10));
    let cores: usize = std::env::args().nth(1).and_then(|cores| cores.parse().ok()).expect("the number of cores");
    equal("available_parallelism", thread::available_parallelism().unwrap().get(), cores);
    let (ours, theirs) = (thread::current().id(), thread::spawn(|| thread::current().id()).join().unwrap());
    check("ids differ", ours != theirs);
}

fn waiting() {
    let parked = thread::spawn(|| {
        thread::park();
        1
    });
    parked.thread().unpark();
    equal("unpark wakes who parks, or will", parked.join().unwrap(), 1);
    let before = Instant::now();
    thread::park_timeout(Duration::from_millis(5));
    check("park_timeout", before.elapsed() < Duration::from_secs(20));

    let pair = Arc::new((Mutex::new(0), Condvar::new()));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let pair = pair.clone();
            thread::spawn(move || {
                let guard = pair.1.wait_while(pair.0.lock().unwrap(), |turn| *turn == 0).unwrap();
                *guard
            })
        })
        .collect();
    *pair.0.lock().unwrap() = 9;
    pair.1.notify_all();
    equal("a condition wakes all", threads.into_iter().map(|t| t.join().unwrap()).sum::<i32>(), 36);
    let before = Instant::now();
    let timed_out =
        pair.1.wait_timeout_while(pair.0.lock().unwrap(), Duration::from_millis(8), |_| true).unwrap().1.timed_out();
    check("a condition in vain ends in time", timed_out && before.elapsed() >= Duration::from_millis(8));

    let barrier = Barrier::new(5);
    let leaders = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..5 {
            scope
                .spawn(|| (0..20).for_each(|_| drop(barrier.wait().is_leader().then(|| leaders.fetch_add(1, SeqCst)))));
        }
    });
    equal("a barrier has one leader a round", leaders.load(SeqCst), 20);

    let lock = RwLock::new(0u32);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..1000).for_each(|_| *lock.write().unwrap() += 1));
            scope.spawn(|| (0..1000).for_each(|_| assert!(*lock.read().unwrap() <= 3000)));
        }
    });
    equal("a read-write lock counts right", *lock.read().unwrap(), 3000);

    static LAZY: LazyLock<u32> = LazyLock::new(|| {
        thread::yield_now();
        NOTED.fetch_add(100, SeqCst)
    });
    let once = OnceLock::new();
    thread::scope(|scope| {
        for i in 0..6 {
            let once = &once;
            scope.spawn(move || (*LAZY, *once.get_or_init(|| i)));
        }
    });
    equal("LazyLock runs once", NOTED.load(SeqCst) / 100, 1);
    check("OnceLock keeps one", once.get().is_some());

    let (sender, receiver) = mpsc::sync_channel(2);
    let senders: Vec<_> = (0..4u64)
        .map(|i| {
            let sender = sender.clone();
            thread::spawn(move || (0..500).for_each(|k| sender.send(i * 500 + k).unwrap()))
        })
        .collect();
    drop(sender);
    equal("a channel of two loses nothing", receiver.iter().sum::<u64>(), 1999 * 1000);
    senders.into_iter().for_each(|t| t.join().unwrap());
    let (sender, receiver) = mpsc::channel::<()>();
    equal(
        "nothing comes in time",
        receiver.recv_timeout(Duration::from_millis(3)),
        Err(mpsc::RecvTimeoutError::Timeout),
    );
    drop(sender);
    equal("nor from nobody", receiver.recv(), Err(mpsc::RecvError));
}

fn time() {
    let mut last = Instant::now();
    let back = (0..100_000).filter(|_| std::mem::replace(&mut last, Instant::now()) > last).count();
    equal("Instant never goes back", back, 0);
    let before = Instant::now();
    thread::sleep(Duration::from_millis(12));
    check("sleep is not short", before.elapsed() >= Duration::from_millis(12));
    check("SystemTime is after 2023", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() > 1_700_000_000);
}

fn spawn_all(stay: &Arc<(Mutex<bool>, Condvar)>) -> (Vec<thread::JoinHandle<()>>, std::io::Error) {
    let mut threads = Vec::with_capacity(1024);
    loop {
        let stay = stay.clone();
        let spawned = thread::Builder::new().stack_size(32 << 20).spawn(move || {
            drop(stay.1.wait_while(stay.0.lock().unwrap(), |leave| !*leave).unwrap());
        });
        match spawned {
            Ok(thread) => threads.push(thread),
            Err(error) => return (threads, error),
        }
    }
}

fn running_out() {
    let mut before = None;
    for round in 0..4 {
        let stay = Arc::new((Mutex::new(false), Condvar::new()));
        let (threads, error) = spawn_all(&stay);
        equal("spawning until memory ends is an error", error.kind(), std::io::ErrorKind::WouldBlock);
        check("after many", threads.len() > 100 && threads.len() < 128);
        *stay.0.lock().unwrap() = true;
        stay.1.notify_all();
        threads.into_iter().for_each(|t| t.join().unwrap());
        equal("and the program goes on", thread::spawn(|| 1).join().unwrap(), 1);
        if round == 1 {
            before = Some(counts());
        }
    }
    let (before, after) = (before.unwrap(), counts());
    equal("promises are as before", after.promised_pages, before.promised_pages);
    equal("areas are as before", after.areas, before.areas);
    check("pages are as before", after.free_pages.abs_diff(before.free_pages) <= 16);
    let refused = Vec::<u8>::new().try_reserve_exact(6 << 30);
    check("try_reserve of more than there is", refused.is_err());
}

fn coming_and_going() {
    (0..100).for_each(|_| thread::spawn(|| ()).join().unwrap());
    let before = counts();
    (0..3000u32).for_each(|i| assert_eq!(thread::spawn(move || i).join().unwrap(), i));
    equal("3,000 threads leave the counts as they were", counts(), before);
}

fn main() -> ExitCode {
    panics();
    thread_locals();
    names_and_stacks();
    waiting();
    time();
    running_out();
    coming_and_going();
    end()
}
