//! What happens to a request before and after its handler.

use std::time::Instant;

use http::header::{CONTENT_TYPE, HeaderName, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::WebConfig;

/// What a request is answered with that may not reach its handler.
pub(crate) struct Refusal {
    status: StatusCode,
    headers: HeaderMap,
}

impl WebConfig {
    /// The headers that the answer is to have, or why there is none.
    pub(crate) async fn admit(&self, request: &HeaderMap) -> Result<HeaderMap, Refusal> {
        let refuse = |status| Refusal { status, headers: HeaderMap::new() };
        let document = self.document().map_err(|error| {
            self.report(&error);
            refuse(StatusCode::INTERNAL_SERVER_ERROR)
        })?;
        if self.0.limit.as_ref().is_some_and(|limit| !limit.allows(Instant::now())) {
            return Err(refuse(StatusCode::TOO_MANY_REQUESTS));
        }
        let mut headers = document.http.checked_headers.clone();
        if document.users.is_empty() || self.0.users.admit(request, &document.users).await {
            return Ok(headers);
        }
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
        Err(Refusal { status: StatusCode::UNAUTHORIZED, headers })
    }
}

impl Refusal {
    /// The answer, whose body is the status in words.
    pub(crate) fn into_response<B>(self, body: impl FnOnce(String) -> B) -> Response<B> {
        let words = format!("{}\n", self.status.canonical_reason().unwrap_or_default());
        let mut response = Response::new(body(words));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        let own: [(HeaderName, &'static str); 2] =
            [(CONTENT_TYPE, "text/plain; charset=utf-8"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
        for (name, value) in own {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
