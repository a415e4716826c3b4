//! stdbench: cost of std's primitives on seL4, one line each, the same program that was measured on Linux (../linux.tsv).
//!
//! Line format (space separated):
//!   BENCH <name> <ops> <total_ns round 1> <ns/op round 1> <ns/op round 2>
//!   SKIP  <name> <reason>
//!   NOTE  <free text>
//! Arguments of the form +substring: if any are given, only benchmarks whose name contains one of them run.
//!
//! What is measured must stay as it is, line by line, or the comparison with Linux's numbers ends.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::hint::black_box;
use std::io;
use std::mem::MaybeUninit;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{mpsc, Arc, Barrier, Condvar, Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};

mod bare;
mod files;
mod plat;
mod streams;

type Res = Result<(u64, Duration), String>;

fn es<E: std::fmt::Display>(e: E) -> String { e.to_string() }

struct Ctx { only: Vec<String> }

impl Ctx {
    /// `f(n)` does n iterations and says (operations done, time taken).
    /// A warm-up of n/8+1 iterations comes first, then two measured rounds.
    fn custom(&self, name: &str, n: u64, f: impl Fn(u64) -> Res) {
        if !self.only.is_empty() && !self.only.iter().any(|o| name.contains(o.as_str())) { return; }
        let r = panic::catch_unwind(AssertUnwindSafe(|| -> Result<_, String> {
            f(n / 8 + 1)?;
            Ok((f(n)?, f(n)?))
        }));
        match r {
            Ok(Ok(((o1, t1), (o2, t2)))) => {
                let (a, b) = (t1.as_nanos() as f64 / o1 as f64, t2.as_nanos() as f64 / o2 as f64);
                println!("BENCH {name} {o1} {} {a:.2} {b:.2}", t1.as_nanos());
            }
            Ok(Err(e)) => println!("SKIP {name} {e}"),
            Err(_) => println!("SKIP {name} panicked"),
        }
    }

    fn simple(&self, name: &str, n: u64, op: impl Fn(u64)) {
        self.custom(name, n, |n| {
            let t = Instant::now();
            for i in 0..n { op(i); }
            Ok((n, t.elapsed()))
        });
    }

    fn fallible(&self, name: &str, n: u64, op: impl Fn(u64) -> io::Result<()>) {
        self.custom(name, n, |n| {
            let t = Instant::now();
            for i in 0..n { op(i).map_err(es)?; }
            Ok((n, t.elapsed()))
        });
    }
}

fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Result<thread::JoinHandle<T>, String> {
    thread::Builder::new().spawn(f).map_err(es)
}

fn join<T>(h: thread::JoinHandle<T>) -> Result<T, String> {
    h.join().map_err(|_| "thread panicked".to_string())
}

const MIB: usize = 1 << 20;

fn box_bytes(n: usize) -> Box<[MaybeUninit<u8>]> { black_box(Box::new_uninit_slice(n)) }

fn touch(p: *mut u8, len: usize) {
    let mut i = 0;
    while i < len {
        // SAFETY: the caller owns `len` bytes at `p`.
        unsafe { p.add(i).write_volatile(1) };
        i += 4096;
    }
}

fn cpu_and_time(c: &Ctx) {
    c.simple("empty_loop", 1_000_000, |i| { black_box(i); });
    c.simple("instant_now", 20_000, |_| { black_box(Instant::now()); });
    c.simple("null_syscall", 20_000, |_| plat::null_syscall());
    c.simple("env_var", 20_000, |_| { black_box(std::env::var(black_box("STDBENCH_7")).ok()); });
    c.simple("fmt_ints", 5_000, |i| { black_box(format!("{} {} {:x}", i, i as i32 - 77, black_box(0xdead_beef_u32))); });
    c.simple("fmt_f64", 5_000, |i| { black_box(format!("{}", black_box(i as f64 * 0.37 + 3.141592653589793))); });
    c.simple("fmt_f64_prec3", 5_000, |i| { black_box(format!("{:.3}", black_box(i as f64 * 0.37 + 3.141592653589793))); });
    c.simple("catch_unwind_panic", 500, |i| {
        let r = panic::catch_unwind(|| { if black_box(i) < u64::MAX { panic::panic_any(7u32) } });
        assert!(r.is_err());
    });
    c.simple("catch_unwind_no_panic", 20_000, |i| { black_box(panic::catch_unwind(|| { black_box(i); }).is_ok()); });
    c.simple("random_state_new", 10_000, |i| { black_box(RandomState::new().hash_one(i)); });
    c.simple("hashmap_new", 10_000, |_| { black_box(HashMap::<u64, u64>::new()); });
    c.custom("random_state_new_fresh_thread", 200, |n| {
        // A new thread has no cached keys, so this asks the system for randomness.
        let mut sum = Duration::ZERO;
        for _ in 0..n {
            sum += join(spawn(|| { let t = Instant::now(); black_box(RandomState::new()); t.elapsed() })?)?;
        }
        Ok((n, sum))
    });
    let key = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (i >> 7);
    const N: u64 = 100_000;
    c.custom("hashmap_insert_100k", 3, |n| {
        let mut d = Duration::ZERO;
        for _ in 0..n {
            let mut m = HashMap::new();
            let t = Instant::now();
            for i in 0..N { m.insert(key(i), i); }
            d += t.elapsed();
            black_box(&m);
        }
        Ok((n * N, d))
    });
    c.custom("hashmap_lookup_100k", 3, |n| {
        let m: HashMap<u64, u64> = (0..N).map(|i| (key(i), i)).collect();
        let t = Instant::now();
        for _ in 0..n { for i in 0..N { black_box(m.get(&key(i))); } }
        Ok((n * N, t.elapsed()))
    });
}

fn memory(c: &Ctx) {
    c.simple("box_64B", 20_000, |_| { box_bytes(64); });
    c.simple("box_4KiB", 20_000, |_| { box_bytes(4096); });
    c.simple("box_1MiB", 500, |_| { box_bytes(MIB); });
    c.simple("box_1MiB_touch_pages", 100, |_| { let mut b = box_bytes(MIB); touch(b.as_mut_ptr().cast(), MIB); black_box(b); });
    c.simple("vec_push_to_16MiB", 2, |_| {
        let mut v: Vec<u8> = Vec::new();
        for i in 0..16 * MIB { v.push(black_box(i as u8)); }
        black_box(v);
    });
    c.simple("vec_extend4K_to_16MiB", 4, |_| {
        let (mut v, chunk): (Vec<u8>, _) = (Vec::new(), black_box([5u8; 4096]));
        for _ in 0..16 * MIB / 4096 { v.extend_from_slice(&chunk); }
        black_box(v);
    });
    c.simple("alloc_touch_free_16MiB", 4, |_| {
        let mut b = box_bytes(16 * MIB);
        touch(b.as_mut_ptr().cast(), 16 * MIB);
        black_box(b);
    });
    c.custom("touch_fresh_16MiB_per_page", 4, |n| {
        let mut d = Duration::ZERO;
        for _ in 0..n {
            let mut b = box_bytes(16 * MIB);
            let t = Instant::now();
            touch(b.as_mut_ptr().cast(), 16 * MIB);
            d += t.elapsed();
            black_box(b);
        }
        Ok((n * (16 * MIB / 4096) as u64, d))
    });
    c.simple("vec_zeroed_16MiB_fill", 4, |_| { let mut v = vec![0u8; 16 * MIB]; v.fill(black_box(3)); black_box(v); });
}

fn sync_and_threads(c: &Ctx) {
    let m = Mutex::new(0u64);
    c.simple("mutex_uncontended", 50_000, |_| { *black_box(&m).lock().unwrap() += 1; });
    let rw = RwLock::new(0u64);
    c.simple("rwlock_read_uncontended", 50_000, |_| { black_box(*black_box(&rw).read().unwrap()); });
    c.simple("rwlock_write_uncontended", 50_000, |_| { *black_box(&rw).write().unwrap() += 1; });
    c.custom("mutex_handoff", 2_000, |n| {
        // Two threads go round a ring of three locks, always taking the next before leaving the
        // last, so each step blocks one thread and wakes the other. op = one step of one thread.
        let ring = Arc::new([Mutex::new(()), Mutex::new(()), Mutex::new(())]);
        let start = Arc::new(Barrier::new(2));
        let walk = move |ring: Arc<[Mutex<()>; 3]>, start: Arc<Barrier>, at: usize| {
            let mut held = ring[at].lock().unwrap();
            start.wait();
            let t = Instant::now();
            for i in 0..n as usize {
                let next = ring[(at + i + 1) % 3].lock().unwrap();
                drop(std::mem::replace(&mut held, next));
            }
            drop(held);
            t.elapsed()
        };
        let (r2, s2) = (ring.clone(), start.clone());
        let h = spawn(move || walk(r2, s2, 1))?;
        let d = walk(ring, start, 0);
        let e = join(h)?;
        Ok((2 * n, d.max(e)))
    });
    c.custom("condvar_ping_pong_rt", 2_000, |n| {
        let p = Arc::new((Mutex::new(0u64), Condvar::new()));
        // Turn counter: even = ours, odd = the peer's.
        fn turn(p: &(Mutex<u64>, Condvar), parity: u64) {
            let mut g = p.0.lock().unwrap();
            while *g % 2 != parity { g = p.1.wait(g).unwrap(); }
            *g += 1;
            p.1.notify_one();
        }
        let p2 = p.clone();
        let h = spawn(move || for _ in 0..n + 1 { turn(&p2, 1) })?;
        turn(&p, 0);
        drop(p.1.wait_while(p.0.lock().unwrap(), |g| *g % 2 != 0).unwrap());
        let t = Instant::now();
        for _ in 0..n {
            turn(&p, 0);
            drop(p.1.wait_while(p.0.lock().unwrap(), |g| *g % 2 != 0).unwrap());
        }
        let d = t.elapsed();
        join(h)?;
        Ok((n, d))
    });
    fn chan(n: u64, a: impl Fn(u64), get: mpsc::Receiver<u64>, peer: impl FnOnce() + Send + 'static) -> Res {
        let h = spawn(peer)?;
        a(0);
        get.recv().map_err(es)?;
        let t = Instant::now();
        for i in 0..n { a(i); black_box(get.recv().map_err(es)?); }
        let d = t.elapsed();
        join(h)?;
        Ok((n, d))
    }
    c.custom("sync_channel0_ping_pong_rt", 2_000, |n| {
        let ((t1, r1), (t2, r2)) = (mpsc::sync_channel(0), mpsc::sync_channel(0));
        chan(n, move |i| t1.send(i).unwrap(), r2, move || for _ in 0..n + 1 { t2.send(r1.recv().unwrap()).unwrap() })
    });
    c.custom("channel_ping_pong_rt", 2_000, |n| {
        let ((t1, r1), (t2, r2)) = (mpsc::channel(), mpsc::channel());
        chan(n, move |i| t1.send(i).unwrap(), r2, move || for _ in 0..n + 1 { t2.send(r1.recv().unwrap()).unwrap() })
    });
    c.custom("park_unpark_ping_pong_rt", 2_000, |n| {
        let turn = Arc::new(AtomicU64::new(0));
        let (t2, me) = (turn.clone(), thread::current());
        let wait = |t: &AtomicU64, v: u64| while t.load(Ordering::Acquire) != v { thread::park() };
        let h = spawn(move || for i in 0..n + 1 {
            wait(&t2, 2 * i + 1);
            t2.store(2 * i + 2, Ordering::Release);
            me.unpark();
        })?;
        let step = |i: u64| { turn.store(2 * i + 1, Ordering::Release); h.thread().unpark(); wait(&turn, 2 * i + 2); };
        step(0);
        let t = Instant::now();
        for i in 1..n + 1 { step(i); }
        let d = t.elapsed();
        join(h)?;
        Ok((n, d))
    });
    c.custom("thread_spawn_join", 300, |n| {
        let t = Instant::now();
        for i in 0..n { black_box(join(spawn(move || i)?)?); }
        Ok((n, t.elapsed()))
    });
    c.simple("yield_now_alone", 5_000, |_| thread::yield_now());
    c.custom("yield_now_two_threads", 5_000, |n| {
        // op = one yield of either thread.
        let s = Arc::new((AtomicBool::new(false), AtomicBool::new(false)));
        let s2 = s.clone();
        let h = spawn(move || {
            let mut k = 0u64;
            s2.0.store(true, Ordering::Release);
            while !s2.1.load(Ordering::Acquire) { thread::yield_now(); k += 1; }
            k
        })?;
        while !s.0.load(Ordering::Acquire) { thread::yield_now(); }
        let t = Instant::now();
        for _ in 0..n { thread::yield_now(); }
        let d = t.elapsed();
        s.1.store(true, Ordering::Release);
        Ok((n + join(h)?, d))
    });
    c.simple("sleep_0", 5_000, |_| thread::sleep(black_box(Duration::ZERO)));
    c.simple("sleep_1ns", 200, |_| thread::sleep(black_box(Duration::from_nanos(1))));
    c.custom("sleep_1ms_overshoot", 100, |n| {
        let (ms, mut over) = (Duration::from_millis(1), Duration::ZERO);
        for _ in 0..n {
            let t = Instant::now();
            thread::sleep(ms);
            over += t.elapsed().saturating_sub(ms);
        }
        Ok((n, over))
    });
}

fn console(c: &Ctx) {
    let line = "0123456789".repeat(8);
    let line = &line[..79]; // with the newline, 80 bytes
    c.simple("println_80B_console", 100, |_| println!("{line}"));
}

/// What the kernel itself takes for two threads to take turns: the bound of everything above that waits. op = there and back.
fn kernel(c: &Ctx) {
    c.custom("bare_notification_rt", 2_000, |n| {
        let pair = Arc::new(bare::Pair::new()?);
        let peer = pair.clone();
        let h = spawn(move || for _ in 0..n + 1 {
            peer.wait(0);
            peer.signal(1);
        })?;
        pair.signal(0);
        pair.wait(1);
        let t = Instant::now();
        for _ in 0..n {
            pair.signal(0);
            pair.wait(1);
        }
        let d = t.elapsed();
        join(h)?;
        Ok((n, d))
    });
}

fn main() {
    let t = Instant::now();
    plat::setup();
    for i in 0..8 { // SAFETY: there is one thread.
        unsafe { std::env::set_var(format!("STDBENCH_{i}"), "some value") }; }
    panic::set_hook(Box::new(|_| {}));
    let t1 = Instant::now();
    black_box(RandomState::new());
    println!("NOTE setup_ns={} first_random_state_ns={}", (t1 - t).as_nanos(), t1.elapsed().as_nanos());
    let c = Ctx { only: std::env::args().skip(1).filter_map(|a| a.strip_prefix('+').map(String::from)).collect() };
    cpu_and_time(&c);
    memory(&c);
    sync_and_threads(&c);
    console(&c);
    files::files(&c);
    streams::streams(&c);
    kernel(&c);
    println!("NOTE total_ns={}", t.elapsed().as_nanos());
    plat::finish();
}
