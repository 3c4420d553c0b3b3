//! What tells the members of a family apart.

/// The label values of one member, borrowed for a look-up, in the order of the family's label names.
pub trait LabelValues {
    /// Hands out every value; an empty one means that the member does not have the label.
    fn each(&self, visit: impl FnMut(&str));
}

/// The shape of a family's labels.
///
/// `[&str; N]` are labels whose names are given when the family is made.
pub trait Labels: Send + Sync + 'static {
    /// The values of one member, which may be borrowed from the caller.
    type Values<'a>: LabelValues;
}

impl<const N: usize> LabelValues for [&str; N] {
    #[inline]
    fn each(&self, visit: impl FnMut(&str)) {
        self.iter().copied().for_each(visit);
    }
}

impl<const N: usize> Labels for [&'static str; N] {
    type Values<'a> = [&'a str; N];
}
