//! `query`: asks a server over its HTTP API and shows what it answers.

mod show;
mod time;

use std::io::{self, Write};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode};
use scrape_client::config::HttpClientConfig;
use scrape_client::http::{FetchError, HttpClient, HttpError};
use serde_json::Value;

pub use show::Format;
pub use time::{TimeError, parse_time};

/// How long a query may take.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 1 << 30;

/// What to ask. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Question {
    /// The value of an expression at one time.
    Instant {
        /// PromQL.
        expression: String,
        /// When.
        time: f64,
    },
    /// The values of an expression over time.
    Range {
        /// PromQL.
        expression: String,
        /// The first time.
        start: f64,
        /// The last time.
        end: f64,
        /// Between times.
        step: Duration,
    },
    /// Series that match.
    Series {
        /// Selectors.
        matchers: Vec<String>,
        /// From when on.
        start: f64,
        /// Until when.
        end: f64,
    },
    /// Values of a label.
    Labels {
        /// The label's name.
        name: String,
        /// Selectors of series that count; all without any.
        matchers: Vec<String>,
        /// From when on.
        start: f64,
        /// Until when.
        end: f64,
    },
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The range ends before it starts.
    #[error("start time is not before end time")]
    Range,
    /// The server's address or a header makes no request.
    #[error("error creating API client")]
    Request(#[from] http::Error),
    /// Certificates or keys cannot be used.
    #[error("error creating API client")]
    Client(#[from] HttpError),
    /// The server cannot be reached.
    #[error("query error")]
    Unreachable(#[from] FetchError),
    /// The server refused; `kind` and `message` are its words.
    #[error("query error: {kind}: {message}")]
    Refused {
        /// What kind of refusal.
        kind: String,
        /// Why.
        message: String,
    },
    /// Something answered that is not the API.
    #[error("query error: {kind}: {message} (detail: {detail})")]
    Foreign {
        /// Whose fault it is.
        kind: &'static str,
        /// The status.
        message: String,
        /// The answer.
        detail: String,
    },
    /// The machine does not let us wait for answers, or nobody reads what is shown.
    #[error("cannot ask or answer")]
    System(#[from] io::Error),
}

/// Asks a server, and shows the answer.
///
/// # Errors
/// If there is none, or it cannot be shown.
pub fn query(
    server: &str,
    headers: &[(String, String)],
    question: &Question,
    format: Format,
    out: &mut impl Write,
) -> Result<(), QueryError> {
    let data = ask(server, headers, question)?;
    match question {
        Question::Instant { .. } | Question::Range { .. } => show::value(&data, format, out)?,
        Question::Series { .. } => show::series(&data, format, out)?,
        Question::Labels { .. } => show::texts(&data, format, out)?,
    }
    Ok(())
}

fn ask(server: &str, headers: &[(String, String)], question: &Question) -> Result<Value, QueryError> {
    if let Question::Range { start, end, .. } = question
        && start >= end
    {
        return Err(QueryError::Range);
    }
    let request = request(server, headers, question)?;
    let mut config = HttpClientConfig::default();
    config.follow_redirects = true;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(async {
        let client = HttpClient::new(config)?;
        Ok::<_, QueryError>(client.exchange(request, TIMEOUT, MAX_ANSWER).await?)
    })?;
    read(answer.status(), answer.body())
}

fn request(
    server: &str,
    headers: &[(String, String)],
    question: &Question,
) -> Result<Request<Bytes>, http::Error> {
    let (method, path, parameters) = question.parts();
    let mut url = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
    url.truncate(url.trim_end_matches('/').len());
    url.push_str(&path);
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let mut body = Bytes::new();
    if method == Method::GET {
        url = format!("{url}?{form}");
    } else {
        body = form.into();
    }
    let mut request = Request::builder().method(method).uri(url);
    request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
    }
    request.body(body)
}

impl Question {
    /// How and where to ask, and what to say.
    fn parts(&self) -> (Method, String, Vec<(&'static str, String)>) {
        let range = |matchers: &[String], start: &f64, end: &f64| {
            let mut all: Vec<_> = matchers.iter().map(|m| ("match[]", m.clone())).collect();
            all.extend([("start", start.to_string()), ("end", end.to_string())]);
            all
        };
        let api = |end: &str| format!("/api/v1/{end}");
        match self {
            Self::Instant { expression, time } => {
                let parameters = vec![("query", expression.clone()), ("time", time.to_string())];
                (Method::POST, api("query"), parameters)
            }
            Self::Range { expression, start, end, step } => {
                let mut parameters = vec![("query", expression.clone())];
                parameters.extend(range(&[], start, end));
                parameters.push(("step", step.as_secs_f64().to_string()));
                (Method::POST, api("query_range"), parameters)
            }
            Self::Series { matchers, start, end } => {
                (Method::POST, api("series"), range(matchers, start, end))
            }
            Self::Labels { name, matchers, start, end } => {
                let name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
                let path = api(&format!("label/{}/values", name.replace('+', "%20")));
                (Method::GET, path, range(matchers, start, end))
            }
        }
    }
}

/// What an answer says.
fn read(status: StatusCode, body: &[u8]) -> Result<Value, QueryError> {
    let foreign = |kind, message| {
        let detail = String::from_utf8_lossy(body).trim().to_owned();
        Err(QueryError::Foreign { kind, message, detail })
    };
    let is_api = status.is_success() || matches!(status.as_u16(), 400 | 422);
    let code = status.as_u16();
    if !is_api {
        return match code / 100 {
            4 => foreign("client_error", format!("client error: {code}")),
            5 => foreign("server_error", format!("server error: {code}")),
            _ => foreign("bad_response", format!("bad response code {code}")),
        };
    }
    let answer: Value = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        Err(error) => return foreign("bad_response", error.to_string()),
    };
    let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
    match text("status").as_str() {
        "error" => Err(QueryError::Refused { kind: text("errorType"), message: text("error") }),
        _ => Ok(answer["data"].clone()),
    }
}

#[cfg(test)]
mod tests;
