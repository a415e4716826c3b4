//! The reader of the image's archive: a tree that says what the members say, or the offset where the archive is broken.

use crate::tree;
use muslcsys::fs::archive::{Member, members, read};
use muslcsys::fs::buffers::Sink;
use muslcsys::fs::node::{Kind, Node, Target, device};
use muslcsys::fs::paths;
use muslcsys::fs::walk::{Follow, Origin};
use std::sync::Arc;

/// Reads `bytes` as an archive.
pub fn run(bytes: &[u8]) {
    let kept = Box::into_raw(Box::<[u8]>::from(bytes));
    // SAFETY: freed below, when nothing of the tree is left.
    check(unsafe { &*kept });
    // SAFETY: from `Box::into_raw`, and `check` has dropped its tree.
    drop(unsafe { Box::from_raw(kept) });
}

fn check(bytes: &'static [u8]) {
    let root: Arc<dyn Node> = match read(bytes, device::ARCHIVE) {
        Ok(root) => root,
        Err(broken) => return assert!(broken.offset <= bytes.len() + 3, "{broken}"),
    };
    tree::check(&root);
    let origin = Origin { root: root.clone(), base: root };
    for member in members(bytes) {
        told(&origin, &member.expect("the archive was read"));
    }
}

/// The tree has what a member says.
fn told(origin: &Origin, member: &Member<'_>) {
    let path = [b"/", member.name].concat();
    // A path may be longer than a walk takes, by its slash.
    if path.len() > muslcsys::fs::walk::PATH_MAX {
        return;
    }
    let node = paths::find(origin, &path, Follow::WithSlash).expect("a member that is not in the tree");
    let has = node.metadata();
    assert_eq!((has.mode(), has.user, has.group), (member.mode & 0o17_7777, member.user, member.group));
    if has.kind == Kind::Directory {
        return;
    }
    // Of several names of one file any may have the content, and the others none.
    if !member.bytes.is_empty() || member.links < 2 {
        assert_eq!(has.size, member.bytes.len() as u64);
        content(&node, member.bytes);
    }
    let refused = paths::open(origin, &path, linux_raw_sys::general::O_RDWR, 0).err();
    assert!(has.kind != Kind::Regular || refused == Some(muslcsys::errno::Errno::EROFS));
}

/// A file's bytes, read in pieces and as pages; a link's target.
fn content(node: &Arc<dyn Node>, expected: &[u8]) {
    if node.kind() == Kind::Link {
        assert!(matches!(node.target(), Ok(Target::Path(target)) if *target == *expected));
    }
    let mut got = Vec::new();
    let mut piece = [0; 100];
    loop {
        let count =
            node.read_at(&mut Sink::own(&mut piece), got.len() as u64).expect("reading ends, and does not fail");
        if count == 0 {
            break;
        }
        got.extend_from_slice(&piece[..count]);
    }
    assert_eq!(got, expected);
    for at in [expected.len() as u64, u64::MAX - 3, i64::MAX as u64] {
        assert_eq!(node.read_at(&mut Sink::own(&mut piece), at), Ok(0));
    }
    if node.kind() == Kind::Regular {
        assert_eq!(node.page(0).is_ok(), !expected.is_empty());
        assert!(node.page(u64::MAX).is_err());
    }
}
