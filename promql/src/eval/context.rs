//! What all operators of a running query share.

use std::fmt;

use metrics_core::Select;
use parking_lot::Mutex;

use super::annotations::{Annotations, Note};
use super::limits::Limits;
use super::samples::SampleCounts;
use super::{Options, QueryError};
use crate::parser::Span;

/// One running query.
pub(crate) struct Context<'a> {
    pub(crate) store: &'a dyn Select,
    pub(crate) options: &'a Options,
    /// How old a sample may be to count, in milliseconds.
    pub(crate) lookback: i64,
    pub(crate) limits: Limits,
    pub(crate) samples: SampleCounts,
    annotations: Mutex<Annotations>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        store: &'a dyn Select,
        options: &'a Options,
        lookback: i64,
        limits: Limits,
        samples: SampleCounts,
    ) -> Self {
        Self { store, options, lookback, limits, samples, annotations: Mutex::default() }
    }

    /// Where annotations about a part of the query go.
    pub(crate) fn notes(&self, span: Span) -> Notes<'_> {
        Notes::new(&self.annotations, span)
    }

    pub(crate) fn take_annotations(&self) -> Annotations {
        std::mem::take(&mut self.annotations.lock())
    }

    /// Whether metric names stay until the end of the query.
    pub(crate) fn keeps_names(&self) -> bool {
        self.options.delayed_name_removal
    }

    pub(crate) fn check(&self) -> Result<(), QueryError> {
        self.limits.check()
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("lookback", &self.lookback).finish_non_exhaustive()
    }
}

/// Takes annotations about one part of the query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Notes<'a> {
    annotations: &'a Mutex<Annotations>,
    span: Span,
}

impl<'a> Notes<'a> {
    pub(crate) fn new(annotations: &'a Mutex<Annotations>, span: Span) -> Self {
        Self { annotations, span }
    }

    pub(crate) fn add(&self, note: Note<'_>) {
        self.annotations.lock().add(&note, self.span);
    }
}
