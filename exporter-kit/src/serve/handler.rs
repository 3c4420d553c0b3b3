//! A service made of a plain function.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use tower_service::Service;

/// Makes a service of a synchronous function; under [`Handlers::Blocking`](super::Handlers::Blocking) it may block.
pub fn handler_fn<F, B>(function: F) -> HandlerFn<F>
where
    F: FnMut(Request<Bytes>) -> Response<B>,
{
    HandlerFn(function)
}

/// A service made of a plain function; see [`handler_fn`].
#[derive(Clone, Copy)]
pub struct HandlerFn<F>(F);

impl<F> fmt::Debug for HandlerFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandlerFn")
    }
}

impl<F, B> Service<Request<Bytes>> for HandlerFn<F>
where
    F: FnMut(Request<Bytes>) -> Response<B>,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Ready<Result<Response<B>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        ready(Ok((self.0)(request)))
    }
}
