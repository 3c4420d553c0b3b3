//! What the server sends as a response body: a handler's own, or a short text of the server.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

type Signal = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A response body.
pub(super) enum ReplyBody<B> {
    /// Words of the server itself, or nothing.
    Own(Option<Bytes>),
    /// The handler's body.
    Handler(Pin<Box<B>>),
    /// An endless body of the handler, which ends when the signal comes.
    Until(Pin<Box<B>>, Signal),
    /// An endless body that has ended.
    Ended,
}

impl<B> ReplyBody<B> {
    pub(super) fn text(text: String) -> Self {
        Self::Own(Some(Bytes::from(text)))
    }

    pub(super) fn empty() -> Self {
        Self::Own(None)
    }

    pub(super) fn handler(body: B) -> Self {
        Self::Handler(Box::pin(body))
    }

    pub(super) fn until(body: B, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        Self::Until(Box::pin(body), Box::pin(signal))
    }
}

impl<B: Body<Data = Bytes>> Body for ReplyBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match &mut *self {
            Self::Own(text) => Poll::Ready(text.take().map(|t| Ok(Frame::data(t)))),
            Self::Handler(body) => body.as_mut().poll_frame(cx),
            Self::Until(body, signal) => {
                if signal.as_mut().poll(cx).is_pending() {
                    return body.as_mut().poll_frame(cx);
                }
                *self = Self::Ended;
                Poll::Ready(None)
            }
            Self::Ended => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(text) => text.is_none(),
            Self::Handler(body) | Self::Until(body, _) => body.is_end_stream(),
            Self::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(text) => SizeHint::with_exact(text.as_ref().map_or(0, |t| t.len() as u64)),
            Self::Handler(body) => body.size_hint(),
            Self::Until(..) => SizeHint::new(),
            Self::Ended => SizeHint::with_exact(0),
        }
    }
}

impl<B> fmt::Debug for ReplyBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplyBody")
    }
}
