//! What std takes from the system: thread-local values, arguments, environment, clocks.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Outcome;

pub fn thread_local() -> Outcome {
    thread_local! {
        static COUNT: Cell<u32> = const { Cell::new(40) };
        static NAMES: RefCell<Vec<String>> = RefCell::new(vec!["lazily made".to_owned()]);
    }
    COUNT.set(COUNT.get() + 2);
    NAMES.with_borrow_mut(|names| names.push(format!("count {}", COUNT.get())));
    Ok(NAMES.with_borrow(|names| names.join(", ")))
}

thread_local! {
    /// The program's arguments, as C's `main` got them.
    pub static ARGS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

pub fn args() -> Outcome {
    let given = ARGS.with_borrow(Vec::clone);
    // Empty where the program began in C's main, as std documents for a libc other than glibc.
    let std: Vec<String> = std::env::args().collect();
    if !std.is_empty() && std != given {
        return Err(format!("given {given:?}, but std has {std:?}").into());
    }
    Ok(format!("{} given, {given:?}", given.len()))
}

pub fn vars() -> Outcome {
    // SAFETY: there is no second thread that could read the environment at the same time.
    unsafe { std::env::set_var("SEL4_STD_SET_BY_REPORT", "yes") };
    let set = std::env::var("SEL4_STD_SET_BY_REPORT")?;
    let missing = std::env::var("SEL4_STD_NOT_SET").is_err();
    let mut given: Vec<String> = std::env::vars()
        .map(|(name, value)| format!("{name}={value}"))
        .filter(|v| v.starts_with("SEL4_STD_GIVEN"))
        .collect();
    given.sort();
    Ok(format!("given {given:?}, set {set}, missing {missing}"))
}

/// The monotonic clock advances, never turns back, and a pause lasts at least as long as it was asked to.
pub fn instant() -> Outcome {
    const PAUSE: Duration = Duration::from_millis(20);
    let mut last = Instant::now();
    for _ in 0..1000 {
        let now = Instant::now();
        if now < last {
            return Err(format!("the clock turned back by {:?}", last - now).into());
        }
        last = now;
    }
    let before = Instant::now();
    std::thread::sleep(PAUSE);
    let slept = before.elapsed();
    if slept < PAUSE {
        return Err(format!("a pause of {PAUSE:?} lasted {slept:?}").into());
    }
    Ok(format!("1000 readings in order, a pause of {PAUSE:?} was at least that"))
}

/// The date is one that this program can see, and it advances with the monotonic clock.
pub fn date() -> Outcome {
    /// 2026-01-01 00:00:00 UTC in seconds since 1970: before this program was written.
    const WRITTEN: u64 = 1_767_225_600;
    let (first, started) = (SystemTime::now(), Instant::now());
    let since = first.duration_since(UNIX_EPOCH)?;
    if since.as_secs() < WRITTEN {
        return Err(format!("{} s since 1970 is before this program was written", since.as_secs()).into());
    }
    while started.elapsed() < Duration::from_millis(5) {
        std::hint::spin_loop();
    }
    let advanced = SystemTime::now().duration_since(first)?;
    let passed = started.elapsed();
    if advanced < Duration::from_millis(4) || advanced > passed + Duration::from_millis(1) {
        return Err(format!("the date advanced by {advanced:?} in {passed:?}").into());
    }
    Ok("after 2025, and it advances".to_owned())
}
