//! `series`, `labels`, `label/…/values`.

use std::collections::BTreeSet;
use std::fmt::Write;

use metrics_core::{
    LabelSet, Matcher, SelectError, SelectHints, SelectRequest, TimeRange, is_valid_label_name,
};

use super::render::push_list;
use super::{Answer, Answered, Api, ApiError, Params, Sources};
use crate::json::push_texts;
use crate::parser::quote;

const TRUNCATED: &str = "results truncated due to limit";

impl<S: Sources> Api<S> {
    pub(super) fn series(&self, params: &Params) -> Answered {
        if params.values("match[]").next().is_none() {
            return Err(ApiError::bad_data("no match[] parameter provided"));
        }
        let limit = params.limit()?;
        let range = params.range()?;
        let sets = params.matchers().map_err(|e| ApiError::parameter("match[]", e.message))?;
        let mut hints = SelectHints::default();
        hints.labels_only = true;
        hints.limit = if limit > 0 { limit.saturating_add(1) } else { 0 };
        let store = self.sources.store();
        let mut found: Vec<LabelSet> = Vec::new();
        for matchers in &sets {
            let set = store.select(&SelectRequest { matchers, range, hints: hints.clone() })?;
            found.extend((0..set.len()).map(|i| set.labels(i).clone()));
        }
        // One selection stays in the order of the store, as in the original.
        if sets.len() > 1 {
            found.sort_unstable();
            found.dedup();
        }
        let (shown, warnings) = limited(found.len(), limit);
        let mut out = String::from("[");
        for (i, labels) in found.iter().take(shown).enumerate() {
            if i > 0 {
                out.push(',');
            }
            push_texts(&mut out, labels);
        }
        out.push(']');
        Ok(Answer::Json { data: out, warnings })
    }

    pub(super) fn label_names(&self, params: &Params) -> Answered {
        let store = self.sources.store();
        self.texts(params, |matchers, range, _| store.label_names(matchers, range))
    }

    pub(super) fn label_values(&self, name: Vec<u8>, params: &Params) -> Answered {
        let refused = |quoted: String| ApiError::bad_data(format!("invalid label name: {quoted}"));
        let name = String::from_utf8(name).map_err(|e| refused(quote_bytes(e.as_bytes())))?;
        let name = if name.starts_with("U__") { unescape(&name) } else { name };
        if !is_valid_label_name(&name) {
            return Err(refused(quote(&name)));
        }
        let store = self.sources.store();
        self.texts(params, |matchers, range, limit| match limit {
            0 => store.label_values(&name, matchers, range),
            // One more tells that there are more.
            _ => store.label_values_up_to(limit.saturating_add(1), &name, matchers, range),
        })
    }

    /// The union of what is found for each selector, sorted. Selectors are looked for with the limit, 0 if there is none.
    fn texts(
        &self,
        params: &Params,
        find: impl Fn(&[Matcher], TimeRange, usize) -> Result<Vec<String>, SelectError>,
    ) -> Answered {
        let limit = params.limit()?;
        let range = params.range()?;
        let sets = params.matchers()?;
        let found: Vec<String> = match sets.as_slice() {
            [] => find(&[], range, limit)?,
            [one] => find(one, range, limit)?,
            many => {
                let mut all = BTreeSet::new();
                for set in many {
                    all.extend(find(set, range, limit)?);
                }
                all.into_iter().collect()
            }
        };
        let (shown, warnings) = limited(found.len(), limit);
        let mut out = String::new();
        push_list(&mut out, &found[..shown]);
        Ok(Answer::Json { data: out, warnings })
    }
}

/// How many of so many are shown, and the warning if that is not all.
fn limited(found: usize, limit: usize) -> (usize, Vec<String>) {
    if limit > 0 && found > limit {
        return (limit, vec![TRUNCATED.to_owned()]);
    }
    (found, Vec::new())
}

/// Between quotes, with `\xff` for bytes that are no UTF-8.
fn quote_bytes(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        out.push_str(quote(chunk.valid()).trim_matches('"'));
        chunk.invalid().iter().for_each(|byte| {
            let _ = write!(out, "\\x{byte:02x}");
        });
    }
    out.push('"');
    out
}

/// Takes back the escaping of names for those who cannot send UTF-8: `U__`, `__` for `_`, `_HEX_` for others.
///
/// A name that was not escaped this way stays as it is.
fn unescape(name: &str) -> String {
    let plain = || name.to_owned();
    let Some(mut rest) = name.strip_prefix("U__") else {
        return plain();
    };
    let mut out = String::new();
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != '_' {
            out.push(c);
            continue;
        }
        if let Some(after) = rest.strip_prefix('_') {
            out.push('_');
            rest = after;
            continue;
        }
        let Some((hex, after)) = rest.split_once('_') else {
            return plain();
        };
        let Some(c) = u32::from_str_radix(hex, 16).ok().filter(|_| hex.len() <= 6).and_then(char::from_u32)
        else {
            return plain();
        };
        out.push(c);
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_text_are_shown() {
        assert_eq!(quote_bytes(b"a\xff\xc3b"), r#""a\xff\xc3b""#);
    }

    #[test]
    fn escaped_names_come_back() {
        assert_eq!(unescape("U__http_2e_status__code"), "http.status_code");
        assert_eq!(unescape("U__bad_zz_"), "U__bad_zz_");
        assert_eq!(unescape("U__open_2e"), "U__open_2e");
    }
}
