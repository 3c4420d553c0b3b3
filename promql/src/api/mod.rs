//! The HTTP API that Grafana and the field's other clients speak: `/api/v1`, `/-/healthy`, `/-/ready`.
//!
//! A function from request to response, and a `tower` service around it: no socket, no runtime. A request is
//! answered on the caller's thread and may take as long as its query; callers with a runtime run it where blocking is
//! allowed. Answers of queries are written piece by piece while the body is read.

mod ast;
mod body;
mod compress;
mod error;
mod matrix;
mod number;
mod params;
mod query;
mod render;
mod rules;
mod series;
mod status;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use metrics_core::{Metadata, Select, Timestamp};
use tower_service::Service;

pub use body::ApiBody;
pub use error::{ApiError, ErrorKind};
pub use params::Params;
pub use status::{BuildInfo, StoreStats};

use self::compress::{Encoding, Packer};
use crate::{Engine, GroupStatus, QueryValue};

/// What the API shows of the program around it. Everything but the store and the clock may be absent.
pub trait Sources: Send + Sync + 'static {
    /// Where samples are found.
    fn store(&self) -> &dyn Select;

    /// The time, in milliseconds since 1970.
    fn now(&self) -> Timestamp;

    /// Whether requests can be answered yet.
    fn is_ready(&self) -> bool {
        true
    }

    /// Rules and their alerts, in order of file and group.
    fn rule_groups(&self) -> Vec<GroupStatus> {
        Vec::new()
    }

    /// What targets say about their metrics; a metric may come up more than once.
    fn metadata(&self) -> Vec<(String, Metadata)> {
        Vec::new()
    }

    /// What the program is.
    fn build_info(&self) -> BuildInfo {
        BuildInfo::default()
    }

    /// How much the store holds, at most `limit` entries per list; none if it does not know.
    fn store_stats(&self, limit: usize) -> Option<StoreStats> {
        let _ = limit;
        None
    }

    /// Answers paths below `/api/v1/` that this crate knows nothing about, such as `targets` and
    /// `status/config`, with the JSON of `data`; `None` for paths that do not exist.
    fn other(&self, path: &str, params: &Params) -> Option<Result<String, ApiError>> {
        let _ = (path, params);
        None
    }
}

/// The API over an engine and its surroundings. Cheap to clone.
///
/// ```
/// use metrics_core::{MemStore, Select, Timestamp};
/// use promql::{Engine, Options, api::{Api, Sources}};
///
/// struct Program(MemStore);
/// impl Sources for Program {
///     fn store(&self) -> &dyn Select { &self.0 }
///     fn now(&self) -> Timestamp { 0 }
/// }
///
/// let api = Api::new(Engine::new(Options::default()), Program(MemStore::default()));
/// let request = http::Request::get("/api/v1/query?query=1%2B1&time=4").body(Vec::new()).unwrap();
/// let response = api.handle(&request);
/// assert_eq!(
///     response.into_body().into_bytes(),
///     br#"{"status":"success","data":{"resultType":"scalar","result":[4,"2"]}}"#
/// );
/// ```
#[derive(Debug)]
pub struct Api<S> {
    engine: Engine,
    sources: Arc<S>,
}

impl<S> Clone for Api<S> {
    fn clone(&self) -> Self {
        Self { engine: self.engine.clone(), sources: self.sources.clone() }
    }
}

/// What a handler has found.
enum Answer {
    /// No content.
    Nothing,
    /// JSON that stands in memory.
    Json { data: String, warnings: Vec<String> },
    /// A value with what stands around it.
    Value { before: String, value: QueryValue, after: String, warnings: Vec<String>, infos: Vec<String> },
}

impl Answer {
    fn json(data: String) -> Self {
        Self::Json { data, warnings: Vec::new() }
    }
}

type Answered = Result<Answer, ApiError>;

/// At most so many warnings and infos are sent.
const MOST_ANNOTATIONS: usize = 10;

impl<S: Sources> Api<S> {
    /// The API of a program.
    pub fn new(engine: Engine, sources: S) -> Self {
        Self::shared(engine, Arc::new(sources))
    }

    /// The API of a program that keeps its surroundings for other uses, too.
    pub fn shared(engine: Engine, sources: Arc<S>) -> Self {
        Self { engine, sources }
    }

    /// Answers a request.
    pub fn handle(&self, request: &Request<impl AsRef<[u8]>>) -> Response<ApiBody> {
        match request.uri().path() {
            "/-/healthy" => plain(StatusCode::OK, "Prometheus Server is Healthy.\n"),
            "/-/ready" if self.sources.is_ready() => plain(StatusCode::OK, "Prometheus Server is Ready.\n"),
            "/-/ready" => plain(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
            path => match path.strip_prefix("/api/v1/") {
                Some(path) => self.v1(path, request),
                None => not_found(),
            },
        }
    }

    fn v1(&self, path: &str, request: &Request<impl AsRef<[u8]>>) -> Response<ApiBody> {
        if request.method() == Method::OPTIONS {
            return for_client(respond(StatusCode::NO_CONTENT, ApiBody::default()), request.headers());
        }
        if !self.sources.is_ready() {
            return plain(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
        }
        let get = request.method() == Method::GET;
        let post = request.method() == Method::POST;
        let params = Params::of(request);
        let answered = match path {
            "query" if get || post => self.query(&params),
            "query_range" if get || post => self.query_range(&params),
            "query_exemplars" if get || post => self.query_exemplars(&params),
            "format_query" if get || post => self.format_query(&params),
            "parse_query" if get || post => self.parse_query(&params),
            "labels" if get || post => self.label_names(&params),
            "series" if get || post => self.series(&params),
            "metadata" if get => self.metadata(&params),
            "rules" if get => self.rules(&params),
            "alerts" if get => self.alerts(),
            "status/buildinfo" if get => self.build_info(),
            "status/tsdb" if get => self.store_stats(&params),
            "series" if request.method() == Method::DELETE => {
                Err(ApiError { kind: ErrorKind::Internal, message: "not implemented".to_owned() })
            }
            "query" | "query_range" | "query_exemplars" | "format_query" | "parse_query" | "labels" => {
                return not_allowed("GET, OPTIONS, POST");
            }
            "series" => return not_allowed("DELETE, GET, OPTIONS, POST"),
            "metadata" | "rules" | "alerts" | "status/buildinfo" | "status/tsdb" => {
                return not_allowed("GET, OPTIONS");
            }
            path => match label_of(path) {
                Some(name) if get => self.label_values(name, &params),
                Some(_) => return not_allowed("GET, OPTIONS"),
                None => match self.sources.other(path, &params) {
                    Some(answer) => answer.map(Answer::json),
                    None => return not_found(),
                },
            },
        };
        for_client(answered.map_or_else(|error| failure(&error), success), request.headers())
    }
}

/// The label's name in `label/NAME/values`.
fn label_of(path: &str) -> Option<Vec<u8>> {
    let name = path.strip_prefix("label/")?.strip_suffix("/values")?;
    // As in the original, where a path is taken apart after it has been decoded.
    Some(percent_encoding::percent_decode_str(name).collect()).filter(|name: &Vec<u8>| !name.contains(&b'/'))
}

fn success(answer: Answer) -> Response<ApiBody> {
    const HEAD: &str = "{\"status\":\"success\",\"data\":";
    let body = match answer {
        Answer::Nothing => return respond(StatusCode::NO_CONTENT, ApiBody::default()),
        Answer::Json { data, warnings } => {
            let mut text = String::with_capacity(HEAD.len() + data.len() + 64);
            text.push_str(HEAD);
            text.push_str(&data);
            push_notes(&mut text, "warnings", warnings);
            text.push('}');
            ApiBody::whole(text)
        }
        Answer::Value { before, value, after, warnings, infos } => {
            let mut tail = after;
            push_notes(&mut tail, "warnings", warnings);
            push_notes(&mut tail, "infos", infos);
            tail.push('}');
            ApiBody::around(format!("{HEAD}{before}"), value, tail)
        }
    };
    json(StatusCode::OK, body)
}

fn push_notes(out: &mut String, name: &str, mut notes: Vec<String>) {
    if notes.is_empty() {
        return;
    }
    if notes.len() > MOST_ANNOTATIONS {
        let omitted = notes.len() - MOST_ANNOTATIONS;
        notes.truncate(MOST_ANNOTATIONS);
        let kind = name.trim_end_matches('s');
        notes.push(format!("{omitted} more {kind} annotations omitted"));
    }
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
    render::push_list(out, &notes);
}

fn failure(error: &ApiError) -> Response<ApiBody> {
    let mut text = format!("{{\"status\":\"error\",\"errorType\":\"{}\",\"error\":", error.kind.as_str());
    render::push_escaped(&mut text, &error.message);
    text.push('}');
    json(error.kind.status(), ApiBody::whole(text))
}

fn respond(status: StatusCode, body: ApiBody) -> Response<ApiBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

fn json(status: StatusCode, body: ApiBody) -> Response<ApiBody> {
    let mut response = respond(status, body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn plain(status: StatusCode, text: &str) -> Response<ApiBody> {
    let mut response = respond(status, ApiBody::whole(text.to_owned()));
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn not_found() -> Response<ApiBody> {
    plain(StatusCode::NOT_FOUND, "404 page not found\n")
}

/// The answer to a method that a path does not know, with those that it does.
fn not_allowed(allowed: &'static str) -> Response<ApiBody> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed\n");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// An answer in the form that the client wishes and its browser allows.
fn for_client(response: Response<ApiBody>, wishes: &HeaderMap) -> Response<ApiBody> {
    let mut response = compressed(response, wishes);
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = wishes.get(header::ORIGIN) {
        allow_origin(&mut response, origin.clone());
    }
    response
}

/// Compresses an answer, if there is one and the client wishes it.
fn compressed(mut response: Response<ApiBody>, wishes: &HeaderMap) -> Response<ApiBody> {
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    let encoding = Encoding::accepted(wishes).filter(|_| !response.body().is_end_stream());
    let Some((encoding, packer)) = encoding.and_then(|e| Some((e, Packer::new(e)?))) else { return response };
    let word = HeaderValue::from_static(encoding.as_str());
    response.headers_mut().insert(header::CONTENT_ENCODING, word);
    response.map(|body| body.packed(packer))
}

/// Pages of any origin may read answers, as with the original's default, which names the one that asks.
fn allow_origin(response: &mut Response<ApiBody>, origin: HeaderValue) {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Accept, Authorization, Content-Type, Origin"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "Date"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
}

impl<S: Sources, B: AsRef<[u8]>> Service<Request<B>> for Api<S> {
    type Response = Response<ApiBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.handle(&request)))
    }
}
