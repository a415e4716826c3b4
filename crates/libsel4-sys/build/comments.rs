//! Turns the comments of libsel4's headers into Markdown.
//!
//! They are written for doxygen and for the seL4 manual: `@param[in] x ...`, with the manual's XML between `@xmlonly` and
//! `@endxmlonly`.

/// `comment` as rustdoc shows it well.
pub fn to_markdown(comment: &str) -> String {
    let mut text = String::new();
    let mut blank = true;
    for line in without_tags(comment).lines() {
        // Tags leave gaps within lines and empty lines behind.
        let line = doxygen(&line.split_whitespace().collect::<Vec<_>>().join(" "));
        // Without an empty line it would continue the last parameter's item.
        if line.starts_with("Returns") && !blank {
            text.push('\n');
        }
        if !(blank && line.is_empty()) {
            text.push_str(&line);
            text.push('\n');
        }
        blank = line.is_empty();
    }
    text.trim_end().to_owned()
}

/// Replaces each XML tag by what it stands for.
fn without_tags(comment: &str) -> String {
    let mut text = String::new();
    let mut rest = comment;
    while let Some((before, tail)) = rest.split_once('<') {
        text.push_str(before);
        match tail.split_once('>') {
            Some((tag, after)) if tag.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') => {
                text.push_str(&replacement(tag));
                rest = after;
            }
            _ => {
                text.push_str("\\<");
                rest = tail;
            }
        }
    }
    text + rest
}

/// The text for one tag of the manual, without its angle brackets.
fn replacement(tag: &str) -> String {
    let value = |name: &str| tag.split_once(&format!("{name}=\"")).and_then(|(_, rest)| rest.split_once('"'));
    let (kind, _) = tag.split_once([' ', '/']).unwrap_or((tag, ""));
    match kind {
        "texttt" => value("text").map(|(text, _)| format!("`{text}`")),
        "obj" => value("name").map(|(name, _)| name.to_owned()),
        // A reference to a section of the manual, by the label it has there.
        "autoref" | "shortref" => {
            value("label").or(value("sec")).map(|(label, _)| format!("the manual's section {label}"))
        }
        "errorenumdesc" => Some("`seL4_NoError` or the error (manual, \"Error codes\")".into()),
        _ => None,
    }
    .unwrap_or_default()
}

/// Replaces doxygen's commands at the beginning of a line, and those that only mark up XML anywhere.
fn doxygen(line: &str) -> String {
    let line = line.replace("@xmlonly", "").replace("@endxmlonly", "").replace('[', "\\[").replace(']', "\\]");
    let line = line.trim();
    for (command, text) in [("@brief", ""), ("@return", "Returns"), ("@note", "Note:"), ("@see", "See")] {
        if let Some(rest) = line.strip_prefix(command) {
            return format!("{text} {}", rest.trim()).trim().to_owned();
        }
    }
    let items = ["@param\\[in\\]", "@param\\[out\\]", "@param\\[in,out\\]", "@param", "@retval"];
    if let Some(rest) = items.iter().find_map(|command| line.strip_prefix(command)) {
        let (name, meaning) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
        return format!("- `{name}`: {}", meaning.trim());
    }
    // Grouping commands of doxygen say nothing about the item.
    if line.starts_with("@{") || line.starts_with("@}") || line.starts_with("@defgroup") {
        return String::new();
    }
    line.to_owned()
}
