//! References to a pattern's groups inside a replacement: `$1`, `${1}`, `$name`, `${name}`, `$$`.

use regex::Captures;

/// Replaces the references by what the groups captured; a group that took no part gives nothing.
///
/// A name is as long as it can be (`$1x` is the group `1x`), and a `$` that starts no reference stays.
pub(super) fn expand(template: &str, groups: &Captures<'_>) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(tail) = rest.strip_prefix('$') {
            out.push('$');
            rest = tail;
            continue;
        }
        let Some((name, tail)) = reference(rest) else {
            out.push('$');
            continue;
        };
        let group = match name.parse::<usize>() {
            Ok(number) => groups.get(number),
            Err(_) => groups.name(name),
        };
        out.push_str(group.map_or("", |m| m.as_str()));
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// Splits the name of a reference (after its `$`) from what follows.
pub(super) fn reference(text: &str) -> Option<(&str, &str)> {
    let (inner, braced) = match text.strip_prefix('{') {
        Some(inner) => (inner, true),
        None => (text, false),
    };
    let end = inner.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(inner.len());
    let (name, tail) = inner.split_at(end);
    if name.is_empty() {
        return None;
    }
    if braced { tail.strip_prefix('}').map(|tail| (name, tail)) } else { Some((name, tail)) }
}

/// Maps each character by its own case mapping where that is one character, as the original does (`ß` stays).
pub(super) fn map_chars<I: ExactSizeIterator<Item = char>>(text: &str, map: impl Fn(char) -> I) -> String {
    text.chars()
        .map(|c| {
            let mut mapped = map(c);
            match (mapped.len(), mapped.next()) {
                (1, Some(m)) => m,
                _ => c,
            }
        })
        .collect()
}
