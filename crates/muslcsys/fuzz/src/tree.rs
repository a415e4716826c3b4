//! What is true of every tree of files.

use muslcsys::fs::node::{Kind, Node};
use muslcsys::fs::walk::NAME_MAX;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Names of a file, or what leads to a directory, by device and number.
type Counts = BTreeMap<(u64, u64), (u32, u32)>;

/// Looks at everything below `root`: each directory is in one place and knows it, each name is one, is found and listed as the same node,
/// and each node counts its names.
pub fn check(root: &Arc<dyn Node>) {
    let mut counts = Counts::new();
    let mut left = vec![root.clone()];
    let mut seen = BTreeSet::new();
    while let Some(directory) = left.pop() {
        let told = directory.metadata();
        assert!(seen.insert((told.device, told.number)), "a directory in two places");
        let mut below = 0;
        let mut names = BTreeSet::new();
        for (name, number, kind) in entries(&directory) {
            assert!(
                !name.is_empty() && name.len() <= NAME_MAX && name != b"." && name != b".." && !name.contains(&b'/')
            );
            let node = directory.lookup(&name).expect("what is listed is found");
            let has = node.metadata();
            assert_eq!(has.kind, kind, "listed as another kind");
            if kind == Kind::Directory {
                below += 1;
                let (parent, place) = node.place().expect("a directory in the tree has a place");
                assert_eq!((number_of(&parent), &*place), ((told.device, told.number), &name[..]));
                left.push(node);
            } else {
                assert_eq!(has.number, number, "listed as another node");
                let count = counts.entry((has.device, has.number)).or_insert((0, has.links));
                count.0 += 1;
            }
            assert!(names.insert(name), "one name twice");
        }
        assert_eq!(told.links, 2 + below, "a directory's links");
    }
    for (node, (names, links)) in counts {
        assert_eq!(names, links, "links of {node:?}");
    }
}

fn number_of(node: &Arc<dyn Node>) -> (u64, u64) {
    let told = node.metadata();
    (told.device, told.number)
}

/// Name, number and kind of each entry, read a few at a time.
fn entries(directory: &Arc<dyn Node>) -> Vec<(Vec<u8>, u64, Kind)> {
    let mut all = Vec::new();
    let mut position = 0;
    loop {
        let before = all.len();
        let mut few = 3;
        let given = directory.entries(position, &mut |entry| {
            assert!(entry.next > position, "positions grow");
            position = entry.next;
            all.push((entry.name.to_vec(), entry.number, entry.kind));
            few -= 1;
            few > 0
        });
        given.expect("a directory in the tree can be read");
        if all.len() == before {
            return all;
        }
    }
}
