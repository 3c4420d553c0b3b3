//! Every path of the server.

mod api;
mod federate;
mod lifecycle;
mod own_metrics;
pub(crate) mod reply;
mod status;
mod targets;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use promql::api::Api;

pub(crate) use own_metrics::{OwnMetrics, Sources as OwnSources};
use reply::{Reply, boxed, not_found, redirect, text};

use crate::app::App;
use crate::store::now;

/// Answers requests: before the server is ready only about its health.
#[derive(Clone)]
pub(crate) struct Web {
    /// Path before all paths: empty, or without a slash at its end.
    pub(crate) prefix: String,
    pub(crate) ready: Arc<OnceLock<Ready>>,
}

/// A server that is ready.
pub(crate) struct Ready {
    pub(crate) app: Arc<App>,
    pub(crate) api: Api<App>,
}

impl Web {
    pub(crate) fn respond(&self, request: Request<Bytes>) -> Reply {
        let path = request.uri().path();
        let below = path.strip_prefix(self.prefix.as_str()).filter(|p| p.is_empty() || p.starts_with('/'));
        let Some(below) = below.map(str::to_owned) else {
            return if path == "/" { redirect(&format!("{}/", self.prefix)) } else { not_found() };
        };
        if below == "/-/healthy" {
            return text(StatusCode::OK, "Prometheus Server is Healthy.\n");
        }
        let Some(ready) = self.ready.get() else {
            return text(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
        };
        let reply = ready.respond(&below, request);
        ready.app.own.count(&below, reply.status().as_u16());
        reply
    }
}

impl Ready {
    fn respond(&self, path: &str, mut request: Request<Bytes>) -> Reply {
        let app = &self.app;
        match path {
            "" | "/" => redirect(&format!("{}{}", app.prefix, app.options.home_page)),
            "/-/reload" | "/-/quit" => lifecycle::respond(app, path, request.method()),
            "/federate" => federate::respond(app, &request),
            "/metrics" => boxed(app.own.endpoint().respond(&request)),
            "/version" => text(StatusCode::OK, status::version_json().to_string()),
            "/api/v1/write" if request.method() == Method::POST => write(app, &request),
            _ if path == "/-/ready" || path.starts_with("/api/v1/") => {
                if !app.prefix.is_empty() {
                    *request.uri_mut() = below(request.uri(), path);
                }
                let _seat = app.queries.take();
                boxed(self.api.handle(&request))
            }
            path => page(app, path),
        }
    }
}

/// The URI of a path with the query of another.
fn below(uri: &Uri, path: &str) -> Uri {
    let query = uri.query().map_or(String::new(), |q| format!("?{q}"));
    format!("{path}{query}").parse().unwrap_or_else(|_| uri.clone())
}

fn write(app: &App, request: &Request<Bytes>) -> Reply {
    if !app.options.remote_write_receiver {
        return text(
            StatusCode::NOT_FOUND,
            "remote write receiver needs to be enabled with --web.enable-remote-write-receiver\n",
        );
    }
    app.receiver.handle(&*app.store.db, request, now()).map(reply::full)
}

/// The pages for people.
fn page(app: &App, path: &str) -> Reply {
    match crate::console::console(path, &app.prefix) {
        Some(response) => response.map(reply::full),
        None => app.dashboards.response(path).map_or_else(not_found, boxed),
    }
}
