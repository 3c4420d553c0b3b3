//! Postings: sorted lists of series ids, and the set operations on them.
//!
//! Lists rise strictly. The operations go through them once, and jump where one list is much longer than the other.

/// How many times longer a list must be before jumping through it beats walking.
const JUMP: usize = 16;

/// Ids that are in both lists, appended to `into`.
///
/// ```
/// let mut ids = Vec::new();
/// tsdb::postings::intersect(&[1, 3, 5], &[2, 3, 5, 7], &mut ids);
/// assert_eq!(ids, [3, 5]);
/// ```
pub fn intersect(a: &[u32], b: &[u32], into: &mut Vec<u32>) {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.len().saturating_mul(JUMP) < long.len() {
        let mut rest = long;
        for id in short {
            rest = seek(rest, *id);
            match rest.first() {
                Some(first) if first == id => into.push(*id),
                Some(_) => {}
                None => return,
            }
        }
        return;
    }
    let (mut i, mut j) = (0, 0);
    while let (Some(x), Some(y)) = (short.get(i), long.get(j)) {
        if x == y {
            into.push(*x);
        }
        // Both steps without a branch: which one is taken cannot be predicted.
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
}

/// Ids of `a` that are not in `b`, appended to `into`.
///
/// ```
/// let mut ids = Vec::new();
/// tsdb::postings::without(&[1, 3, 5], &[2, 3], &mut ids);
/// assert_eq!(ids, [1, 5]);
/// ```
pub fn without(a: &[u32], b: &[u32], into: &mut Vec<u32>) {
    if a.len().saturating_mul(JUMP) < b.len() {
        let mut rest = b;
        for id in a {
            rest = seek(rest, *id);
            if rest.first() != Some(id) {
                into.push(*id);
            }
        }
        return;
    }
    let mut j = 0;
    for (i, x) in a.iter().enumerate() {
        while b.get(j).is_some_and(|y| y < x) {
            j += 1;
        }
        match b.get(j) {
            Some(y) if y == x => {}
            Some(_) => into.push(*x),
            None => {
                into.extend_from_slice(&a[i..]);
                return;
            }
        }
    }
}

/// Ids that are in any of the lists, appended to `into`.
///
/// ```
/// let mut ids = Vec::new();
/// tsdb::postings::union(&[&[1, 5], &[5, 7], &[2]], &mut ids);
/// assert_eq!(ids, [1, 2, 5, 7]);
/// ```
pub fn union(lists: &[&[u32]], into: &mut Vec<u32>) {
    match lists {
        [] => {}
        [one] => into.extend_from_slice(one),
        [a, b] => union_of_two(a, b, into),
        _ => {
            // Sorting finds and merges the runs that the lists are, and needs no heap of cursors.
            let start = into.len();
            into.reserve(lists.iter().map(|l| l.len()).sum());
            for list in lists {
                into.extend_from_slice(list);
            }
            into[start..].sort();
            let mut kept = start;
            for i in start..into.len() {
                if kept == start || into[kept - 1] != into[i] {
                    into[kept] = into[i];
                    kept += 1;
                }
            }
            into.truncate(kept);
        }
    }
}

fn union_of_two(a: &[u32], b: &[u32], into: &mut Vec<u32>) {
    into.reserve(a.len().max(b.len()));
    let (mut i, mut j) = (0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        into.push(*x.min(y));
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
    into.extend_from_slice(&a[i..]);
    into.extend_from_slice(&b[j..]);
}

/// The part of a list from the first id on that is not below `id`, found in steps that double.
fn seek(list: &[u32], id: u32) -> &[u32] {
    let mut step = 1;
    while list.get(step).is_some_and(|x| *x < id) {
        step *= 2;
    }
    let reached = list.len().min(step + 1);
    let from = step / 2;
    &list[from.min(reached) + list[from.min(reached)..reached].partition_point(|x| *x < id)..]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    fn list(max: usize) -> impl Strategy<Value = Vec<u32>> {
        proptest::collection::btree_set(0u32..2000, 0..max).prop_map(|s| s.into_iter().collect())
    }

    proptest! {
        #[test]
        fn the_operations_are_those_of_sets(a in list(20), b in list(900), c in list(300)) {
            let sets: Vec<BTreeSet<u32>> = [&a, &b, &c].map(|l| l.iter().copied().collect()).to_vec();
            for (x, y) in [(0, 1), (1, 0), (1, 2), (2, 1), (0, 0)] {
                let (p, q): (Vec<_>, Vec<_>) = (sets[x].iter().copied().collect(), sets[y].iter().copied().collect());
                let mut found = vec![];
                intersect(&p, &q, &mut found);
                prop_assert_eq!(&found, &sets[x].intersection(&sets[y]).copied().collect::<Vec<_>>());
                found.clear();
                without(&p, &q, &mut found);
                prop_assert_eq!(&found, &sets[x].difference(&sets[y]).copied().collect::<Vec<_>>());
                found.clear();
                union(&[&p, &q], &mut found);
                prop_assert_eq!(&found, &sets[x].union(&sets[y]).copied().collect::<Vec<_>>());
            }
            let mut found = vec![7];
            union(&[&a, &b, &c], &mut found);
            let all: BTreeSet<u32> = sets.iter().flatten().copied().collect();
            prop_assert_eq!(found.split_off(1), all.into_iter().collect::<Vec<_>>());
        }
    }
}
