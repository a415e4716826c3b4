//! Collections, sorting, shared ownership and iterators.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::{Rc, Weak};

use super::Outcome;

pub fn vec() -> Outcome {
    let mut squares: Vec<u64> = (1..=10).map(|n| n * n).collect();
    let sum: u64 = squares.iter().sum();
    squares.retain(|n| n % 2 == 0);
    squares.insert(0, 7);
    squares.swap(0, 1);
    let last = squares.pop();
    Ok(format!("sum {sum} {squares:?} {last:?}"))
}

pub fn hashmap() -> Outcome {
    // Two maps have different random keys; both must find everything.
    let lengths: HashMap<String, usize> = (0..1000).map(|n| (format!("key {n}"), n)).collect();
    let sum: usize = (0..1000).map(|n| lengths[&format!("key {n}")]).sum();
    let distinct: HashSet<usize> = lengths.values().map(|n| n % 7).collect();
    Ok(format!(
        "{} entries, sum {sum}, {} remainders, key 1000 {:?}",
        lengths.len(),
        distinct.len(),
        lengths.get("key 1000")
    ))
}

pub fn btreemap() -> Outcome {
    let mut count: BTreeMap<&str, u32> = BTreeMap::new();
    for word in "the kernel the thread the cap a thread".split(' ') {
        *count.entry(word).or_default() += 1;
    }
    let from_k: Vec<&&str> = count.range("k"..).map(|(word, _)| word).collect();
    Ok(format!("{count:?} {from_k:?}"))
}

pub fn sort() -> Outcome {
    let mut numbers = [5, 3, 9, 1, 7];
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    let mut words = ["untyped", "slot", "cnode", "tcb"];
    words.sort_by_key(|word| word.len()); // stable: equal lengths keep their order
    let found = [1, 3, 5, 7, 9].binary_search(&7);
    Ok(format!("{numbers:?} {words:?} {found:?}"))
}

pub fn rc() -> Outcome {
    struct Node {
        parent: Weak<RefCell<Vec<i32>>>,
    }
    let shared = Rc::new(RefCell::new(vec![1]));
    let node = Node { parent: Rc::downgrade(&shared) };
    let second = Rc::clone(&shared);
    second.borrow_mut().push(2);
    let counts = (Rc::strong_count(&shared), Rc::weak_count(&shared));
    let seen = node.parent.upgrade().map(|list| list.borrow().clone());
    drop((shared, second));
    Ok(format!("{counts:?} {seen:?} then {:?}", node.parent.upgrade().is_none()))
}

pub fn iterators() -> Outcome {
    let (even, odd): (Vec<u32>, Vec<u32>) = (1..=9).partition(|n| n % 2 == 0);
    let pairs: Vec<(u32, char)> = even.iter().copied().zip("abc".chars()).skip(1).collect();
    let folded = odd.iter().rev().fold(String::new(), |text, n| text + &n.to_string());
    let windows: Vec<u32> = odd.windows(2).map(|pair| pair[1] * pair[0]).collect();
    Ok(format!("{pairs:?} {folded} {windows:?} {:?}", odd.chunks(2).map(<[u32]>::len).max()))
}
