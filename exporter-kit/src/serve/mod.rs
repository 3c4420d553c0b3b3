//! A small HTTP server for any `http::Request → http::Response` service: the only listening socket in
//! the workspace.
//!
//! [`bind`] opens the port, [`serve`] answers until told to stop, [`handler_fn`] makes a service of a plain
//! function, [`stop_signal`] waits for Ctrl-C. Request bodies arrive whole and bounded, response bodies may stream for as long as they like.

mod bind;
mod body;
mod connection;
mod handler;
#[cfg(feature = "web-config")]
mod secure;
mod signal;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower_service::Service;

pub use bind::{BindError, bind};
pub use handler::{HandlerFn, handler_fn};
pub use signal::stop_signal;

#[cfg(feature = "web-config")]
pub use crate::web_config::{WebConfig, WebConfigError};

/// Pause after a failed `accept`, mostly for want of file descriptors, which need time to come free.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Limits and habits of a server.
///
/// The defaults for connections and reading are those of Prometheus' `--web.max-connections` and
/// `--web.read-timeout`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServeOptions {
    /// Longest request body in bytes; a longer one is answered with 413. 64 MiB.
    pub max_body: usize,
    /// Connections open at once; further ones wait in the system's queue. 512.
    pub max_connections: usize,
    /// Longest time for a request's head, again for its body, and for an idle connection. 5 minutes.
    pub read_timeout: Duration,
    /// How long requests in flight may go on after the shutdown signal. 10 seconds.
    pub shutdown_grace: Duration,
    /// Where handlers run. [`Handlers::Blocking`].
    pub handlers: Handlers,
    /// TLS, passwords and headers by the field's file. None.
    #[cfg(feature = "web-config")]
    pub web_config: Option<WebConfig>,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            max_body: 64 << 20,
            max_connections: 512,
            read_timeout: Duration::from_secs(300),
            shutdown_grace: Duration::from_secs(10),
            handlers: Handlers::default(),
            #[cfg(feature = "web-config")]
            web_config: None,
        }
    }
}

/// Where a server runs its handlers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Handlers {
    /// On the runtime's pool of blocking threads, from call to finished response head: queries and file reads
    /// hold up nobody else. Costs one thread hand-over per request.
    #[default]
    Blocking,
    /// On the connection's own task, for handlers that never block.
    Async,
}

/// How a server stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// Connections that were cut because they outlived [`ServeOptions::shutdown_grace`].
    pub cut: usize,
}

/// Answers requests on `listener` with clones of `service` until `shutdown` is ready, then lets requests in
/// flight finish.
///
/// - The handler's peer address is in the request's extensions as a [`SocketAddr`].
/// - HEAD reaches the handler as GET; the answer keeps its headers and loses its body.
/// - A panic in a handler is answered with 500, one in a body ends its connection; the server goes on.
/// - Responses of type `text/event-stream` end when the shutdown begins, since they would never end otherwise.
///
/// ```
/// use bytes::Bytes;
/// use exporter_kit::serve::{ServeOptions, bind, handler_fn, serve};
/// use http_body_util::Full;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # runtime.block_on(async {
/// let listener = bind("127.0.0.1:0").await.unwrap();
/// let hello = handler_fn(|_request| http::Response::new(Full::new(Bytes::from("hello"))));
/// let stopped = serve(listener, hello, ServeOptions::default(), async { /* until Ctrl-C */ }).await;
/// assert_eq!(stopped.cut, 0);
/// # });
/// ```
pub async fn serve<S, B>(
    listener: TcpListener,
    service: S,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) -> Stopped
where
    S: Service<Request<Bytes>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let options = Arc::new(options);
    let seats = Arc::new(Semaphore::new(options.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    let (announce, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    while let Some((stream, peer, seat)) = unless(next_connection(&listener, &seats), shutdown.as_mut()).await
    {
        let connection =
            connection::drive(stream, peer, service.clone(), Arc::clone(&options), stopping.clone());
        connections.spawn(async move {
            connection.await;
            drop(seat);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    announce.send_replace(true);
    let all_done = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(options.shutdown_grace, all_done).await;
    // Whoever is left is aborted when the set is dropped.
    Stopped { cut: connections.len() }
}

/// The next client, once a seat is free; failures to accept never end the server.
async fn next_connection(
    listener: &TcpListener,
    seats: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let seat = Arc::clone(seats).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, seat),
            Err(_) => tokio::time::sleep(ACCEPT_RETRY).await,
        }
    }
}

/// The outcome of `work`, or nothing if `stop` is ready first.
async fn unless<T>(
    work: impl Future<Output = T>,
    mut stop: std::pin::Pin<&mut impl Future<Output = ()>>,
) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        if stop.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        work.as_mut().poll(cx).map(Some)
    })
    .await
}
