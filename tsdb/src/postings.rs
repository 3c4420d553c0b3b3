//! Postings: sorted lists of series ids, and the set operations on them.
