//! Every invocation and system call that the prefix's XML lists is in the bindings.
//!
//! The XML is what seL4 itself makes its stubs and its manual from. Its conditions are left to the C preprocessor, with
//! the prefix's own configuration. Without SEL4_PREFIX there are no bindings, and the test is reported as ignored.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use roxmltree::{Document, Node};

/// Where build/main.rs left the bindings, and the headers that it made them from.
const BINDINGS: Option<&str> = option_env!("LIBSEL4_SYS_BINDINGS");
const INCLUDE: Option<&str> = option_env!("LIBSEL4_SYS_INCLUDE");

/// The condition under which libsel4's own headers define `seL4_DebugSendIPI`; the XML of 14.0.0 lists it in every debug build.
const SMP: &str = "defined(CONFIG_ENABLE_SMP_SUPPORT)";

/// Names in the bindings: functions with their parameters, constants without.
type Names = BTreeMap<String, Vec<String>>;

#[test]
#[cfg_attr(not(sel4_bindings), ignore = "set SEL4_PREFIX to an installed seL4")]
fn every_invocation_is_bound() {
    let names = bound_names();
    let mut wanted = Vec::new();
    for file in xml_files(&include().join("interfaces")) {
        let text = fs::read_to_string(&file).unwrap();
        let document = parse(&text);
        for method in document.descendants().filter(|node| node.has_tag_name("method")) {
            let interface = method.ancestors().find(|node| node.has_tag_name("interface")).expect("a method has one");
            let name = format!("{}_{}", attribute(interface, "name"), attribute(method, "name"));
            let inputs = method.children().filter(|node| node.attribute("dir") == Some("in"));
            let parameters: Vec<_> = inputs.map(|node| attribute(node, "name").to_owned()).collect();
            wanted.push((condition(method), format!("{name} {}", parameters.join(" "))));
        }
    }
    let wanted = preprocess(&wanted);
    assert!(wanted.len() > 40, "only {} invocations in the XML", wanted.len());

    let mut missing = Vec::new();
    for line in &wanted {
        let mut words = line.split(' ').filter(|word| !word.is_empty());
        let name = words.next().unwrap();
        match names.get(name) {
            None => missing.push(format!("{name}: not bound")),
            // bindgen puts an underscore behind Rust's keywords.
            Some(bound) => missing.extend(
                words
                    .filter(|wanted| {
                        !bound.iter().any(|have| have.trim_end_matches('_') == wanted.trim_end_matches('_'))
                    })
                    .map(|wanted| format!("{name}: no parameter {wanted}, but {bound:?}")),
            ),
        }
    }
    assert!(missing.is_empty(), "{} of {} invocations:\n{}", missing.len(), wanted.len(), missing.join("\n"));
    println!("{} invocations bound", wanted.len());
}

#[test]
#[cfg_attr(not(sel4_bindings), ignore = "set SEL4_PREFIX to an installed seL4")]
fn every_system_call_is_bound() {
    let names = bound_names();
    let text = fs::read_to_string(include().join("api/syscall.xml")).unwrap();
    let document = parse(&text);
    let calls: Vec<_> = document
        .descendants()
        .filter(|node| node.has_tag_name("syscall"))
        .map(|node| (condition(node), attribute(node, "name").to_owned()))
        .collect();
    let calls = preprocess(&calls);
    assert!(calls.len() >= 8, "only {} system calls in the XML", calls.len());

    let headers_define =
        |call: &&String| *call != "DebugSendIPI" || !preprocess(&[(SMP.to_owned(), String::new())]).is_empty();
    let missing: Vec<_> = calls
        .iter()
        .filter(headers_define)
        .flat_map(|call| [format!("seL4_Sys{call}"), format!("seL4_{call}")])
        .filter(|name| !names.contains_key(name))
        .collect();
    assert!(missing.is_empty(), "not bound: {missing:?}");
    println!("{} system calls bound", calls.len());
}

/// The constants that every user of a kernel needs, whatever its version.
#[test]
#[cfg_attr(not(sel4_bindings), ignore = "set SEL4_PREFIX to an installed seL4")]
fn constants_of_every_kind_are_bound() {
    let names = bound_names();
    let wanted = [
        // Macros, one of them with sizeof.
        "seL4_PageBits",
        "seL4_WordBits",
        "seL4_MaxUntypedBits",
        "CONFIG_ARCH_AARCH64",
        "CONFIG_ROOT_CNODE_SIZE_BITS",
        // Enumerators: capabilities, objects, attributes, errors, message layouts.
        "seL4_CapInitThreadTCB",
        "seL4_UntypedObject",
        "seL4_ARM_SmallPageObject",
        "seL4_ARM_ExecuteNever",
        "seL4_FailedLookup",
        "seL4_VMFault_Addr",
        "seL4_MsgMaxLength",
        // Values of bit-field types, as functions.
        "seL4_AllRights",
        "seL4_CanRead",
        "seL4_MessageInfo_new",
    ];
    let missing: Vec<_> = wanted.iter().filter(|name| !names.contains_key(**name)).collect();
    assert!(missing.is_empty(), "not bound: {missing:?}");
}

fn include() -> PathBuf {
    PathBuf::from(INCLUDE.expect("set by build/main.rs"))
}

fn bound_names() -> Names {
    let text = fs::read_to_string(BINDINGS.expect("set by build/main.rs")).unwrap();
    let mut names = Names::new();
    for item in syn::parse_file(&text).unwrap().items {
        match item {
            syn::Item::Const(constant) => _ = names.insert(constant.ident.to_string(), Vec::new()),
            syn::Item::ForeignMod(block) => {
                for item in block.items {
                    let syn::ForeignItem::Fn(function) = item else { continue };
                    let parameters = function.sig.inputs.iter().map(|input| match input {
                        syn::FnArg::Typed(typed) => match &*typed.pat {
                            syn::Pat::Ident(pattern) => pattern.ident.to_string(),
                            _ => panic!("a parameter of {} that is no name", function.sig.ident),
                        },
                        syn::FnArg::Receiver(_) => panic!("a method in a foreign block"),
                    });
                    names.insert(function.sig.ident.to_string(), parameters.collect());
                }
            }
            _ => {}
        }
    }
    assert!(names.len() > 300, "only {} names in the bindings", names.len());
    names
}

fn xml_files(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|file| file.extension().is_some_and(|extension| extension == "xml")).collect();
    assert!(files.len() >= 3, "generic, architecture's and sub-architecture's interface XML: {files:?}");
    files
}

/// XML with a doctype is read too, as the files of 5.0.0 have one.
fn parse(text: &str) -> Document<'_> {
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    Document::parse_with_options(text.trim_start(), options).unwrap()
}

fn attribute<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    node.attribute(name).unwrap_or_else(|| panic!("no {name} in {node:?}"))
}

/// When a node counts, as a preprocessor expression: its own and its ancestors' conditions.
///
/// 5.0.0 has an attribute in C, later versions an element of `and`, `or`, `not` and `config`. The two APIs of system
/// calls are sections of their own.
fn condition(node: Node) -> String {
    let mut parts = Vec::new();
    for node in node.ancestors() {
        parts.extend(node.attribute("condition").filter(|text| !text.is_empty()).map(str::to_owned));
        let elements = node.children().filter(|child| child.has_tag_name("condition"));
        parts.extend(elements.flat_map(|element| element.children().filter(Node::is_element)).map(expression));
        match node.tag_name().name() {
            "api-master" => parts.push("!defined(CONFIG_KERNEL_MCS)".to_owned()),
            "api-mcs" => parts.push("defined(CONFIG_KERNEL_MCS)".to_owned()),
            _ => {}
        }
    }
    parts.push("1".to_owned());
    parts.iter().map(|part| format!("({part})")).collect::<Vec<_>>().join(" && ")
}

fn expression(node: Node) -> String {
    let operands: Vec<_> = node.children().filter(Node::is_element).map(expression).collect();
    match node.tag_name().name() {
        "config" => format!("defined({})", attribute(node, "var")),
        "not" => format!("!({})", operands.join("")),
        "and" => format!("({})", operands.join(" && ")),
        "or" => format!("({})", operands.join(" || ")),
        other => panic!("condition element {other}"),
    }
}

/// The texts whose condition holds in the prefix's configuration.
fn preprocess(conditional: &[(String, String)]) -> Vec<String> {
    const MARK: &str = "LISTED ";
    let mut source = String::from("#include <autoconf.h>\n");
    for (condition, text) in conditional {
        // In quotes: a name may be a macro too.
        source += &format!("#if {condition}\n{MARK}\"{text}\"\n#endif\n");
    }
    let mut compiler = Command::new("cc")
        .args(["-E", "-P", "-nostdinc", "-x", "c", "-", "-I"])
        .arg(include())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the host's C compiler, which Rust links with too");
    compiler.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
    let output = compiler.wait_with_output().unwrap();
    assert!(output.status.success(), "{source}");
    let output = String::from_utf8(output.stdout).unwrap();
    let listed = output.lines().filter_map(|line| line.strip_prefix(MARK));
    listed.map(|text| text.trim_matches('"').to_owned()).collect()
}
