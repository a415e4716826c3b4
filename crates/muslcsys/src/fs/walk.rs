//! From a path to a node.

use super::node::{Kind, Node, Target};
use crate::errno::Errno;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The longest name of one entry, in bytes (NAME_MAX).
pub const NAME_MAX: usize = 255;
/// The longest path, in bytes, without the NUL behind it (PATH_MAX - 1).
pub const PATH_MAX: usize = 4095;
/// Symbolic links that one walk follows, at most (path_resolution(7)).
pub const LINKS_MAX: usize = 40;

/// What is done with a symbolic link that the path ends in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Follow {
    /// It is followed.
    Always,
    /// It is what was looked for, unless a slash follows (lstat(2)).
    WithSlash,
    /// The last part is not looked at: for calls that make or take away a name. [`Walked::find`] does it.
    Never,
    /// It is followed, and what it leads to may be made: a slash behind the last part is an error (O_CREAT).
    Create,
    /// As `Create`, and it is not followed (O_CREAT with O_EXCL or O_NOFOLLOW).
    CreateNoFollow,
}

/// The last part of a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Last<'p> {
    /// A name in the directory.
    Name(Cow<'p, [u8]>),
    /// `.`, the directory itself.
    Dot,
    /// `..`, the directory above.
    DotDot,
    /// Nothing: the root, or what a link of /proc leads to.
    Itself,
}

/// Where a walk ended.
pub struct Walked<'p> {
    /// The directory that the last part was looked up in.
    pub directory: Arc<dyn Node>,
    /// The last part.
    pub last: Last<'p>,
    /// What it leads to, if it is there and was looked at.
    pub node: Option<Arc<dyn Node>>,
    /// A slash follows it.
    pub slash: bool,
}

impl Walked<'_> {
    /// What the last part leads to, after [`Follow::Never`]; nothing if it is not there. Errors: ENAMETOOLONG.
    pub fn find(&self) -> Result<Option<Arc<dyn Node>>, Errno> {
        match &self.last {
            Last::Name(name) if name.len() > NAME_MAX => Err(Errno::ENAMETOOLONG),
            Last::Name(name) => match self.directory.lookup(name) {
                Err(Errno::ENOENT) => Ok(None),
                found => found.map(Some),
            },
            _ => Ok(self.node.clone()),
        }
    }
}

/// Where a walk begins.
#[derive(Clone)]
pub struct Origin {
    /// The root directory.
    pub root: Arc<dyn Node>,
    /// Where paths that do not begin with a slash begin.
    pub base: Arc<dyn Node>,
}

fn above(root: &Arc<dyn Node>, directory: Arc<dyn Node>) -> Arc<dyn Node> {
    if is_same(root, &directory) {
        return directory;
    }
    directory.parent().unwrap_or(directory)
}

/// Whether two references are to one node.
pub fn is_same(a: &Arc<dyn Node>, b: &Arc<dyn Node>) -> bool {
    core::ptr::addr_eq(Arc::as_ptr(a), Arc::as_ptr(b))
}

/// The next part of a path, and what follows it from its slash on.
fn split(rest: &[u8]) -> (usize, usize) {
    let start = rest.iter().position(|&byte| byte != b'/').unwrap_or(rest.len());
    let length = rest[start..].iter().position(|&byte| byte == b'/').unwrap_or(rest.len() - start);
    (start, start + length)
}

/// A part of the path, without a copy as long as no link was followed.
fn part<'p>(rest: &Cow<'p, [u8]>, start: usize, end: usize) -> Cow<'p, [u8]> {
    match rest {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[start..end]),
        Cow::Owned(bytes) => Cow::Owned(bytes[start..end].to_vec()),
    }
}

/// The target of a link, and behind it what is left of the path.
fn joined(target: Box<[u8]>, after: &[u8]) -> Vec<u8> {
    let mut path = target.into_vec();
    path.extend_from_slice(after);
    path
}

/// Walks along a path (path_resolution(7)). A last part that is not there is no error; the caller decides.
///
/// # Errors
/// ENOENT for an empty path or a part in the middle that is not there, ENOTDIR, ELOOP, ENAMETOOLONG; EISDIR for a slash behind what may be made.
pub fn walk<'p>(origin: &Origin, path: &'p [u8], follow: Follow) -> Result<Walked<'p>, Errno> {
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    if path.len() > PATH_MAX {
        return Err(Errno::ENAMETOOLONG);
    }
    let mut rest = Cow::Borrowed(path);
    let mut at = 0;
    let mut links = 0;
    let creates = matches!(follow, Follow::Create | Follow::CreateNoFollow);
    let mut directory = if path[0] == b'/' { origin.root.clone() } else { origin.base.clone() };
    if directory.kind() != Kind::Directory {
        return Err(Errno::ENOTDIR);
    }
    loop {
        let (start, end) = split(&rest[at..]);
        let (start, end) = (at + start, at + end);
        let is_last = rest[end..].iter().all(|&byte| byte == b'/');
        let slash = end < rest.len();
        let ended = |directory: &Arc<dyn Node>, last| {
            Ok(Walked { directory: directory.clone(), last, node: Some(directory.clone()), slash })
        };
        match &rest[start..end] {
            b"" => return ended(&directory, Last::Itself),
            b"." if is_last => return ended(&directory, Last::Dot),
            b"." => {}
            b".." => {
                directory = above(&origin.root, directory);
                if is_last {
                    return ended(&directory, Last::DotDot);
                }
            }
            _ if is_last && follow == Follow::Never => {
                return Ok(Walked { directory, last: Last::Name(part(&rest, start, end)), node: None, slash });
            }
            _ if is_last && slash && creates => return Err(Errno::EISDIR),
            name if name.len() > NAME_MAX => return Err(Errno::ENAMETOOLONG),
            name => {
                let node = match directory.lookup(name) {
                    Err(Errno::ENOENT) if is_last => {
                        return Ok(Walked { directory, last: Last::Name(part(&rest, start, end)), node: None, slash });
                    }
                    node => node?,
                };
                let kind = node.kind();
                let always = matches!(follow, Follow::Always | Follow::Create);
                let followed = !is_last || always || slash && follow == Follow::WithSlash;
                if kind == Kind::Link && followed {
                    links += 1;
                    if links > LINKS_MAX {
                        return Err(Errno::ELOOP);
                    }
                    match node.target()? {
                        Target::Node(node) if is_last => {
                            if slash && node.kind() != Kind::Directory {
                                return Err(Errno::ENOTDIR);
                            }
                            return Ok(Walked { directory, last: Last::Itself, node: Some(node), slash });
                        }
                        Target::Node(node) if node.kind() != Kind::Directory => return Err(Errno::ENOTDIR),
                        Target::Node(node) => directory = node,
                        Target::Path(target) if target.is_empty() => return Err(Errno::ENOENT),
                        Target::Path(target) => {
                            if target[0] == b'/' {
                                directory = origin.root.clone();
                            }
                            rest = Cow::Owned(joined(target, &rest[end..]));
                            at = 0;
                            continue;
                        }
                    }
                } else if is_last {
                    if slash && kind != Kind::Directory {
                        return Err(Errno::ENOTDIR);
                    }
                    return Ok(Walked {
                        directory,
                        last: Last::Name(part(&rest, start, end)),
                        node: Some(node),
                        slash,
                    });
                } else if kind != Kind::Directory {
                    return Err(Errno::ENOTDIR);
                } else {
                    directory = node;
                }
            }
        }
        at = end;
    }
}

/// The path of a node from the root, as getcwd(2) tells it. Errors: ENOENT if it has no name any more.
pub fn path_of(root: &Arc<dyn Node>, node: &Arc<dyn Node>) -> Result<Vec<u8>, Errno> {
    let mut parts = Vec::new();
    let mut at = node.clone();
    while !is_same(root, &at) {
        let (parent, name) = at.place().ok_or(Errno::ENOENT)?;
        parts.push(name);
        at = parent;
    }
    let mut path = Vec::new();
    for name in parts.iter().rev() {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    if path.is_empty() {
        path.push(b'/');
    }
    Ok(path)
}
