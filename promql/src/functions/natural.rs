//! Natural order of texts, for `sort_by_label`: digits count as numbers.

use std::cmp::Ordering;

/// Whether `a` comes before `b` when runs of digits are compared as numbers: `node2` before `node10`.
pub(crate) fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (pieces(a), pieces(b));
    loop {
        let (x, y) = match (left.next(), right.next()) {
            (Some(x), Some(y)) => (x, y),
            (None, None) => return a.cmp(b),
            (x, y) => return x.is_some().cmp(&y.is_some()),
        };
        if x == y {
            continue;
        }
        let numbers = x.as_bytes()[0].is_ascii_digit() && y.as_bytes()[0].is_ascii_digit();
        let order = if numbers {
            let [p, q] = [x, y].map(|n| n.trim_start_matches('0'));
            // The longer number is the larger; of equal numbers the one with fewer leading zeros comes first.
            p.len().cmp(&q.len()).then_with(|| p.cmp(q)).then_with(|| x.len().cmp(&y.len()))
        } else {
            x.cmp(y)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Runs of digits and runs of anything else.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let digit = rest.as_bytes().first()?.is_ascii_digit();
        let end = rest.bytes().position(|b| b.is_ascii_digit() != digit).unwrap_or(rest.len());
        let (piece, tail) = rest.split_at(end);
        rest = tail;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_numbers() {
        let mut names = ["cpu10", "cpu2", "4m600", "4m5", "a", "", "cpu02", "1", "10", "9"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(names, ["", "1", "4m5", "4m600", "9", "10", "a", "cpu2", "cpu02", "cpu10"]);
    }
}
