//! Recording and alerting rules: read from files, evaluated when due, their state kept over reloads.
//!
//! A [`Manager`] evaluates through a [`RuleQuery`], reads the past through `Select`, writes through `Append` and
//! hands out alerts; [`NotifyQueue`] and [`request_body`] prepare them for Alertmanager. Nothing here has a
//! thread, a clock or a socket.

mod alerting;
mod file;
mod group;
mod manager;
mod notify;
mod recording;
mod yaml;

#[cfg(test)]
mod tests;

use std::time::Duration;

use metrics_core::{AppendError, Select, SelectError, Timestamp};

pub use file::{Places, Rule, RuleFile, RuleFileError, RuleFileOptions, RuleGroup, parse_rules};
pub use manager::{GroupCounts, Manager, ManagerOptions, Tick};
pub use notify::{NotifyQueue, OutgoingAlert, alerts_path, prepare, request_body};

use crate::{Engine, Point, QueryError, QueryValue, VectorSample};

/// Answers the queries of rules and of their templates.
pub trait RuleQuery {
    /// The instant vector that a query yields at a time; a scalar is a vector of one sample without labels.
    ///
    /// # Errors
    /// Why there is no answer.
    fn instant(&self, query: &str, at: Timestamp) -> Result<Vec<VectorSample>, RuleError>;
}

/// An engine over a store.
impl<S: Select> RuleQuery for (&Engine, &S) {
    fn instant(&self, query: &str, at: Timestamp) -> Result<Vec<VectorSample>, RuleError> {
        let (engine, store) = *self;
        match engine.instant(store, query, at)?.value {
            QueryValue::Vector(samples) => Ok(samples),
            QueryValue::Scalar(scalar) => Ok(vec![VectorSample {
                labels: metrics_core::LabelSet::empty(),
                timestamp: scalar.timestamp,
                value: Point::Float(scalar.value),
            }]),
            _ => Err(RuleError::NotVector),
        }
    }
}

/// Why an evaluation of a rule failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The query has no answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The query yields neither a vector nor a scalar.
    #[error("rule result is not a vector or scalar")]
    NotVector,
    /// Two results would be the same series.
    #[error("vector contains metrics with the same labelset after applying rule labels")]
    SameSeries,
    /// Two results would be the same alert.
    #[error("vector contains metrics with the same labelset after applying alert labels")]
    SameAlerts,
    /// The group's limit on series.
    #[error("exceeded limit of {limit} with {found} series")]
    TooManySeries {
        /// The limit.
        limit: i64,
        /// How many there would be.
        found: usize,
    },
    /// The group's limit on alerts.
    #[error("exceeded limit of {limit} with {found} alerts")]
    TooManyAlerts {
        /// The limit.
        limit: i64,
        /// How many there would be.
        found: usize,
    },
    /// The store refused a sample.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The store could not be read.
    #[error(transparent)]
    Select(#[from] SelectError),
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
