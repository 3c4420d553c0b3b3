//! Remote write: samples that another server hands over.
//!
//! Source: the Prometheus remote write specifications 1.0 and 2.0.

mod partial;
mod receiver;

pub use receiver::{Receiver, ReceiverStats};
