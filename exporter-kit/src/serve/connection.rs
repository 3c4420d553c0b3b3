//! One client's connection: requests in, answers out, until either side has enough.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
#[cfg(feature = "web-config")]
use hyper::server::conn::http2;
use hyper::service::service_fn;
#[cfg(feature = "web-config")]
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower_service::Service;

use super::body::ReplyBody;
#[cfg(feature = "web-config")]
use super::secure;
use super::{Handlers, ServeOptions};

/// Serves one connection to its end; once `stopping` turns true, to the end of the request in flight.
pub(super) async fn drive<S, B>(
    stream: TcpStream,
    peer: SocketAddr,
    service: S,
    options: Arc<ServeOptions>,
    stopping: watch::Receiver<bool>,
) where
    S: Service<Request<Bytes>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // Answers are written whole, so waiting to fill packets only delays them. A socket that refuses is closed anyway.
    let _ = stream.set_nodelay(true);
    let exchange = Exchange { service, options, peer, stopping };
    #[cfg(feature = "web-config")]
    if let Some(config) = exchange.options.web_config.as_ref().filter(|config| config.uses_tls()) {
        let Some(stream) = secure::accept(stream, config, exchange.options.read_timeout).await else {
            return;
        };
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            return exchange.converse_in_http2(stream).await;
        }
        return exchange.converse(stream).await;
    }
    exchange.converse(stream).await;
}

/// Drives a connection to its end; once the server stops, it is told to take no more requests.
async fn to_the_end<C: Future>(
    connection: C,
    take_no_more: impl Fn(Pin<&mut C>),
    stopping: watch::Receiver<bool>,
) {
    let mut connection = pin!(connection);
    let mut stop = pin!(turned_true(stopping));
    let mut told = false;
    // How the connection ended concerns only the client, who knows.
    let _ = poll_fn(|cx| {
        if !told && stop.as_mut().poll(cx).is_ready() {
            told = true;
            take_no_more(connection.as_mut());
        }
        connection.as_mut().poll(cx)
    })
    .await;
}

/// Ready when the server stops.
async fn turned_true(mut stopping: watch::Receiver<bool>) {
    // An error means that the server is gone altogether.
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// What it takes to answer one request.
#[derive(Clone)]
struct Exchange<S> {
    service: S,
    options: Arc<ServeOptions>,
    peer: SocketAddr,
    stopping: watch::Receiver<bool>,
}

impl<S, B> Exchange<S>
where
    S: Service<Request<Bytes>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Answers what comes over the stream in HTTP/1.1, until it ends or the server stops.
    async fn converse(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let stopping = self.stopping.clone();
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(self.options.read_timeout);
        let answer = service_fn(move |request| self.clone().answer(request));
        let connection = http.serve_connection(TokioIo::new(stream), answer);
        to_the_end(connection, |c| c.graceful_shutdown(), stopping).await;
    }

    /// As [`Exchange::converse`], in HTTP/2.
    #[cfg(feature = "web-config")]
    async fn converse_in_http2(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let stopping = self.stopping.clone();
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new()).keep_alive_interval(self.options.read_timeout);
        let answer = service_fn(move |request| self.clone().answer(request));
        let connection = http.serve_connection(TokioIo::new(stream), answer);
        to_the_end(connection, |c| c.graceful_shutdown(), stopping).await;
    }

    /// Answers a request, if the configuration of the port lets it in.
    async fn answer(self, request: Request<Incoming>) -> Result<Response<ReplyBody<B>>, Infallible> {
        #[cfg(feature = "web-config")]
        if let Some(config) = self.options.web_config.clone() {
            let headers = match config.admit(request.headers()).await {
                Ok(headers) => headers,
                Err(refusal) => return Ok(refusal.into_response(ReplyBody::text)),
            };
            let Ok(mut response) = self.handle(request).await;
            // The handler's own headers count for more.
            for (name, value) in &headers {
                response.headers_mut().entry(name).or_insert_with(|| value.clone());
            }
            return Ok(response);
        }
        self.handle(request).await
    }

    async fn handle(self, request: Request<Incoming>) -> Result<Response<ReplyBody<B>>, Infallible> {
        let head_only = request.method() == Method::HEAD;
        let mut request = match collect(request, &self.options).await {
            Ok(request) => request,
            Err(mut refusal) => {
                // What is left of the body is not worth reading.
                refusal.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                return Ok(refusal);
            }
        };
        if head_only {
            *request.method_mut() = Method::GET;
        }
        request.extensions_mut().insert(self.peer);
        let handled = match self.options.handlers {
            Handlers::Blocking => {
                let service = self.service;
                let runtime = tokio::runtime::Handle::current();
                tokio::task::spawn_blocking(move || runtime.block_on(call(service, request))).await.ok()
            }
            Handlers::Async => unpanicked(call(self.service, request)).await,
        };
        let Some(response) = handled else {
            let text = "internal error: the handler panicked\n".to_owned();
            return Ok(plain(StatusCode::INTERNAL_SERVER_ERROR, text));
        };
        Ok(if head_only { without_body(response) } else { with_body(response, self.stopping) })
    }
}

/// The request with its body whole, or the answer that refuses it.
async fn collect<B>(
    request: Request<Incoming>,
    options: &ServeOptions,
) -> Result<Request<Bytes>, Response<ReplyBody<B>>> {
    let limit = options.max_body;
    let too_large = || {
        let text = format!("request body too large: the limit is {limit} bytes\n");
        plain(StatusCode::PAYLOAD_TOO_LARGE, text)
    };
    let (head, body) = request.into_parts();
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let whole = Limited::new(body, limit).collect();
    match tokio::time::timeout(options.read_timeout, whole).await {
        Ok(Ok(body)) => Ok(Request::from_parts(head, body.to_bytes())),
        Ok(Err(e)) if e.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(plain(StatusCode::BAD_REQUEST, "the request body broke off\n".to_owned())),
        Err(_) => Err(plain(StatusCode::REQUEST_TIMEOUT, "the request body took too long\n".to_owned())),
    }
}

/// Calls a service once it is ready.
async fn call<S, B>(mut service: S, request: Request<Bytes>) -> Response<B>
where
    S: Service<Request<Bytes>, Response = Response<B>, Error = Infallible>,
{
    let Ok(()) = poll_fn(|cx| service.poll_ready(cx)).await;
    let Ok(response) = service.call(request).await;
    response
}

/// The outcome of a future, or nothing if it panicked.
async fn unpanicked<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Ready(outcome)) => Poll::Ready(Some(outcome)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(_) => Poll::Ready(None),
    })
    .await
}

fn with_body<B>(response: Response<B>, stopping: watch::Receiver<bool>) -> Response<ReplyBody<B>> {
    let content_type = response.headers().get(CONTENT_TYPE);
    if content_type.is_some_and(|t| t.as_bytes().starts_with(b"text/event-stream")) {
        response.map(|body| ReplyBody::until(body, turned_true(stopping)))
    } else {
        response.map(ReplyBody::handler)
    }
}

fn without_body<B: Body>(response: Response<B>) -> Response<ReplyBody<B>> {
    let (mut head, body) = response.into_parts();
    if let (Some(length), false) = (body.size_hint().exact(), head.headers.contains_key(CONTENT_LENGTH)) {
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(head, ReplyBody::empty())
}

fn plain<B>(status: StatusCode, text: String) -> Response<ReplyBody<B>> {
    let mut response = Response::new(ReplyBody::text(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
