//! One metric of a family, taken apart but not yet turned into samples.

use metrics_core::{Exemplar, LabelSet, Timestamp};

use super::histogram::Native;
use super::read_time;
use crate::wire::{Reader, WireError};

/// The parts of a metric. Reused from metric to metric for the capacity of its lists.
#[derive(Debug, Default)]
pub(super) struct Metric<'a> {
    pub(super) labels: Vec<(&'a str, &'a str)>,
    /// Value of a gauge, counter or untyped metric.
    pub(super) value: f64,
    /// Exemplar of a counter.
    pub(super) exemplar: Option<Reader<'a>>,
    pub(super) count: f64,
    pub(super) sum: f64,
    /// Quantiles with their values, or bounds with their cumulative counts.
    pub(super) points: Vec<Point>,
    /// Whether the message has buckets, apart from one that was added.
    pub(super) has_buckets: bool,
    /// Exemplars of buckets, by the places of their points.
    pub(super) point_exemplars: Vec<(usize, Reader<'a>)>,
    pub(super) native: Native<'a>,
    pub(super) timestamp: Option<Timestamp>,
    pub(super) created: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub(super) at: f64,
    pub(super) value: f64,
}

impl<'a> Metric<'a> {
    pub(super) fn read(&mut self, mut fields: Reader<'a>) -> Result<(), WireError> {
        self.clear();
        while let Some(label) = fields.short_message(1) {
            self.labels.push(read_label(label)?);
        }
        while let Some(field) = fields.field()? {
            match field.number {
                1 => self.labels.push(read_label(field.message()?)?),
                2 | 5 => self.read_number(field.message()?)?,
                3 => self.read_counter(field.message()?)?,
                4 => self.read_summary(field.message()?)?,
                // Zero is "not set": the original cannot tell the two apart either.
                6 => self.timestamp = Some(field.int64()?).filter(|t| *t != 0),
                7 => self.read_histogram(field.message()?)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.labels.clear();
        self.points.clear();
        self.point_exemplars.clear();
        self.native.clear();
        (self.value, self.count, self.sum) = (0.0, 0.0, 0.0);
        (self.exemplar, self.timestamp, self.created) = (None, None, None);
    }

    fn read_number(&mut self, mut fields: Reader<'a>) -> Result<(), WireError> {
        while let Some(field) = fields.field()? {
            if field.number == 1 {
                self.value = field.double()?;
            }
        }
        Ok(())
    }

    fn read_counter(&mut self, mut fields: Reader<'a>) -> Result<(), WireError> {
        while let Some(field) = fields.field()? {
            match field.number {
                1 => self.value = field.double()?,
                2 => self.exemplar = Some(field.message()?),
                3 => self.created = Some(read_time(field.message()?)?),
                _ => {}
            }
        }
        Ok(())
    }

    fn read_summary(&mut self, mut fields: Reader<'a>) -> Result<(), WireError> {
        while let Some(field) = fields.field()? {
            match field.number {
                1 => self.count = field.uint64()? as f64,
                2 => self.sum = field.double()?,
                3 => {
                    let mut point = Point { at: 0.0, value: 0.0 };
                    let mut parts = field.message()?;
                    while let Some(part) = parts.field()? {
                        match part.number {
                            1 => point.at = part.double()?,
                            2 => point.value = part.double()?,
                            _ => {}
                        }
                    }
                    self.points.push(point);
                }
                4 => self.created = Some(read_time(field.message()?)?),
                _ => {}
            }
        }
        Ok(())
    }

    fn read_histogram(&mut self, mut fields: Reader<'a>) -> Result<(), WireError> {
        while let Some(field) = fields.field()? {
            match field.number {
                2 => self.sum = field.double()?,
                3 => {
                    self.read_bucket(field.message()?)?;
                    while let Some(bucket) = fields.short_message(3) {
                        self.read_bucket(bucket)?;
                    }
                }
                15 => self.created = Some(read_time(field.message()?)?),
                _ => self.native.read(&field)?,
            }
        }
        self.count = either_count(self.native.count, self.native.count_float);
        Ok(())
    }

    #[inline]
    fn read_bucket(&mut self, fields: Reader<'a>) -> Result<(), WireError> {
        match fields.number_and_double() {
            Some((count, at)) => self.points.push(Point { at, value: count as f64 }),
            None => self.read_unusual_bucket(fields)?,
        }
        Ok(())
    }

    fn read_unusual_bucket(&mut self, mut fields: Reader<'a>) -> Result<(), WireError> {
        let (mut at, mut count, mut count_float, mut exemplar) = (0.0, 0, 0.0, None);
        while let Some(field) = fields.field()? {
            match field.number {
                1 => count = field.uint64()?,
                2 => at = field.double()?,
                3 => exemplar = Some(field.message()?),
                4 => count_float = field.double()?,
                _ => {}
            }
        }
        self.point_exemplars.extend(exemplar.map(|exemplar| (self.points.len(), exemplar)));
        self.points.push(Point { at, value: either_count(count, count_float) });
        Ok(())
    }

    /// Ends the buckets with one without bound, as a page of text has them.
    pub(super) fn end_buckets(&mut self) {
        self.has_buckets = !self.points.is_empty();
        let unbounded = self.points.iter().position(|point| point.at == f64::INFINITY);
        match unbounded {
            Some(last) => self.points.truncate(last + 1),
            None => self.points.push(Point { at: f64::INFINITY, value: self.count }),
        }
    }

    /// The exemplar of the bucket at a place.
    #[inline]
    pub(super) fn point_exemplar(&self, place: usize) -> Option<Reader<'a>> {
        let all = &self.point_exemplars;
        let found = all.binary_search_by_key(&place, |(at, _)| *at).ok()?;
        all.get(found).map(|(_, exemplar)| *exemplar)
    }
}

/// A count is written in either of two fields.
fn either_count(whole: u64, float: f64) -> f64 {
    if float == 0.0 { whole as f64 } else { float }
}

/// A pair of name and value.
#[inline]
fn read_label<'a>(mut parts: Reader<'a>) -> Result<(&'a str, &'a str), WireError> {
    if let Some(label) = parts.two_strings() {
        return Ok(label);
    }
    let mut label = ("", "");
    while let Some(part) = parts.field()? {
        match part.number {
            1 => label.0 = part.string()?,
            2 => label.1 = part.string()?,
            _ => {}
        }
    }
    Ok(label)
}

/// The parts of an exemplar: value, time, and the labels into a list that is reused.
pub(super) fn read_exemplar<'a>(
    mut fields: Reader<'a>,
    labels: &mut Vec<(&'a str, &'a str)>,
) -> Result<(f64, Option<Timestamp>), WireError> {
    labels.clear();
    let (mut value, mut timestamp) = (0.0, None);
    while let Some(field) = fields.field()? {
        match field.number {
            1 => labels.push(read_label(field.message()?)?),
            2 => value = field.double()?,
            3 => timestamp = Some(read_time(field.message()?)?),
            _ => {}
        }
    }
    Ok((value, timestamp))
}

/// An exemplar that outlives the message.
pub(super) fn owned_exemplar(fields: Reader<'_>) -> Result<Exemplar, WireError> {
    let mut labels = Vec::new();
    let (value, timestamp) = read_exemplar(fields, &mut labels)?;
    Ok(Exemplar { labels: LabelSet::from_pairs(labels), value, timestamp })
}
