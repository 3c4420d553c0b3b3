//! The page and the way to its data source as one service, for a server that does nothing else.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower_service::Service;

use crate::proxy::ProxyBody;
use crate::{Dashboards, Proxy};

/// Pages here, questions to a data source; see [`alone`].
#[derive(Debug, Clone)]
pub struct Alone {
    pages: Dashboards,
    proxy: Proxy,
}

/// A service that answers with the pages and passes what is below `/api/v1` on.
pub fn alone(pages: Dashboards, proxy: Proxy) -> Alone {
    Alone { pages, proxy }
}

impl Service<Request<Bytes>> for Alone {
    type Response = Response<ProxyBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        if Proxy::allows(&request) {
            let proxy = self.proxy.clone();
            return Box::pin(async move { Ok(proxy.pass(request).await) });
        }
        let response = match request.uri().path() {
            "/-/healthy" | "/-/ready" => Response::new(Full::new(Bytes::from_static(b"ok\n"))),
            path => self.pages.response(path).unwrap_or_else(not_found),
        };
        let response = response.map(|body| body.map_err(|never| match never {}).boxed());
        Box::pin(std::future::ready(Ok(response)))
    }
}

fn not_found() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"404 page not found\n")));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
