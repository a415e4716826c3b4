use super::*;
use crate::errno::Errno;
use crate::fs::buffers::Sink;
use crate::fs::node::{Node, Target};
use crate::fs::paths;
use crate::fs::walk::{Follow, Origin};
use crate::testing::forever;
use proptest::prelude::*;

/// One member as cpio(5) lays it out.
fn pack(out: &mut Vec<u8>, name: &str, mode: u32, number: u32, links: u32, bytes: &[u8]) {
    let fields = [number, mode, 7, 8, links, 1000, bytes.len() as u32, 0, 5, 0, 0, name.len() as u32 + 1, 0];
    out.extend_from_slice(b"070701");
    fields.iter().for_each(|field| out.extend_from_slice(format!("{field:08x}").as_bytes()));
    for part in [name.as_bytes(), &[0]] {
        out.extend_from_slice(part);
    }
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend_from_slice(bytes);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// The file system of an archive with these members.
fn archive(members: &[(&str, u32, u32, u32, &[u8])]) -> Result<Origin, Broken> {
    let mut bytes = Vec::new();
    for &(name, mode, number, links, content) in members {
        pack(&mut bytes, name, mode, number, links, content);
    }
    pack(&mut bytes, "TRAILER!!!", 0, 0, 1, b"");
    let root: Arc<dyn Node> = read(forever(bytes), 4)?;
    Ok(Origin { base: root.clone(), root })
}

fn node(origin: &Origin, path: &str) -> Result<Arc<dyn Node>, Errno> {
    paths::find(origin, path.as_bytes(), Follow::WithSlash)
}

fn content(node: &Arc<dyn Node>) -> Vec<u8> {
    let mut bytes = vec![0; 100];
    let length = node.read_at(&mut Sink::own(&mut bytes), 0).unwrap();
    bytes.truncate(length);
    bytes
}

#[test]
fn names_modes_times_links_and_empty_directories_are_there() {
    let origin = archive(&[
        (".", 0o40750, 1, 2, b""),
        ("./a", 0o100640, 2, 1, b"hello"),
        ("d", 0o40700, 3, 2, b""),
        ("e/f/g", 0o100755, 4, 1, b""),
        ("l", 0o120777, 5, 1, b"e/f"),
    ])
    .unwrap();
    let a = node(&origin, "a").unwrap();
    let told = a.metadata();
    assert_eq!((told.mode(), told.size, told.user, told.group, told.links), (0o100640, 5, 7, 8, 1));
    assert_eq!(told.modified.seconds, 1000);
    assert_eq!(content(&a), b"hello");
    assert_eq!(node(&origin, "/").unwrap().metadata().mode(), 0o40750);
    assert_eq!(node(&origin, "d/").unwrap().metadata().mode(), 0o40700);
    assert_eq!(node(&origin, "e").unwrap().metadata().mode(), 0o40755);
    assert_eq!(node(&origin, "l/g").unwrap().metadata().mode(), 0o100755);
    assert!(matches!(node(&origin, "l").unwrap().target(), Ok(Target::Path(target)) if *target == *b"e/f"));
    assert_eq!(node(&origin, "d/x").err(), Some(Errno::ENOENT));
    assert_eq!(node(&origin, "a/x").err(), Some(Errno::ENOTDIR));
}

#[test]
fn further_names_are_one_file_whichever_brings_the_content() {
    let members: [(&str, u32, u32, u32, &[u8]); 3] =
        [("a", 0o100644, 9, 3, b""), ("b", 0o100644, 9, 3, b"both"), ("c", 0o100644, 9, 3, b"")];
    let origin = archive(&members).unwrap();
    let numbers = ["a", "b", "c"].map(|name| {
        let node = node(&origin, name).unwrap();
        assert_eq!((content(&node), node.metadata().links), (b"both".to_vec(), 3));
        node.metadata().number
    });
    assert!(numbers.iter().all(|&number| number == numbers[0]));
}

#[test]
fn nothing_can_be_changed() {
    use linux_raw_sys::general as linux;
    let origin = archive(&[("a", 0o100644, 2, 1, b"hello"), ("d", 0o40755, 3, 2, b"")]).unwrap();
    let open = |path: &[u8], flags| paths::open(&origin, path, flags, 0o644).err();
    assert_eq!(open(b"a", linux::O_RDONLY), None);
    assert_eq!(open(b"a", linux::O_RDWR), Some(Errno::EROFS));
    assert_eq!(open(b"a", linux::O_RDONLY | linux::O_TRUNC), Some(Errno::EROFS));
    assert_eq!(open(b"b", linux::O_WRONLY | linux::O_CREAT), Some(Errno::EROFS));
    assert_eq!(paths::remove(&origin, b"a", false), Err(Errno::EROFS));
    assert_eq!(paths::remove(&origin, b"d", true), Err(Errno::EROFS));
    assert_eq!(paths::remove(&origin, b"x", false), Err(Errno::ENOENT));
    assert_eq!(node(&origin, "a").unwrap().set_size(0), Err(Errno::EROFS));
}

#[test]
fn pages_for_mapping_are_copies_that_end_in_zeros() {
    let origin = archive(&[("a", 0o100644, 2, 1, &[7; 5000])]).unwrap();
    let a = node(&origin, "a").unwrap();
    let page = a.page(1).unwrap();
    // SAFETY: the page is this test's alone, and there are so many bytes in it.
    let bytes = unsafe { core::slice::from_raw_parts(page.address(), 4096) };
    assert!(bytes[..904].iter().all(|&byte| byte == 7) && bytes[904..].iter().all(|&byte| byte == 0));
    assert_eq!(a.page(2).err(), Some(Errno::ENXIO));
}

#[test]
fn a_broken_archive_is_refused_with_the_offset() {
    let broken = |members: &[(&str, u32, u32, u32, &[u8])]| archive(members).err().map(|broken| broken.offset);
    let first: (&str, u32, u32, u32, &[u8]) = ("a", 0o100644, 2, 1, b"12345");
    // The first member is a header of 110 bytes, a name of 2, and a content of 5, filled up to 8.
    const SECOND: Option<usize> = Some(120);
    assert_eq!(broken(&[first]), None);
    assert_eq!(broken(&[first, ("a", 0o100644, 3, 1, b"")]), SECOND);
    assert_eq!(broken(&[first, ("a/b", 0o100644, 3, 1, b"")]), SECOND);
    assert_eq!(broken(&[first, ("../b", 0o100644, 3, 1, b"")]), SECOND);
    assert_eq!(broken(&[first, ("b//c", 0o100644, 3, 1, b"")]), SECOND);
    assert_eq!(broken(&[first, ("b", 0o170644, 3, 1, b"")]), SECOND);
    let second: (&str, u32, u32, u32, &[u8]) = ("b", 0o100644, 2, 2, b"");
    assert_eq!(broken(&[(first.0, first.1, first.2, 2, first.4), second]), None);
    for other in [0o100600, 0o120644, 0o10644] {
        let (name, _, number, links, _) = second;
        assert_eq!(broken(&[(first.0, first.1, first.2, 2, first.4), (name, other, number, links, b"")]), SECOND);
    }
    assert_eq!(broken(&[first, (&"n".repeat(256), 0o100644, 3, 1, b"")]), SECOND);
    let mut bytes = Vec::new();
    pack(&mut bytes, "a", 0o100644, 2, 1, b"12345");
    assert_eq!(read(forever(bytes.clone()), 4).err(), Some(Broken { offset: 120, what: "it ends before its trailer" }));
    bytes.truncate(113);
    assert_eq!(read(forever(bytes.clone()), 4).err().map(|broken| broken.offset), Some(0));
    bytes[0] = b'1';
    assert_eq!(read(forever(bytes), 4).err(), Some(Broken { offset: 0, what: "no header of the newc format" }));
}

/// Which is what a boot has.
#[test]
fn a_broken_archive_with_deep_directories_takes_little_stack() {
    let deep = ["a"; 2040].join("/");
    let same: (&str, u32, u32, u32, &[u8]) = ("b", 0o100644, 2, 1, b"");
    let small = std::thread::Builder::new().stack_size(64 << 10);
    let reads = small.spawn(move || {
        let refused = archive(&[(&deep, 0o100644, 1, 1, b"x"), same, same]).err();
        assert_eq!(refused.map(|broken| broken.what), Some("two members of one name"));
        drop(archive(&[(&deep, 0o100644, 1, 1, b"x")]));
    });
    reads.unwrap().join().unwrap();
}

/// Archives of a few members, damaged here and there.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![8 => "[ab]{1,2}(/[ab]){0,2}", 1 => "[./a]{0,4}", 1 => Just(".".to_owned())];
    let mode = prop_oneof![Just(0o100644u32), Just(0o40755), Just(0o120777), Just(0o20600), any::<u32>()];
    let member = (name, mode, 0..4u32, 0..4u32, proptest::collection::vec(any::<u8>(), 0..9));
    let damage = proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..3);
    (proptest::collection::vec(member, 0..6), damage, any::<proptest::sample::Index>(), any::<bool>()).prop_map(
        |(members, damage, end, cut)| {
            let mut bytes = Vec::new();
            members.iter().for_each(|(name, mode, number, links, content)| {
                pack(&mut bytes, name, *mode, *number, *links, content)
            });
            pack(&mut bytes, "TRAILER!!!", 0, 0, 1, b"");
            damage.iter().for_each(|(at, byte)| *at.get_mut(&mut bytes) = *byte);
            if cut {
                bytes.truncate(end.index(bytes.len()));
            }
            bytes
        },
    )
}

/// Every name there is, by walking.
fn walk_all(node: &Arc<dyn Node>, depth: usize) {
    assert!(depth < 10);
    let mut names = Vec::new();
    let _ = node.entries(0, &mut |entry| {
        names.push(entry.name.to_vec());
        true
    });
    for name in names {
        let child = node.lookup(&name).unwrap();
        let _ = (child.metadata(), child.target(), child.page(0));
        if child.kind() == Kind::Directory {
            walk_all(&child, depth + 1);
        } else {
            let _ = child.read_at(&mut Sink::own(&mut [0; 20]), 3);
        }
    }
}

proptest! {
    #![proptest_config(crate::testing::cases(2))]
    /// Whatever the bytes are: a tree, or an offset within them. PROPTEST_CASES=1000000 fuzzes.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop_oneof![4 => damaged(), 1 => proptest::collection::vec(any::<u8>(), 0..300)]) {
        let length = bytes.len();
        match read(forever(bytes), 4) {
            Ok(root) => walk_all(&(root as Arc<dyn Node>), 0),
            Err(broken) => prop_assert!(broken.offset <= length + 3),
        }
    }
}
