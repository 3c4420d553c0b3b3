//! The last page becoming the next one.

use crate::digits::ShortText;

/// The last page while it becomes the next one, from front to back: what stays is left where it is, or copied once
/// something before it has become longer or shorter.
pub(super) struct Patch<'a> {
    page: &'a mut Vec<u8>,
    /// What has been copied, once that was needed.
    next: &'a mut Vec<u8>,
    /// Up to where the last page is in `next`, or was left out.
    copied: usize,
    /// Up to where the last page has been looked at.
    at: usize,
}

/// A place to go back to.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    next: usize,
    copied: usize,
    at: usize,
}

impl<'a> Patch<'a> {
    /// At the start of this page. The other buffer is overwritten.
    pub(super) fn new(page: &'a mut Vec<u8>, next: &'a mut Vec<u8>) -> Self {
        next.clear();
        Self { page, next, copied: 0, at: 0 }
    }

    /// So many bytes stay.
    #[inline]
    pub(super) fn keep(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// So many bytes are left out.
    #[inline]
    pub(super) fn skip(&mut self, bytes: usize) {
        self.copy();
        self.at += bytes;
        self.copied = self.at;
    }

    /// What is appended stands where so many bytes were; returns its length.
    pub(super) fn replace_with(&mut self, bytes: usize, append: impl FnOnce(&mut Vec<u8>)) -> usize {
        let start = self.next.len();
        append(self.next);
        let len = self.next.len() - start;
        match (self.next.get(start..), self.page.get_mut(self.at..self.at + bytes)) {
            (Some(new), Some(old)) if new.len() == old.len() => {
                old.copy_from_slice(new);
                self.next.truncate(start);
                self.at += bytes;
            }
            _ => {
                // What was kept before comes before.
                self.skip(bytes);
                self.next[start..].rotate_left(len);
            }
        }
        len
    }

    /// This stands where so many bytes were.
    #[inline]
    pub(super) fn replace_short(&mut self, bytes: usize, with: ShortText) {
        match self.page.get_mut(self.at..) {
            Some(old) if bytes == with.len => {
                with.put(old);
                self.at += bytes;
            }
            _ => {
                self.skip(bytes);
                with.append_to(self.next);
            }
        }
    }

    /// Where something new is appended to.
    pub(super) fn insert(&mut self) -> &mut Vec<u8> {
        self.copy();
        self.next
    }

    fn copy(&mut self) {
        self.next.extend_from_slice(self.page.get(self.copied..self.at).unwrap_or_default());
        self.copied = self.at;
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { next: self.next.len(), copied: self.copied, at: self.at }
    }

    /// Forgets everything since a mark, except what was written over in place.
    pub(super) fn back_to(&mut self, mark: Mark) {
        self.next.truncate(mark.next);
        (self.copied, self.at) = (mark.copied, mark.at);
    }

    /// Ends the page with these bytes, as the last one ended.
    pub(super) fn finish(mut self, end: &[u8]) {
        if self.next.is_empty() && self.copied == 0 && self.at + end.len() == self.page.len() {
            return;
        }
        self.copy();
        self.next.extend_from_slice(end);
        std::mem::swap(self.page, self.next);
    }
}
