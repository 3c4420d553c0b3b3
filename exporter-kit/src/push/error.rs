//! Why a push failed.

use std::time::Duration;

use http::StatusCode;

/// Why a push failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The address is not `http://host:port`, perhaps with a path.
    #[error("{address:?} is not the address of a {receiver}: expected http://host:port")]
    Address {
        /// What it should be the address of.
        receiver: &'static str,
        /// The address as given.
        address: String,
    },
    /// The job has no name.
    #[error("a push needs the name of its job")]
    Job,
    /// There is no connection.
    #[error("cannot connect to {receiver}")]
    Connect {
        /// What it is, with host and port.
        receiver: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The exchange broke off.
    #[error("the exchange with {receiver} broke off")]
    Exchange {
        /// What it is, with host and port.
        receiver: String,
        /// What went wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It took longer than allowed.
    #[error("{receiver} did not answer within {} s", timeout.as_secs_f64())]
    Timeout {
        /// What it is, with host and port.
        receiver: String,
        /// The time allowed.
        timeout: Duration,
    },
    /// The receiver refused.
    #[error("{receiver} answered {status}: {reason}")]
    Refused {
        /// What it is, with host and port.
        receiver: String,
        /// Its answer.
        status: StatusCode,
        /// Its words.
        reason: String,
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
}

impl PushError {
    /// Whether the same push may succeed later: nobody answered, or the receiver is busy or broken.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Address { .. } | Self::Job => false,
            Self::Connect { .. } | Self::Exchange { .. } | Self::Timeout { .. } => true,
            Self::Refused { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
        }
    }

    /// How long the receiver wants to be left alone, if it says so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
