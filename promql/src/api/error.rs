//! Why a request was refused, in the API's own kinds.

use http::StatusCode;

use crate::QueryError;
use metrics_core::SelectError;

/// The kinds of errors of the API; each has a word and a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `bad_data`, 400: the request is wrong.
    BadData,
    /// `execution`, 422: the query cannot be answered.
    Execution,
    /// `timeout`, 503: the query took too long.
    Timeout,
    /// `canceled`, 499: the client went away.
    Canceled,
    /// `internal`, 500: the store failed.
    Internal,
    /// `unavailable`, 500: not offered by this server.
    Unavailable,
    /// `not_found`, 404.
    NotFound,
}

impl ErrorKind {
    /// The word in `errorType`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadData => "bad_data",
            Self::Execution => "execution",
            Self::Timeout => "timeout",
            Self::Canceled => "canceled",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::NotFound => "not_found",
        }
    }

    /// The status of the response.
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadData => StatusCode::BAD_REQUEST,
            Self::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Timeout => StatusCode::SERVICE_UNAVAILABLE,
            // 499 is the field's own: the client has closed the connection.
            Self::Canceled => StatusCode::from_u16(499).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Internal | Self::Unavailable => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", .kind.as_str())]
pub struct ApiError {
    /// What kind of error it is.
    pub kind: ErrorKind,
    /// What is wrong, for people.
    pub message: String,
}

impl ApiError {
    /// An error of a kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(super) fn bad_data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadData, message)
    }

    pub(super) fn parameter(name: &str, why: impl std::fmt::Display) -> Self {
        Self::bad_data(format!("invalid parameter {}: {why}", crate::parser::quote(name)))
    }
}

/// Message and causes, as the original joins them.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let kind = match &error {
            QueryError::Parse(e) => return Self::parameter("query", e),
            QueryError::RangeType(_) => return Self::parameter("query", &error),
            QueryError::Length(e) => return Self::parameter("query", e),
            QueryError::Timeout => ErrorKind::Timeout,
            QueryError::Cancelled => ErrorKind::Canceled,
            QueryError::Storage(_) | QueryError::Thread(_) => ErrorKind::Internal,
            _ => ErrorKind::Execution,
        };
        Self::new(kind, chain(&error))
    }
}

impl From<SelectError> for ApiError {
    fn from(error: SelectError) -> Self {
        Self::new(ErrorKind::Execution, chain(&error))
    }
}
