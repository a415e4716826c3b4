//! The path walk against a walk that is written down part by part (path_resolution(7)).

use crate::path::Path;
use arbitrary::Arbitrary;
use muslcsys::errno::Errno;
use muslcsys::fs::node::{Kind, New, Node};
use muslcsys::fs::tmpfs::Tmpfs;
use muslcsys::fs::walk::{Follow, LINKS_MAX, NAME_MAX, Origin, PATH_MAX, path_of, walk};
use muslcsys::fs::{paths, walk};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What is made, in the directory with a number of those that there are.
#[derive(Arbitrary, Debug)]
pub enum Made {
    /// A directory.
    Directory,
    /// A file.
    File,
    /// A link.
    Link(Path),
}

/// A tree, and walks in it.
#[derive(Arbitrary, Debug)]
pub struct Walk {
    made: Vec<(u8, u8, Made)>,
    base: u8,
    paths: Vec<Path>,
}

/// A node of the plain tree.
enum Plain {
    /// Its entries, and the directory above.
    Directory(BTreeMap<Vec<u8>, usize>, usize),
    File,
    Link(Vec<u8>),
}

/// A plain tree beside ours; the same numbers in both.
struct Both {
    plain: Vec<Plain>,
    ours: Vec<Arc<dyn Node>>,
}

/// The parts of a path, and whether a slash follows each.
fn parts(path: &[u8]) -> VecDeque<(Vec<u8>, bool)> {
    let mut parts = VecDeque::new();
    let mut pieces = path.split(|&byte| byte == b'/').peekable();
    while let Some(piece) = pieces.next() {
        if !piece.is_empty() {
            parts.push_back((piece.to_vec(), pieces.peek().is_some()));
        }
    }
    parts
}

impl Both {
    fn new() -> Self {
        Self { plain: vec![Plain::Directory(BTreeMap::new(), 0)], ours: vec![Tmpfs::new_root(1)] }
    }

    fn directory(&self, wanted: u8) -> usize {
        let all: Vec<_> = (0..self.plain.len()).filter(|&at| matches!(self.plain[at], Plain::Directory(..))).collect();
        all[wanted as usize % all.len()]
    }

    fn make(&mut self, directory: u8, name: u8, made: &Made) {
        let at = self.directory(directory);
        let number = self.plain.len();
        let name = [b'a' + name % 6];
        let Plain::Directory(entries, _) = &mut self.plain[at] else { unreachable!("it is a directory") };
        let (plain, new) = match made {
            Made::Directory => (Plain::Directory(BTreeMap::new(), at), New::Directory),
            Made::File => (Plain::File, New::Regular),
            // symlink(2) refuses these.
            Made::Link(Path(target)) if target.is_empty() || target.len() > PATH_MAX => return,
            Made::Link(Path(target)) => (Plain::Link(target.clone()), New::Link(target)),
        };
        let ours = self.ours[at].make(&name, new, 0o755);
        if entries.contains_key(&name[..]) {
            return assert_eq!(ours.err(), Some(Errno::EEXIST));
        }
        entries.insert(name.to_vec(), number);
        self.plain.push(plain);
        self.ours.push(ours.expect("a free name"));
    }

    /// What a path leads to.
    fn find(&self, base: usize, path: &[u8], last_too: bool) -> Result<usize, Errno> {
        let mut at = match path {
            [] => return Err(Errno::ENOENT),
            _ if path.len() > PATH_MAX => return Err(Errno::ENAMETOOLONG),
            [b'/', ..] => 0,
            _ => base,
        };
        let (mut left, mut links) = (parts(path), 0);
        while let Some((name, slash)) = left.pop_front() {
            let Plain::Directory(entries, above) = &self.plain[at] else { return Err(Errno::ENOTDIR) };
            let next = match &name[..] {
                b"." => at,
                b".." => *above,
                name if name.len() > NAME_MAX => return Err(Errno::ENAMETOOLONG),
                name => *entries.get(name).ok_or(Errno::ENOENT)?,
            };
            match &self.plain[next] {
                Plain::Link(target) if slash || last_too => {
                    links += 1;
                    if links > LINKS_MAX {
                        return Err(Errno::ELOOP);
                    }
                    if target[0] == b'/' {
                        at = 0;
                    }
                    let mut inserted = parts(target);
                    if let Some(last) = inserted.back_mut() {
                        last.1 |= slash;
                    }
                    inserted.append(&mut left);
                    left = inserted;
                }
                Plain::File | Plain::Link(_) if slash => return Err(Errno::ENOTDIR),
                _ => at = next,
            }
        }
        Ok(at)
    }
}

impl Walk {
    /// Walks along each path in both trees.
    pub fn run(&self) {
        let mut both = Both::new();
        self.made.iter().take(40).for_each(|(directory, name, made)| both.make(*directory, *name, made));
        let base = both.directory(self.base);
        let origin = Origin { root: both.ours[0].clone(), base: both.ours[base].clone() };
        for Path(path) in self.paths.iter().take(8) {
            for (follow, last_too) in [(Follow::Always, true), (Follow::WithSlash, false)] {
                let expected = both.find(base, path, last_too);
                let got = paths::find(&origin, path, follow);
                match (&expected, &got) {
                    (Ok(expected), Ok(got)) => assert!(walk::is_same(&both.ours[*expected], got), "another node"),
                    _ => assert_eq!(got.as_ref().err(), expected.as_ref().err()),
                }
                if let Ok(node) = got {
                    named(&origin, &node);
                }
            }
            for follow in [Follow::Never, Follow::Create, Follow::CreateNoFollow] {
                let Ok(walked) = walk(&origin, path, follow) else { continue };
                assert_eq!(walked.directory.kind(), Kind::Directory);
                let _ = walked.find();
            }
        }
    }
}

/// A directory's own path leads to it.
fn named(origin: &Origin, node: &Arc<dyn Node>) {
    if node.kind() == Kind::Directory {
        let path = path_of(&origin.root, node).expect("it is in the tree");
        let again = paths::find(origin, &path, Follow::WithSlash).expect("its own path leads somewhere");
        assert!(walk::is_same(&again, node));
    }
}
