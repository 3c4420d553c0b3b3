//! Remote write: samples that another server hands over.
//!
//! Source: the Prometheus remote write specification 1.0.

mod receiver;

pub use receiver::{Receiver, ReceiverStats};
