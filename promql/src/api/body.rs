//! Bodies of responses: short ones whole, values of queries in pieces as they are written.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::compress::Packer;
use super::matrix::SeriesWriter;
use super::render::{push_sample, push_scalar, push_text};
use crate::QueryValue;

/// A piece is handed over when it has grown to this size, so that large answers never stand in memory whole.
const PIECE: usize = 64 * 1024;

/// The body of a response. Never fails.
#[derive(Debug, Default)]
pub struct ApiBody {
    /// What stands before the value.
    head: String,
    value: Option<Elements>,
    /// What stands behind the value.
    tail: String,
    packer: Option<Packer>,
    finished: bool,
}

/// The elements of a value, and how many have been written.
#[derive(Debug)]
struct Elements {
    value: QueryValue,
    written: usize,
    series: SeriesWriter,
}

impl ApiBody {
    /// A body that stands in memory.
    pub(super) fn whole(text: String) -> Self {
        Self { head: text, ..Self::default() }
    }

    /// A body with a value between two texts.
    pub(super) fn around(head: String, value: QueryValue, tail: String) -> Self {
        let elements = Elements { value, written: 0, series: SeriesWriter::default() };
        Self { head, value: Some(elements), tail, ..Self::default() }
    }

    /// The same body, handed over as the packer leaves it.
    pub(super) fn packed(self, packer: Packer) -> Self {
        Self { packer: Some(packer), ..self }
    }

    /// The next piece as it is sent.
    fn piece(&mut self) -> Option<Bytes> {
        loop {
            let plain = self.plain_piece();
            let Some(packer) = &mut self.packer else { return plain.map(Bytes::from) };
            let mut packed = plain.map(|piece| packer.pack(piece.as_bytes())).unwrap_or_default();
            if self.finished
                && let Some(packer) = self.packer.take()
            {
                packed.extend(packer.finish());
            }
            if !packed.is_empty() {
                return Some(packed.into());
            }
        }
    }

    /// The next piece.
    fn plain_piece(&mut self) -> Option<String> {
        if self.finished {
            return None;
        }
        let mut out = std::mem::take(&mut self.head);
        if let Some(elements) = &mut self.value {
            out.reserve(PIECE + PIECE / 4);
            if !elements.write(&mut out) {
                return Some(out);
            }
        }
        out.push_str(&self.tail);
        self.finished = true;
        (!out.is_empty()).then_some(out)
    }

    /// The whole body; for callers that need it in one piece.
    pub fn into_bytes(mut self) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(piece) = self.piece() {
            all.extend_from_slice(&piece);
        }
        all
    }
}

impl Elements {
    /// Writes up to a piece; whether that was the last.
    fn write(&mut self, out: &mut String) -> bool {
        let Self { value, written, series } = self;
        match value {
            QueryValue::Vector(samples) => list(out, written, samples, push_sample),
            QueryValue::Matrix(rows) => list(out, written, rows, |out, row| series.push(out, row)),
            QueryValue::Scalar(scalar) => {
                push_scalar(out, scalar);
                true
            }
            QueryValue::Text(text) => {
                push_text(out, text);
                true
            }
        }
    }
}

/// Writes the elements of a list from number `written` on, up to a piece; whether that was all.
fn list<T>(
    out: &mut String,
    written: &mut usize,
    elements: &[T],
    mut push: impl FnMut(&mut String, &T),
) -> bool {
    if *written == 0 {
        out.push('[');
    }
    for element in &elements[*written..] {
        if out.len() >= PIECE {
            return false;
        }
        if *written > 0 {
            out.push(',');
        }
        push(out, element);
        *written += 1;
    }
    out.push(']');
    true
}

impl Body for ApiBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.get_mut().piece().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        let is_empty = self.head.is_empty() && self.value.is_none() && self.tail.is_empty();
        self.packer.is_none() && (self.finished || is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        if self.packer.is_some() {
            return SizeHint::default();
        }
        match (self.finished, &self.value) {
            (true, _) => SizeHint::with_exact(0),
            (false, None) => SizeHint::with_exact((self.head.len() + self.tail.len()) as u64),
            (false, Some(_)) => SizeHint::default(),
        }
    }
}
