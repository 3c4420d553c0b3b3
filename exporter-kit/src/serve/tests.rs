//! The server over real loopback sockets.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use super::*;

type Reply = Response<BoxBody<Bytes, Infallible>>;

/// A body fed through a channel.
struct Feed(mpsc::UnboundedReceiver<Bytes>);

impl Body for Feed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|p| Ok(Frame::data(p))))
    }
}

fn whole(text: impl Into<Bytes>) -> Reply {
    Response::new(Full::new(text.into()).boxed())
}

/// A handler with one path per behaviour under test.
fn route(request: Request<Bytes>) -> Reply {
    match request.uri().path() {
        "/echo" => whole(format!("{} {:?}", request.method(), request.body())),
        "/peer" => whole(format!("{}", request.extensions().get::<SocketAddr>().unwrap().ip())),
        "/slow" => {
            std::thread::sleep(Duration::from_millis(300));
            whole("slow")
        }
        "/panic" => panic!("on purpose"),
        "/events" => {
            let (feed, pieces) = mpsc::unbounded_channel();
            feed.send(Bytes::from("data: 1\n\n")).unwrap();
            // Kept open for ever, as an event stream is.
            std::mem::forget(feed);
            let mut response = Response::new(Feed(pieces).boxed());
            response.headers_mut().insert("content-type", "text/event-stream".parse().unwrap());
            response
        }
        "/stream" => {
            let (feed, pieces) = mpsc::unbounded_channel();
            std::thread::spawn(move || {
                for i in 0..3 {
                    std::thread::sleep(Duration::from_millis(20));
                    feed.send(Bytes::from(format!("piece {i};"))).unwrap();
                }
            });
            Response::new(Feed(pieces).boxed())
        }
        _ => whole("else"),
    }
}

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: tokio::task::JoinHandle<Stopped>,
}

async fn start(options: ServeOptions) -> Running {
    let listener = bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(serve(listener, handler_fn(route), options, async {
        let _ = stopped.await;
    }));
    Running { address, stop, server }
}

impl Running {
    /// Sends raw bytes and reads until the server closes.
    async fn talk(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The server may close before it has read everything.
        let _ = stream.write_all(bytes.as_ref()).await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    async fn get(&self, path: &str) -> String {
        self.talk(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await
    }

    async fn finish(self) -> Stopped {
        self.stop.send(()).unwrap();
        self.server.await.unwrap()
    }
}

/// Reads until the stream has shown `end`.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut seen = String::new();
    let mut buffer = [0; 1024];
    while !seen.contains(end) {
        let n = stream.read(&mut buffer).await.unwrap();
        assert!(n > 0, "closed after {seen:?}");
        seen.push_str(std::str::from_utf8(&buffer[..n]).unwrap());
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_arrive_whole_and_bounded() {
    let server = start(ServeOptions { max_body: 10, ..Default::default() }).await;
    let post = |body: &str| {
        let length = body.len();
        format!(
            "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    assert!(server.talk(post("0123456789")).await.ends_with("POST b\"0123456789\""));
    let refused = server.talk(post("0123456789A")).await;
    assert!(refused.starts_with("HTTP/1.1 413 "), "{refused}");
    assert!(refused.ends_with("the limit is 10 bytes\n"), "{refused}");
    // Without a length known beforehand.
    let chunked = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let fits = server.talk(format!("{chunked}3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.0\r\n\r\n")).await;
    assert!(fits.contains("POST b\"abc\""), "{fits}");
    let over = server.talk(format!("{chunked}6\r\nabcdef\r\n6\r\nabcdef\r\n0\r\n\r\n")).await;
    assert!(over.starts_with("HTTP/1.1 413 "), "{over}");
    assert_eq!(server.finish().await.cut, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_kept_and_head_has_no_body() {
    let server = start(ServeOptions::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    for _ in 0..3 {
        stream.write_all(b"GET /peer HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(read_until(&mut stream, "127.0.0.1").await.starts_with("HTTP/1.1 200 OK"));
    }
    let head = server.talk("HEAD /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(head.contains("content-length: 7\r\n"), "as long as GET's body: {head}");
    assert!(head.ends_with("\r\n\r\n"), "no body: {head}");
    server.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_stays_in_its_request() {
    for handlers in [Handlers::Blocking, Handlers::Async] {
        let server = start(ServeOptions { handlers, ..Default::default() }).await;
        let answer = server.get("/panic").await;
        assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
        assert!(server.get("/").await.ends_with("else"));
        server.finish().await;
    }
}

#[tokio::test]
async fn a_blocking_handler_holds_up_nobody() {
    // One thread for the runtime: were the handlers run on it, the eight would take 2.4 s in a row.
    let server = start(ServeOptions::default()).await;
    let begin = Instant::now();
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        slow.push(stream);
    }
    for stream in &mut slow {
        read_until(stream, "slow").await;
    }
    assert!(begin.elapsed() < Duration::from_millis(1500), "{:?}", begin.elapsed());
    server.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_finishes_what_is_in_flight() {
    let server = start(ServeOptions::default()).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let address = server.address;
    let begin = Instant::now();
    assert_eq!(server.finish().await, Stopped { cut: 0 });
    assert!(begin.elapsed() < Duration::from_secs(5));
    let mut answer = String::new();
    busy.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("slow"), "{answer}");
    assert_eq!(idle.read(&mut [0; 8]).await.unwrap(), 0, "idle connections are closed");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_waits_only_so_long() {
    let grace = Duration::from_millis(50);
    let server = start(ServeOptions { shutdown_grace: grace, ..Default::default() }).await;
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    busy.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.finish().await, Stopped { cut: 1 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_arrive_piece_by_piece_and_event_streams_end_with_the_server() {
    let server = start(ServeOptions::default()).await;
    let streamed = server.get("/stream").await;
    for piece in ["piece 0;", "piece 1;", "piece 2;"] {
        assert!(streamed.contains(piece), "{streamed}");
    }
    let mut events = TcpStream::connect(server.address).await.unwrap();
    events.write_all(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    read_until(&mut events, "data: 1\n\n").await;
    assert_eq!(server.finish().await, Stopped { cut: 0 });
    let mut rest = String::new();
    events.read_to_string(&mut rest).await.unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "a proper end, not a broken one: {rest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_requests_are_given_up() {
    let server = start(ServeOptions { read_timeout: Duration::from_millis(100), ..Default::default() }).await;
    let begin = Instant::now();
    let mut half_a_head = TcpStream::connect(server.address).await.unwrap();
    half_a_head.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
    let _ = half_a_head.read_to_end(&mut Vec::new()).await;
    let half_a_body = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab";
    let answer = server.talk(half_a_body).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(begin.elapsed() < Duration::from_secs(5));
    server.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_beyond_the_limit_wait_for_a_seat() {
    let server = start(ServeOptions { max_connections: 1, ..Default::default() }).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    read_until(&mut first, "else").await;
    let mut second = TcpStream::connect(server.address).await.unwrap();
    second.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(100), second.read(&mut byte)).await;
    assert!(early.is_err(), "answered although the only seat was taken");
    drop(first);
    read_until(&mut second, "else").await;
    server.finish().await;
}

#[tokio::test]
async fn bind_errors_name_the_address() {
    let taken = bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let message = bind(&address).await.unwrap_err().to_string();
    assert_eq!(message, format!("cannot listen on {address}: the port is in use by another program"));
    for wrong in ["9100", "localhost", "localhost:http", "127.0.0.1:70000"] {
        let message = bind(wrong).await.unwrap_err().to_string();
        assert_eq!(message, format!("listen address {wrong:?} is not of the form host:port"));
    }
    let everywhere = bind(":0").await.unwrap();
    let port = everywhere.local_addr().unwrap().port();
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_ok(), "IPv4 is served as well");
}
