//! The map of areas, piece by piece and against an array of pages.

use super::*;
use proptest::prelude::*;

const RANGE: Range<usize> = 16 * PAGE..80 * PAGE;
const RW: Attributes = Attributes::READ.union(Attributes::WRITE).union(Attributes::CHARGED);

fn area(first: usize, pages: usize, attributes: Attributes) -> Area {
    Area::new(first * PAGE..(first + pages) * PAGE, attributes)
}

/// An area that shows a file from a page on.
fn of_file(first: usize, pages: usize, file: usize, page: u64) -> Area {
    let view = Some(View { file: FileId::new(file).unwrap(), page });
    Area { view, ..area(first, pages, Attributes::READ | Attributes::FILE | Attributes::SHARED) }
}

#[test]
fn a_hole_splits_and_filling_it_joins() {
    let mut areas = Areas::new(RANGE, 1000);
    areas.insert(area(20, 10, RW)).unwrap();
    assert_eq!(areas.remove_first(24 * PAGE..26 * PAGE), Some(area(24, 2, RW)));
    assert_eq!((areas.count(), areas.charged()), (2, 8));
    assert!(!areas.covers(20 * PAGE..30 * PAGE) && areas.is_free(24 * PAGE..26 * PAGE));
    areas.insert(area(24, 2, RW)).unwrap();
    assert_eq!((areas.count(), areas.charged()), (1, 10));
    assert!(areas.covers(20 * PAGE..30 * PAGE));
}

#[test]
fn a_change_that_joins_with_what_follows_ends() {
    let mut areas = Areas::new(RANGE, 1000);
    areas.insert(area(20, 10, RW)).unwrap();
    areas.change(24 * PAGE..25 * PAGE, |_| Attributes::READ | Attributes::CHARGED).unwrap();
    assert_eq!(areas.count(), 3);
    areas.change(24 * PAGE..25 * PAGE, |_| RW).unwrap();
    assert_eq!((areas.count(), areas.find(29 * PAGE)), (1, Some(area(20, 10, RW))));
}

#[test]
fn pieces_of_a_file_join_only_in_the_order_of_its_pages() {
    let (mut areas, file) = (Areas::new(RANGE, 1000), FileId::new(1).unwrap());
    areas.insert(of_file(20, 10, 1, 5)).unwrap();
    assert_eq!(areas.remove_first(24 * PAGE..26 * PAGE), Some(of_file(24, 2, 1, 9)));
    areas.insert(of_file(24, 1, 1, 9)).unwrap();
    areas.insert(of_file(25, 1, 1, 9)).unwrap();
    assert_eq!((areas.count(), areas.find(24 * PAGE)), (3, Some(of_file(20, 5, 1, 5))));
    assert_eq!(areas.find(29 * PAGE), Some(of_file(26, 4, 1, 11)));
    assert_eq!(areas.showing(file, &(9..13), 0), Some(of_file(24, 1, 1, 9)));
    assert_eq!(areas.showing(file, &(9..13), 25 * PAGE), Some(of_file(25, 1, 1, 9)));
    assert_eq!(areas.showing(file, &(9..13), 26 * PAGE), Some(of_file(26, 2, 1, 11)));
    assert_eq!(areas.showing(file, &(9..13), 28 * PAGE), None);
    assert_eq!(areas.showing(file, &(0..5), 0), None);
    assert_eq!(areas.showing(FileId::new(2).unwrap(), &(0..99), 0), None);
    areas.change(0..RANGE.end, |old| old | Attributes::DYING).unwrap();
    assert_eq!((areas.shows(file), areas.showing(file, &(0..99), 0)), (true, None));
}

#[test]
fn a_file_is_idle_once_no_area_shows_it() {
    let (mut areas, file) = (Areas::new(RANGE, 1000), FileId::new(1).unwrap());
    areas.insert(of_file(20, 4, 1, 0)).unwrap();
    areas.insert(of_file(30, 4, 1, 0)).unwrap();
    areas.remove_first(20 * PAGE..24 * PAGE);
    assert_eq!((areas.shows(file), areas.take_idle()), (true, false));
    areas.remove_first(30 * PAGE..32 * PAGE);
    assert!(areas.shows(file));
    areas.remove_first(32 * PAGE..34 * PAGE);
    assert_eq!((areas.shows(file), areas.take_idle(), areas.take_idle()), (false, true, false));
}

#[test]
fn promises_end_at_the_limit_and_change_nothing() {
    // The table that the range needs, and what is remembered of it.
    let mut areas = Areas::new(RANGE, 10 + 1 + spans::pages_of_records(1));
    areas.insert(area(20, 6, RW)).unwrap();
    assert_eq!(areas.insert(area(40, 5, RW)), Err(Full));
    assert!(areas.is_free(40 * PAGE..45 * PAGE));
    areas.insert(area(40, 5, Attributes::empty())).unwrap();
    assert_eq!(areas.change(40 * PAGE..45 * PAGE, |_| RW), Err(Full));
    assert_eq!(areas.find(41 * PAGE).unwrap().attributes, Attributes::empty());
    areas.change(40 * PAGE..44 * PAGE, |_| RW).unwrap();
    assert_eq!(areas.charged(), 10);
}

#[test]
fn dying_addresses_are_nobodys_and_not_free() {
    let mut areas = Areas::new(RANGE, 1000);
    areas.insert(area(20, 8, RW)).unwrap();
    areas.change(22 * PAGE..40 * PAGE, |old| old | Attributes::DYING).unwrap();
    let dying = areas.first_dying(20 * PAGE..24 * PAGE);
    assert_eq!(dying, Some(area(22, 2, RW | Attributes::DYING)));
    assert!(areas.covers(20 * PAGE..22 * PAGE));
    areas.change(20 * PAGE..28 * PAGE, |old| old | Attributes::DYING).unwrap();
    assert!(!areas.covers(20 * PAGE..21 * PAGE) && !areas.is_free(20 * PAGE..21 * PAGE));
    while areas.remove_first(20 * PAGE..28 * PAGE).is_some() {}
    assert_eq!((areas.charged(), areas.choose(64 * PAGE, PAGE)), (0, Some(RANGE.start)));
}

#[test]
fn page_tables_are_promised_with_the_pages_that_need_them() {
    const SPAN: usize = 512;
    let mut areas = Areas::new(0..64 * SPAN * PAGE, 10 + 3 + spans::pages_of_records(3));
    for span in 0..3 {
        areas.insert(area(span * SPAN, 3, RW)).unwrap();
    }
    assert_eq!((areas.insert(area(3 * SPAN, 1, RW)), areas.spans()), (Err(Full), 3));
    assert_eq!(areas.insert(area(3, 2, RW)), Err(Full));
    areas.insert(area(3, 1, RW)).unwrap();
    // What no one may touch needs none, until someone may.
    areas.insert(area(4 * SPAN, 5 * SPAN, Attributes::empty())).unwrap();
    assert_eq!(areas.change(4 * SPAN * PAGE..(4 * SPAN + 1) * PAGE, |_| RW), Err(Full));
    while areas.remove_first(0..8 * PAGE).is_some() {}
    assert_eq!(areas.spans(), 2);
    areas.change(4 * SPAN * PAGE..(4 * SPAN + 1) * PAGE, |_| RW).unwrap();
    assert_eq!(areas.spans(), 3);
}

#[test]
fn a_replacement_is_promised_before_anything_goes() {
    let mut areas = Areas::new(RANGE, 10 + 1 + spans::pages_of_records(1));
    areas.insert(area(20, 8, RW)).unwrap();
    assert_eq!(areas.charge_replacement(24 * PAGE..32 * PAGE, RW), Err(Full));
    assert_eq!(areas.charged(), 8);
    let counted = areas.charge_replacement(24 * PAGE..30 * PAGE, RW).unwrap();
    assert_eq!((counted, areas.charged()), (2, 10));
    areas.replace(area(24, 6, RW), counted);
    assert_eq!((areas.charged(), areas.find(29 * PAGE)), (10, Some(area(20, 10, RW))));
}

#[test]
fn an_aligned_choice_is_aligned() {
    let mut areas = Areas::new(RANGE, 1000);
    areas.insert(area(16, 1, RW)).unwrap();
    assert_eq!(areas.choose(8 * PAGE, 16 * PAGE), Some(32 * PAGE));
    assert_eq!(areas.choose(48 * PAGE, 16 * PAGE), Some(32 * PAGE));
    assert_eq!(areas.choose(64 * PAGE, PAGE), None);
}

proptest! {
    #![proptest_config(crate::testing::cases(4))]
    /// The map against a plain array of pages.
    #[test]
    fn as_an_array_of_pages(ops in prop::collection::vec((0u8..4, 16usize..80, 1usize..20, 0u8..4, 0usize..3), crate::testing::steps(200))) {
        let mut areas = Areas::new(RANGE, usize::MAX / 2);
        let mut model = [None::<(Attributes, Option<View>)>; 100];
        for (op, first, pages, kind, file) in ops {
            let attributes = [Attributes::empty(), Attributes::READ | Attributes::CHARGED, RW, Attributes::EXECUTE | Attributes::CHARGED][kind as usize];
            let pages = pages.min(80 - first);
            let range = first * PAGE..(first + pages) * PAGE;
            // A file whose pages lie where their numbers say: neighbours join.
            let view = |page: usize| FileId::new(file).map(|file| View { file, page: page as u64 });
            match op {
                0 => if areas.is_free(range.clone()) {
                    prop_assert!(model[first..first + pages].iter().all(Option::is_none));
                    areas.insert(Area { view: view(first), ..area(first, pages, attributes) }).unwrap();
                    (first..first + pages).for_each(|page| model[page] = Some((attributes, view(page))));
                },
                1 => {
                    while areas.remove_first(range.clone()).is_some() {}
                    model[first..first + pages].fill(None);
                }
                2 => if areas.covers(range.clone()) {
                    areas.change(range, |old| attributes | (old & Attributes::CHARGED)).unwrap();
                    for page in &mut model[first..first + pages] {
                        *page = page.map(|(old, view)| (attributes | (old & Attributes::CHARGED), view));
                    }
                },
                _ => if let Some(start) = areas.choose(pages * PAGE, PAGE) {
                    prop_assert!(RANGE.contains(&start) && start + pages * PAGE <= RANGE.end);
                    areas.insert(area(start / PAGE, pages, attributes)).unwrap();
                    model[start / PAGE..start / PAGE + pages].fill(Some((attributes, None)));
                },
            }
            for (page, expected) in model.iter().enumerate() {
                prop_assert_eq!(areas.find(page * PAGE).map(|a| (a.attributes, a.within(&(page * PAGE..a.end)).view)), *expected);
            }
            let tabled = |p: &&Option<(Attributes, _)>| p.is_some_and(|p| p.0.contains(Attributes::CHARGED));
            prop_assert_eq!(areas.spans(), usize::from(model.iter().any(|p| tabled(&p))));
            let charged = model.iter().flatten().filter(|p| p.0.contains(Attributes::CHARGED)).count();
            prop_assert_eq!(areas.charged(), charged);
            let alike = |a: Option<(Attributes, Option<View>)>| a.map(|(attributes, view)| (attributes, view.map(|view| view.file)));
            let begins = |page: usize| model[page].is_some() && (page == 0 || alike(model[page - 1]) != alike(model[page]));
            prop_assert_eq!(areas.count(), (0..model.len()).filter(|&page| begins(page)).count(), "neighbours that are alike are one");
            let mut longest = 0;
            let mut run = 0;
            for page in &model[RANGE.start / PAGE..RANGE.end / PAGE] {
                run = if page.is_none() { run + 1 } else { 0 };
                longest = longest.max(run);
            }
            prop_assert_eq!(areas.choose(longest.max(1) * PAGE, PAGE).is_some(), longest > 0);
            prop_assert_eq!(areas.choose((longest + 1) * PAGE, PAGE), None);
        }
    }
}
