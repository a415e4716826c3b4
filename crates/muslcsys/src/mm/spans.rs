//! How many page tables the promised areas may need: one for each span of 2 MiB that holds a page of one.

use super::areas::PAGE;
use super::layout::LARGE;
use alloc::collections::BTreeMap;
use core::ops::Range;

/// Pages of one table.
pub const TABLE: usize = LARGE / PAGE;

/// Bytes of what `muslcsys` remembers of one page table: an entry of four bytes a page, and what allocating it costs.
const RECORD: usize = 2080;

/// The spans that ranges of addresses touch. Ranges do not overlap, so only the spans at a range's ends can be shared.
#[derive(Default)]
pub struct Spans {
    /// Spans that one range fills.
    filled: usize,
    /// Spans that ranges lie in in part, and how many do.
    shared: BTreeMap<usize, u32>,
}

/// The spans a range fills, and those that it has a part of: one at either end, or one if it ends where it begins.
fn spans_of(range: &Range<usize>) -> (usize, impl Iterator<Item = usize> + use<>) {
    let (first, last) = (range.start / LARGE, range.end / LARGE);
    let filled = last.saturating_sub(range.start.div_ceil(LARGE));
    let at_start = (!range.start.is_multiple_of(LARGE)).then_some(first);
    let at_end = (!range.end.is_multiple_of(LARGE) && at_start != Some(last)).then_some(last);
    (filled, at_start.into_iter().chain(at_end))
}

impl Spans {
    /// None.
    pub const fn new() -> Self {
        Self { filled: 0, shared: BTreeMap::new() }
    }

    /// How many spans are touched.
    pub fn count(&self) -> usize {
        self.filled + self.shared.len()
    }

    /// How many more a further range would touch.
    pub fn more(&self, range: &Range<usize>) -> usize {
        let (filled, shared) = spans_of(range);
        filled + shared.filter(|span| !self.shared.contains_key(span)).count()
    }

    /// Counts a range.
    pub fn add(&mut self, range: &Range<usize>) {
        let (filled, shared) = spans_of(range);
        self.filled += filled;
        shared.for_each(|span| *self.shared.entry(span).or_insert(0) += 1);
    }

    /// Counts a range no more.
    pub fn remove(&mut self, range: &Range<usize>) {
        let (filled, shared) = spans_of(range);
        self.filled -= filled;
        for span in shared {
            let ranges = self.shared.get_mut(&span).expect("a span that was counted");
            *ranges -= 1;
            if *ranges == 0 {
                self.shared.remove(&span);
            }
        }
    }
}

/// Pages of memory that the records of so many tables take.
pub fn pages_of_records(tables: usize) -> usize {
    (tables * RECORD).div_ceil(PAGE)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_range_within_one_span_touches_one() {
        let mut spans = Spans::new();
        spans.add(&(LARGE + PAGE..LARGE + 2 * PAGE));
        assert_eq!((spans.count(), spans.more(&(LARGE + 3 * PAGE..LARGE + 4 * PAGE))), (1, 0));
        assert_eq!(spans.more(&(2 * LARGE - PAGE..4 * LARGE + PAGE)), 3);
        spans.remove(&(LARGE + PAGE..LARGE + 2 * PAGE));
        assert_eq!(spans.count(), 0);
    }

    proptest! {
        #![proptest_config(crate::testing::cases(20))]
        /// Against the set of spans that hold a page.
        #[test]
        fn as_the_set_of_spans(cuts in prop::collection::btree_set(0usize..3000, 2..20), keep in any::<u32>()) {
            let cuts: Vec<_> = cuts.into_iter().map(|cut| cut * PAGE).collect();
            let ranges: Vec<_> = cuts.windows(2).map(|w| w[0]..w[1]).collect();
            let mut spans = Spans::new();
            ranges.iter().for_each(|range| spans.add(range));
            let kept = |i: usize| keep >> i & 1 != 0;
            ranges.iter().enumerate().filter(|(i, _)| !kept(*i)).for_each(|(_, range)| spans.remove(range));
            let touched = |range: &Range<usize>| (range.start..range.end).step_by(PAGE).map(|a| a / LARGE).collect::<BTreeSet<_>>();
            let mut expected = BTreeSet::new();
            ranges.iter().enumerate().filter(|(i, _)| kept(*i)).for_each(|(_, range)| expected.extend(touched(range)));
            prop_assert_eq!(spans.count(), expected.len());
            for (i, range) in ranges.iter().enumerate().filter(|(i, _)| !kept(*i)) {
                let more = touched(range).difference(&expected).count();
                prop_assert_eq!(spans.more(range), more, "range {}", i);
            }
        }
    }
}
