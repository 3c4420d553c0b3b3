//! A series' identity: a sorted set of label names and values.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

/// The label that holds a series' metric name.
pub const METRIC_NAME: &str = "__name__";

/// An immutable set of labels, sorted by name, without empty values or repeated names.
///
/// One allocation, cheap to clone, compared and hashed as a whole. A label with an empty value is the
/// same as no label, so empty values are dropped when a set is built.
///
/// ```
/// use metrics_core::LabelSet;
/// let set = LabelSet::from_pairs([("job", "node"), ("__name__", "up"), ("gone", "")]);
/// assert_eq!(set.get("job"), Some("node"));
/// assert_eq!(set.metric_name(), Some("up"));
/// assert_eq!(set.len(), 2);
/// assert_eq!(set.to_string(), r#"up{job="node"}"#);
/// ```
// Packed as (length, name, length, value)*, each length a base-64 varint of bytes below 0x80, so that the
// whole buffer is valid UTF-8 and slicing it needs neither `unsafe` nor a second validation.
#[derive(Clone)]
pub struct LabelSet(Arc<str>);

static EMPTY: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from(""));

impl LabelSet {
    /// The set without labels.
    pub fn empty() -> Self {
        Self(EMPTY.clone())
    }

    /// Builds a set from pairs in any order. Of a repeated name the last value wins; empty values are dropped.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut pairs: Vec<(N, V)> = pairs.into_iter().collect();
        let rises = |pairs: &[(N, V)]| pairs.is_sorted_by(|a, b| a.0.as_ref() < b.0.as_ref());
        if !rises(&pairs) {
            // Stable, so that the last of equal names is the one given last.
            pairs.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
            if !rises(&pairs) {
                pairs.reverse();
                pairs.dedup_by(|a, b| a.0.as_ref() == b.0.as_ref());
                pairs.reverse();
            }
        }
        Self::from_sorted(pairs.iter().map(|(n, v)| (n.as_ref(), v.as_ref())))
    }

    /// Builds a set from pairs already sorted by name without repeats; empty values are dropped.
    ///
    /// Order is the caller's promise, checked in debug builds only: [`LabelSet::from_pairs`] sorts.
    pub fn from_sorted<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self::pack_all(pairs.into_iter().filter(|(_, value)| !value.is_empty()))
    }

    /// Builds the labels of a series as a page shows them: pairs in any order, empty values kept.
    ///
    /// A page may print `path=""`, and one that promises the text of another program has to. Such a set is for
    /// exposition only: it differs from the set without the empty label, which is what a reader of the page stores.
    ///
    /// ```
    /// use metrics_core::LabelSet;
    /// let shown = LabelSet::shown([("path", ""), ("device", "sda")]);
    /// assert_eq!(shown.to_string(), r#"{device="sda", path=""}"#);
    /// ```
    pub fn shown<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut pairs: Vec<_> = pairs.into_iter().collect();
        pairs.sort_by_key(|(name, _)| *name);
        Self::pack_all(pairs)
    }

    fn pack_all<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        // Room for nearly all: growing would cost more than packing does.
        let mut packed = String::with_capacity(256);
        let mut previous: Option<&str> = None;
        for (name, value) in pairs {
            debug_assert!(previous.is_none_or(|p| p < name), "label names out of order");
            previous = Some(name);
            pack(&mut packed, name);
            pack(&mut packed, value);
        }
        if packed.is_empty() { Self::empty() } else { Self(Arc::from(packed)) }
    }

    /// The value of a label, if it is set.
    pub fn get(&self, name: &str) -> Option<&str> {
        for (n, v) in self {
            match n.cmp(name) {
                Ordering::Less => {}
                Ordering::Equal => return Some(v),
                Ordering::Greater => return None,
            }
        }
        None
    }

    /// The value of a label, or the empty string, which means the same as absence.
    pub fn value(&self, name: &str) -> &str {
        self.get(name).unwrap_or("")
    }

    /// The value of `__name__`.
    pub fn metric_name(&self) -> Option<&str> {
        self.get(METRIC_NAME)
    }

    /// The labels in order of their names.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter { rest: &self.0 }
    }

    /// How many labels are set.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether no label is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes that all clones of this set share on the heap.
    pub fn heap_size(&self) -> usize {
        self.0.len() + 2 * size_of::<usize>()
    }

    /// The names and values in turn, each behind a byte with its length, and how many labels that are; `None` if one of them
    /// is longer than 63 bytes. That is how the field's files write them, so that a whole set is copied at once.
    ///
    /// ```
    /// use metrics_core::LabelSet;
    /// let set = LabelSet::from_pairs([("job", "node")]);
    /// assert_eq!(set.as_prefixed(), Some((1, &b"\x03job\x04node"[..])));
    /// assert_eq!(LabelSet::from_pairs([("job", "x".repeat(64))]).as_prefixed(), None);
    /// ```
    pub fn as_prefixed(&self) -> Option<(usize, &[u8])> {
        let bytes = self.0.as_bytes();
        let (mut at, mut strings) = (0, 0);
        while let Some(len) = bytes.get(at) {
            if *len >= 64 {
                return None;
            }
            at += 1 + usize::from(*len);
            strings += 1;
        }
        Some((strings / 2, bytes))
    }

    /// The set of `count` labels at the start of what [`LabelSet::as_prefixed`] told, and how many bytes they take. `None` where
    /// they are no such set, or not one that can be copied at once: read label by label, they may be one.
    ///
    /// ```
    /// use metrics_core::LabelSet;
    /// let (set, len) = LabelSet::from_prefixed(1, b"\x03job\x04node and more").unwrap();
    /// assert_eq!((set, len), (LabelSet::from_pairs([("job", "node")]), 9));
    /// assert_eq!(LabelSet::from_prefixed(2, b"\x01b\x01x\x01a\x01x"), None);
    /// ```
    pub fn from_prefixed(count: usize, bytes: &[u8]) -> Option<(Self, usize)> {
        let mut at = 0;
        let mut previous: &[u8] = &[];
        for _ in 0..count {
            let name = prefixed(bytes, &mut at)?;
            let value = prefixed(bytes, &mut at)?;
            if value.is_empty() || name <= previous {
                return None;
            }
            previous = name;
        }
        if at == 0 {
            return Some((Self::empty(), 0));
        }
        // Lengths are characters of one byte, so that strings which end amid a character do not pass.
        let packed = std::str::from_utf8(bytes.get(..at)?).ok()?;
        Some((Self(Arc::from(packed)), at))
    }

    /// A 64-bit hash that is the same on every run and machine (FNV-1a over the packed form, finished by a
    /// multiply-xorshift). Equal sets have equal hashes.
    pub fn stable_hash(&self) -> u64 {
        let mut h: u64 = 0xcbf2_9ce4_8422_2325;
        let mut words = self.0.as_bytes().chunks_exact(8);
        for w in &mut words {
            let mut bytes = [0u8; 8];
            bytes.copy_from_slice(w);
            h = (h ^ u64::from_le_bytes(bytes)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            h ^= h >> 29;
        }
        for b in words.remainder() {
            h = (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3);
        }
        h ^= h >> 32;
        h = h.wrapping_mul(0xd6e8_feb8_6659_fd93);
        h ^ (h >> 32)
    }

    /// A builder that starts from this set.
    pub fn to_builder(&self) -> LabelSetBuilder {
        LabelSetBuilder { pairs: self.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect() }
    }

    /// This set without the named labels.
    pub fn without(&self, names: &[&str]) -> Self {
        self.filtered(|name| !names.contains(&name))
    }

    /// This set with only the named labels.
    pub fn only(&self, names: &[&str]) -> Self {
        self.filtered(|name| names.contains(&name))
    }

    /// The labels whose names are to be kept: neighbours are copied together, as they are packed.
    fn filtered(&self, keep: impl Fn(&str) -> bool) -> Self {
        let all = &*self.0;
        let mut labels = self.iter();
        let mut kept = String::new();
        let mut run = 0..0;
        loop {
            let start = all.len() - labels.rest.len();
            let Some((name, value)) = labels.next() else { break };
            let end = all.len() - labels.rest.len();
            if value.is_empty() || !keep(name) {
                continue;
            }
            if run.end != start {
                kept.push_str(&all[run]);
                run = start..start;
            }
            run.end = end;
        }
        match (kept.is_empty(), run.len()) {
            (true, 0) => Self::empty(),
            (true, n) if n == all.len() => self.clone(),
            (true, _) => Self(Arc::from(&all[run])),
            (false, _) => Self(Arc::from(kept + &all[run])),
        }
    }

    /// This set without `__name__`.
    pub fn without_metric_name(&self) -> Self {
        if self.metric_name().is_some() { self.without(&[METRIC_NAME]) } else { self.clone() }
    }
}

#[inline]
fn pack(out: &mut String, text: &str) {
    let mut n = text.len();
    while n >= 64 {
        out.push((0x40 | (n & 0x3f) as u8) as char);
        n >>= 6;
    }
    out.push(n as u8 as char);
    out.push_str(text);
}

/// A short string behind its length, and the place behind it.
fn prefixed<'a>(bytes: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let len = usize::from(*bytes.get(*at)?);
    let string = bytes.get(*at + 1..*at + 1 + len).filter(|_| len < 64)?;
    *at += 1 + len;
    Some(string)
}

/// Splits one packed string off the front.
#[inline]
fn unpack(rest: &str) -> (&str, &str) {
    match rest.as_bytes() {
        // Nearly all are shorter than 64 bytes.
        [n @ 0..0x40, ..] => rest[1..].split_at(usize::from(*n)),
        _ => unpack_long(rest),
    }
}

fn unpack_long(rest: &str) -> (&str, &str) {
    let bytes = rest.as_bytes();
    let (mut n, mut shift, mut at) = (0usize, 0u32, 0usize);
    loop {
        let b = bytes[at];
        at += 1;
        n |= usize::from(b & 0x3f) << shift;
        if b & 0x40 == 0 {
            break;
        }
        shift += 6;
    }
    (&rest[at..at + n], &rest[at + n..])
}

/// Labels of a [`LabelSet`] in order of their names.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a str, &'a str);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (name, rest) = unpack(self.rest);
        let (value, rest) = unpack(rest);
        self.rest = rest;
        Some((name, value))
    }
}

impl<'a> IntoIterator for &'a LabelSet {
    type Item = (&'a str, &'a str);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl PartialEq for LabelSet {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for LabelSet {}

impl Hash for LabelSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Ord for LabelSet {
    /// Name by name and value by value, the field's order of series; a prefix comes first.
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (&*self.0, &*other.0);
        let differ = common_prefix(a.as_bytes(), b.as_bytes());
        if differ == a.len() || differ == b.len() {
            return a.len().cmp(&b.len());
        }
        // What is packed before the string in which they differ is the same in both.
        let mut rest = a;
        loop {
            let at = a.len() - rest.len();
            let (text, behind) = unpack(rest);
            if a.len() - behind.len() > differ {
                return text.cmp(unpack(&b[at..]).0);
            }
            rest = behind;
        }
    }
}

/// How many bytes two slices have in common at the front.
fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let words = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
    let same = 8 * words.take_while(|(a, b)| a == b).count();
    same + a[same..].iter().zip(&b[same..]).take_while(|(a, b)| a == b).count()
}

impl PartialOrd for LabelSet {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Default for LabelSet {
    fn default() -> Self {
        Self::empty()
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for LabelSet {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(iter: T) -> Self {
        Self::from_pairs(iter)
    }
}

impl fmt::Debug for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for LabelSet {
    /// As PromQL prints a series: `name{label="value", …}`; a name outside the classic alphabet stands quoted
    /// among the labels.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.metric_name().unwrap_or("");
        let bare = crate::is_legacy_metric_name(name);
        if bare {
            f.write_str(name)?;
        }
        if bare && self.len() == 1 {
            return Ok(());
        }
        f.write_str("{")?;
        let mut separator = "";
        if !bare && !name.is_empty() {
            write!(f, "{}", Quoted(name))?;
            separator = ", ";
        }
        for (n, v) in self {
            if n == METRIC_NAME {
                continue;
            }
            f.write_str(separator)?;
            separator = ", ";
            if crate::is_legacy_label_name(n) {
                f.write_str(n)?;
            } else {
                write!(f, "{}", Quoted(n))?;
            }
            write!(f, "={}", Quoted(v))?;
        }
        f.write_str("}")
    }
}

/// Shows a string between double quotes with the escapes of the field's languages (those of Go's `%q`).
///
/// ```
/// assert_eq!(metrics_core::Quoted("a\"\u{1}").to_string(), r#""a\"\x01""#);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\u{7}' => f.write_str("\\a")?,
                '\u{8}' => f.write_str("\\b")?,
                '\u{c}' => f.write_str("\\f")?,
                '\u{b}' => f.write_str("\\v")?,
                c if (c as u32) < 0x20 || c as u32 == 0x7f => write!(f, "\\x{:02x}", c as u32)?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

/// Collects and changes labels, then builds a [`LabelSet`].
///
/// ```
/// use metrics_core::LabelSetBuilder;
/// let mut labels = LabelSetBuilder::default();
/// labels.set("job", "node").set("instance", "a:9100").remove("job");
/// assert_eq!(labels.build().to_string(), r#"{instance="a:9100"}"#);
/// ```
#[derive(Debug, Clone, Default)]
pub struct LabelSetBuilder {
    // Sorted by name.
    pairs: Vec<(String, String)>,
}

impl LabelSetBuilder {
    /// Sets a label; an empty value removes it.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        let value = value.into();
        match self.find(name) {
            Ok(i) if value.is_empty() => drop(self.pairs.remove(i)),
            Ok(i) => self.pairs[i].1 = value,
            Err(_) if value.is_empty() => {}
            Err(i) => self.pairs.insert(i, (name.to_owned(), value)),
        }
        self
    }

    /// Removes a label if it is set.
    pub fn remove(&mut self, name: &str) -> &mut Self {
        if let Ok(i) = self.find(name) {
            self.pairs.remove(i);
        }
        self
    }

    /// Keeps the labels for which `keep(name, value)` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) -> &mut Self {
        self.pairs.retain(|(n, v)| keep(n, v));
        self
    }

    /// The value of a label, if it is set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.find(name).ok().map(|i| self.pairs[i].1.as_str())
    }

    /// The labels in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// The finished set.
    pub fn build(&self) -> LabelSet {
        LabelSet::from_sorted(self.iter())
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.pairs.binary_search_by(|(n, _)| n.as_str().cmp(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn long_values_survive_packing() {
        for n in [0, 1, 63, 64, 65, 4095, 4096, 300_000] {
            let value = "ü".repeat(n);
            let set = LabelSet::from_pairs([("a", value.as_str()), ("b", "x")]);
            assert_eq!(set.value("a"), value);
            assert_eq!(set.value("b"), "x");
        }
    }

    #[test]
    fn last_of_repeated_names_wins() {
        let set = LabelSet::from_pairs([("b", "1"), ("a", "2"), ("b", "3")]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [("a", "2"), ("b", "3")]);
    }

    #[test]
    fn order_is_by_label_not_by_packed_bytes() {
        let short = LabelSet::from_pairs([("a", "zz")]);
        let long = LabelSet::from_pairs([("a", "bbbb")]);
        assert!(long < short);
        assert!(LabelSet::empty() < long);
    }

    #[test]
    fn display_quotes_what_is_not_classic() {
        let set = LabelSet::from_pairs([("__name__", "my.metric"), ("k.x", "a\"b\n")]);
        assert_eq!(set.to_string(), r#"{"my.metric", "k.x"="a\"b\n"}"#);
        assert_eq!(LabelSet::from_pairs([("__name__", "up")]).to_string(), "up");
        assert_eq!(LabelSet::empty().to_string(), "{}");
    }

    fn few_labels() -> impl Strategy<Value = std::collections::BTreeMap<String, String>> {
        let value =
            prop_oneof!["[ab]{1,12}", Just("x".repeat(63)), Just("x".repeat(64)), Just("é".repeat(70))];
        proptest::collection::btree_map("[abc]{1,3}", value, 0..6)
    }

    proptest! {
        #[test]
        fn order_is_that_of_the_pairs(a in few_labels(), b in few_labels(), cut in 0usize..6) {
            let shorter: Vec<_> = a.clone().into_iter().take(cut).collect();
            for b in [&b.into_iter().collect(), &shorter] {
                let expected = a.iter().cmp(b.iter().map(|(n, v)| (n, v)));
                let (a, b) = (LabelSet::from_pairs(a.iter()), LabelSet::from_pairs(b.iter().map(|(n, v)| (n, v))));
                prop_assert_eq!(a.cmp(&b), expected);
                prop_assert_eq!(b.cmp(&a), expected.reverse());
            }
        }

        #[test]
        fn labels_are_left_out_or_kept(a in few_labels(), names in proptest::collection::vec("[abc]{1,2}", 0..6)) {
            let set = LabelSet::from_pairs(a.iter());
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let (kept, left): (Vec<_>, Vec<_>) = a.iter().partition(|(n, _)| names.contains(&n.as_str()));
            prop_assert_eq!(set.only(&names), LabelSet::from_pairs(kept));
            prop_assert_eq!(set.without(&names), LabelSet::from_pairs(left));
        }

        #[test]
        fn pairs_come_back_sorted(map in proptest::collection::btree_map(".{0,80}", ".{1,80}", 0..12)) {
            let set = LabelSet::from_pairs(map.iter());
            let back: Vec<_> = set.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            prop_assert_eq!(back, map.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(set.stable_hash(), LabelSet::from_pairs(map.into_iter().rev()).stable_hash());
        }
    }
}
