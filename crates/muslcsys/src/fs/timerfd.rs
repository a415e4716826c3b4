//! timerfd_create(2): timers that are read and polled. What a timer is set to is plain arithmetic; the open file is in `open`.

#[cfg(target_vendor = "sel4")]
pub mod open;

/// What a timer is set to, in nanoseconds of its clock.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Setting {
    /// When it expires next; nothing if it is not set.
    pub next: Option<u64>,
    /// From one expiration to the following ones; 0 for none.
    pub interval: u64,
}

impl Setting {
    /// Whether it has expired.
    pub fn has_expired(&self, now: u64) -> bool {
        self.next.is_some_and(|next| next <= now)
    }

    /// How often it has expired since this was last asked.
    pub fn take(&mut self, now: u64) -> u64 {
        let Some(next) = self.next.filter(|&next| next <= now) else { return 0 };
        if self.interval == 0 {
            self.next = None;
            return 1;
        }
        let times = (now - next) / self.interval + 1;
        self.next = next.checked_add(times.saturating_mul(self.interval));
        times
    }

    /// Nanoseconds to the next expiration that is still to come; 0 if there is none.
    pub fn left(&self, now: u64) -> u64 {
        let mut ahead = *self;
        ahead.take(now);
        ahead.next.map_or(0, |next| next - now)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn once() {
        let mut setting = Setting { next: Some(10), interval: 0 };
        assert_eq!((setting.take(9), setting.left(9), setting.has_expired(9)), (0, 1, false));
        assert!(setting.has_expired(10));
        assert_eq!((setting.left(10), setting.take(10), setting.take(99)), (0, 1, 0));
        assert_eq!(Setting::default().left(5), 0);
    }

    #[test]
    fn again_and_again() {
        let mut setting = Setting { next: Some(10), interval: 4 };
        assert_eq!(setting.left(10), 4);
        assert_eq!((setting.take(17), setting.take(17), setting.left(17), setting.take(18)), (2, 0, 1, 1));
    }

    proptest! {
        #![proptest_config(crate::testing::cases(20))]
        /// Against counting one by one; and numbers of any size do not overflow.
        #[test]
        fn as_counted(first in 0..100u64, interval in 1..20u64, nows in prop::collection::vec(0..300u64, 1..10), any: [u64; 3]) {
            let mut setting = Setting { next: Some(first), interval };
            let mut next = first;
            let mut now = 0;
            for step in nows {
                now = now.max(step);
                let mut count = 0;
                while next <= now {
                    (next, count) = (next + interval, count + 1);
                }
                prop_assert_eq!(setting.take(now), count);
                prop_assert_eq!(setting.left(now), next - now);
            }
            let mut setting = Setting { next: Some(any[0]), interval: any[1] };
            setting.left(any[2]);
            setting.take(any[2]);
        }
    }
}
