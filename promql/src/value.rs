//! What a query answers.

use std::sync::Arc;

use metrics_core::{Column, FloatHistogram, LabelSet, Timestamp};

use crate::parser::ValueType;

/// The answer to a query, in one of the language's four types.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryValue {
    /// One number.
    Scalar(Scalar),
    /// One sample per series, all at the time of the query; in an order that the query gave, or none.
    Vector(Vec<VectorSample>),
    /// Samples over time per series, in order of the labels.
    Matrix(Vec<MatrixSeries>),
    /// A text.
    Text(Text),
}

impl QueryValue {
    /// The answer's type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Scalar(_) => ValueType::Scalar,
            Self::Vector(_) => ValueType::Vector,
            Self::Matrix(_) => ValueType::Matrix,
            Self::Text(_) => ValueType::String,
        }
    }
}

/// A number at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scalar {
    /// The time of the query.
    pub timestamp: Timestamp,
    /// The number.
    pub value: f64,
}

/// A text at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// The time of the query.
    pub timestamp: Timestamp,
    /// The text.
    pub value: String,
}

/// One series of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSample {
    /// Which series.
    pub labels: LabelSet,
    /// The time of the query.
    pub timestamp: Timestamp,
    /// Its value.
    pub value: Point,
}

/// A float or a native histogram.
#[derive(Debug, Clone, PartialEq)]
pub enum Point {
    /// A float.
    Float(f64),
    /// A native histogram.
    Histogram(Arc<FloatHistogram>),
}

/// One series of a range vector or of a range query's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixSeries {
    /// Which series.
    pub labels: LabelSet,
    /// Its float samples.
    pub floats: Column<f64>,
    /// Its histograms, at other times than the floats.
    pub histograms: Column<Arc<FloatHistogram>>,
}
