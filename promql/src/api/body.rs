//! Bodies of responses: short ones whole, values of queries in pieces as they are written.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::render::{push_sample, push_scalar, push_series, push_text};
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
    finished: bool,
}

/// The elements of a value, and how many have been written.
#[derive(Debug)]
struct Elements {
    value: QueryValue,
    written: usize,
}

impl ApiBody {
    /// A body that stands in memory.
    pub(super) fn whole(text: String) -> Self {
        Self { head: text, ..Self::default() }
    }

    /// A body with a value between two texts.
    pub(super) fn around(head: String, value: QueryValue, tail: String) -> Self {
        Self { head, value: Some(Elements { value, written: 0 }), tail, finished: false }
    }

    /// The next piece.
    fn piece(&mut self) -> Option<Bytes> {
        if self.finished {
            return None;
        }
        let mut out = std::mem::take(&mut self.head);
        if let Some(elements) = &mut self.value
            && !elements.write(&mut out)
        {
            return Some(out.into());
        }
        out.push_str(&self.tail);
        self.finished = true;
        (!out.is_empty()).then(|| out.into())
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
        let mut list = |length: usize, push: &dyn Fn(&mut String, usize)| {
            if self.written == 0 {
                out.push('[');
            }
            while self.written < length {
                if out.len() >= PIECE {
                    return false;
                }
                if self.written > 0 {
                    out.push(',');
                }
                push(out, self.written);
                self.written += 1;
            }
            out.push(']');
            true
        };
        match &self.value {
            QueryValue::Vector(samples) => list(samples.len(), &|out, i| push_sample(out, &samples[i])),
            QueryValue::Matrix(series) => list(series.len(), &|out, i| push_series(out, &series[i])),
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
        self.finished || (self.head.is_empty() && self.value.is_none() && self.tail.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match (self.finished, &self.value) {
            (true, _) => SizeHint::with_exact(0),
            (false, None) => SizeHint::with_exact((self.head.len() + self.tail.len()) as u64),
            (false, Some(_)) => SizeHint::default(),
        }
    }
}
