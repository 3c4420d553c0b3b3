//! Matchers to series: which of an index' series satisfy all matchers.
//!
//! The rules are the original's. A label that is not set has the empty value, so a matcher that accepts the empty
//! value also accepts series without the label: such a matcher removes what it refuses, all others
//! intersect.

use metrics_core::{MatchOp, Matcher};

use crate::fs::FileError;

/// What an index has to offer. Lists of ids are sorted and without repeats.
pub(crate) trait PostingsIndex {
    /// Why the index cannot be read.
    type Error;

    /// All series.
    fn all(&self) -> Result<Vec<u32>, Self::Error>;

    /// Series with this value of a label.
    fn with_value(&self, name: &str, value: &str) -> Result<Vec<u32>, Self::Error>;

    /// Series with any value of a label for which `keep` holds.
    fn with_values(&self, name: &str, keep: &dyn Fn(&str) -> bool) -> Result<Vec<u32>, Self::Error>;
}

impl PostingsIndex for crate::block::Index {
    type Error = FileError;

    fn all(&self) -> Result<Vec<u32>, FileError> {
        let mut ids = Vec::new();
        self.all_postings(&mut ids)?;
        Ok(ids)
    }

    fn with_value(&self, name: &str, value: &str) -> Result<Vec<u32>, FileError> {
        let mut ids = Vec::new();
        // The empty name and value stand for all series; no series has a label like that.
        if !value.is_empty()
            && let Some(list) = self.postings(name, value)?
        {
            self.read_postings(list, &mut ids)?;
        }
        Ok(ids)
    }

    fn with_values(&self, name: &str, keep: &dyn Fn(&str) -> bool) -> Result<Vec<u32>, FileError> {
        let mut ids = Vec::new();
        let mut lists = 0;
        for value in self.label_values(name) {
            let value = value?;
            if keep(value.value) {
                self.read_postings(value.postings, &mut ids)?;
                lists += 1;
            }
        }
        Ok(if lists > 1 { sorted(ids) } else { ids })
    }
}

/// The series that satisfy all matchers, sorted.
pub(crate) fn matching<I: PostingsIndex>(index: &I, matchers: &[Matcher]) -> Result<Vec<u32>, I::Error> {
    let must_be_set = |name: &str| matchers.iter().any(|m| m.name == name && !m.matches(""));
    // A matcher subtracts if the series that it accepts cannot be listed, or are more than those it refuses.
    let subtracts = |m: &Matcher| m.matches("") && (m.op.is_negative() || !must_be_set(&m.name));
    let mut found: Option<Vec<u32>> = None;
    let mut by_cost: Vec<&Matcher> = matchers.iter().filter(|m| !subtracts(m)).collect();
    by_cost.sort_by_key(|m| m.listed_values().is_none() || m.op.is_negative());
    for matcher in by_cost {
        let accepted = accepted(index, matcher)?;
        let both = match found {
            None => accepted,
            Some(found) => intersect(&found, &accepted),
        };
        if both.is_empty() {
            return Ok(both);
        }
        found = Some(both);
    }
    let mut found = match found {
        Some(found) => found,
        None => index.all()?,
    };
    for matcher in matchers.iter().filter(|m| subtracts(m)) {
        if found.is_empty() {
            break;
        }
        let refused = index.with_values(&matcher.name, &|value| !matcher.matches(value))?;
        found = without(&found, &refused);
    }
    Ok(found)
}

/// Series that carry the label with a value that the matcher accepts.
fn accepted<I: PostingsIndex>(index: &I, matcher: &Matcher) -> Result<Vec<u32>, I::Error> {
    match (matcher.op, matcher.listed_values()) {
        (MatchOp::Equal | MatchOp::Regex, Some([value])) => index.with_value(&matcher.name, value),
        (MatchOp::Equal | MatchOp::Regex, Some(values)) => {
            let mut all = Vec::new();
            for value in values {
                all.extend(index.with_value(&matcher.name, value)?);
            }
            Ok(sorted(all))
        }
        _ => index.with_values(&matcher.name, &|value| matcher.matches(value)),
    }
}

/// Lists one after the other, put in order. Each is a run, which the sort merges.
pub(crate) fn sorted(mut ids: Vec<u32>) -> Vec<u32> {
    ids.sort();
    ids.dedup();
    ids
}

fn intersect(a: &[u32], b: &[u32]) -> Vec<u32> {
    let (small, large) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    // Where one list is much shorter, its ids are looked up; otherwise the two are walked together.
    if small.len() < large.len() / 16 {
        let mut rest = large;
        let mut both = Vec::with_capacity(small.len());
        for id in small {
            rest = &rest[rest.partition_point(|other| other < id)..];
            if rest.first() == Some(id) {
                both.push(*id);
            }
        }
        return both;
    }
    let mut both = Vec::with_capacity(small.len());
    let mut large = large.iter().peekable();
    for id in small {
        while large.next_if(|other| *other < id).is_some() {}
        if large.peek() == Some(&id) {
            both.push(*id);
        }
    }
    both
}

fn without(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut rest = b.iter().peekable();
    a.iter()
        .filter(|id| {
            while rest.next_if(|other| other < id).is_some() {}
            rest.peek() != Some(id)
        })
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use metrics_core::LabelSet;
    use proptest::prelude::*;

    use super::*;

    struct Naive(Vec<LabelSet>);

    impl Naive {
        fn where_(&self, keep: impl Fn(&LabelSet) -> bool) -> Result<Vec<u32>, Infallible> {
            Ok((0..).zip(&self.0).filter(|(_, l)| keep(l)).map(|(i, _)| i).collect())
        }
    }

    impl PostingsIndex for Naive {
        type Error = Infallible;

        fn all(&self) -> Result<Vec<u32>, Infallible> {
            self.where_(|_| true)
        }

        fn with_value(&self, name: &str, value: &str) -> Result<Vec<u32>, Infallible> {
            self.where_(|l| l.get(name) == Some(value))
        }

        fn with_values(&self, name: &str, keep: &dyn Fn(&str) -> bool) -> Result<Vec<u32>, Infallible> {
            self.where_(|l| l.get(name).is_some_and(keep))
        }
    }

    fn matcher() -> impl Strategy<Value = Matcher> {
        let ops = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex];
        let values = ["", "1", "2", "1|2", "1|", ".*", ".+", "[12]", "[13]?", "1.*", "9"];
        ("[abc]", proptest::sample::select(ops.to_vec()), proptest::sample::select(values.to_vec()))
            .prop_map(|(name, op, value)| Matcher::new(name, op, value).unwrap())
    }

    proptest! {
        /// The definition: a series is found if every matcher accepts its value, the empty one where it has none.
        #[test]
        fn finds_what_every_matcher_accepts(
            series in proptest::collection::vec(
                proptest::collection::btree_map("[abc]", "[123]", 0..4), 0..20),
            matchers in proptest::collection::vec(matcher(), 0..5),
        ) {
            let index = Naive(series.into_iter().map(LabelSet::from_iter).collect());
            let Ok(expected) = index.where_(|l| matchers.iter().all(|m| m.matches_labels(l)));
            let Ok(found) = matching(&index, &matchers);
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn set_operations_agree_with_sets(
            a in proptest::collection::btree_set(0u32..300, 0..200),
            b in proptest::collection::btree_set(0u32..300, 0..20),
        ) {
            let (va, vb): (Vec<u32>, Vec<u32>) = (a.iter().copied().collect(), b.iter().copied().collect());
            let both: Vec<u32> = a.intersection(&b).copied().collect();
            prop_assert_eq!(intersect(&va, &vb), both.clone());
            prop_assert_eq!(intersect(&vb, &va), both);
            prop_assert_eq!(without(&va, &vb), a.difference(&b).copied().collect::<Vec<_>>());
        }
    }
}
