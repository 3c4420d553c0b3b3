//! The beginning of a secured connection.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::WebConfig;

/// What a client is told who speaks HTTP where HTTPS is expected.
const NOT_SECURED: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// First words of requests without TLS, whose first byte is never one of these letters.
const METHODS: [&[u8; 5]; 5] = [b"GET /", b"HEAD ", b"POST ", b"PUT /", b"OPTIO"];

/// The connection once client and server agree on how to secure it; nothing if they do not in time.
pub(super) async fn accept(
    stream: TcpStream,
    config: &WebConfig,
    limit: Duration,
) -> Option<TlsStream<TcpStream>> {
    tokio::time::timeout(limit, handshake(stream, config)).await.ok()?
}

async fn handshake(mut stream: TcpStream, config: &WebConfig) -> Option<TlsStream<TcpStream>> {
    let mut first = [0; 5];
    let read = stream.peek(&mut first).await.ok()?;
    if read == first.len() && METHODS.contains(&&first) {
        // How this ends concerns only the client.
        let _ = stream.write_all(NOT_SECURED).await;
        let _ = stream.shutdown().await;
        return None;
    }
    match config.server_config() {
        Ok(tls) => TlsAcceptor::from(tls).accept(stream).await.ok(),
        Err(error) => {
            config.report(&error);
            None
        }
    }
}
