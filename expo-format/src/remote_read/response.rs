//! Answers with samples.

use crate::error::WireError;
use crate::remote_write::Series;
use crate::remote_write::fields::fields;
use crate::remote_write::v1::{TimeSeries, write_series};
use crate::wire::{self, Field, Reader};

/// An answer with samples, read as it is iterated over.
#[derive(Debug, Clone, Copy)]
pub struct Response<'a> {
    fields: Reader<'a>,
}

impl<'a> Response<'a> {
    /// An answer in the unpacked bytes of a body.
    pub fn new(message: &'a [u8]) -> Self {
        Self { fields: Reader::new(message) }
    }

    /// The series found by each query, in the order of the queries.
    pub fn results(&self) -> impl Iterator<Item = Result<QueryResult<'a>, WireError>> + use<'a> {
        fields(self.fields, 1, |field: &Field<'a>| Ok(QueryResult { fields: field.message()? }))
    }
}

/// What one query found.
#[derive(Debug, Clone, Copy)]
pub struct QueryResult<'a> {
    fields: Reader<'a>,
}

impl<'a> QueryResult<'a> {
    /// The series, in order.
    pub fn series(&self) -> impl Iterator<Item = Result<TimeSeries<'a>, WireError>> + use<'a> {
        fields(self.fields, 1, TimeSeries::of)
    }
}

/// Puts an answer with samples together.
#[derive(Debug, Clone, Default)]
pub struct ResponseBuilder {
    message: Vec<u8>,
}

impl ResponseBuilder {
    /// Adds what the next query found.
    pub fn result<'s>(&mut self, series: impl IntoIterator<Item = Series<'s>>) -> &mut Self {
        wire::message(&mut self.message, 1, |out| {
            for series in series {
                wire::message(out, 1, |out| write_series(out, &series));
            }
        });
        self
    }

    /// The message, ready to be compressed.
    pub fn finish(self) -> Vec<u8> {
        self.message
    }
}
