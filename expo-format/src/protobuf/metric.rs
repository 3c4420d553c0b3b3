//! One metric of a family, taken apart but not yet turned into samples.

use metrics_core::{Exemplar, LabelSet, Timestamp};

use super::histogram::Native;
use super::read_time;
use crate::wire::{Field, Reader, WireError};

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
    pub(super) points: Vec<Point<'a>>,
    pub(super) native: Native<'a>,
    pub(super) timestamp: Option<Timestamp>,
    pub(super) created: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Point<'a> {
    pub(super) at: f64,
    pub(super) value: f64,
    pub(super) exemplar: Option<Reader<'a>>,
}

impl<'a> Metric<'a> {
    pub(super) fn read(&mut self, mut fields: Reader<'a>) -> Result<(), WireError> {
        self.clear();
        while let Some(field) = fields.field()? {
            match field.number {
                1 => self.labels.push(read_label(&field)?),
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
                    let mut point = Point { at: 0.0, value: 0.0, exemplar: None };
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
                3 => self.points.push(read_bucket(field.message()?)?),
                15 => self.created = Some(read_time(field.message()?)?),
                _ => self.native.read(&field)?,
            }
        }
        self.count =
            if self.native.count_float == 0.0 { self.native.count as f64 } else { self.native.count_float };
        Ok(())
    }
}

fn read_label<'a>(field: &Field<'a>) -> Result<(&'a str, &'a str), WireError> {
    let mut parts = field.message()?;
    if let Some((name, value)) = parts.two_texts()
        && let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value))
    {
        return Ok((name, value));
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

fn read_bucket<'a>(mut fields: Reader<'a>) -> Result<Point<'a>, WireError> {
    let mut point = Point { at: 0.0, value: 0.0, exemplar: None };
    if let Some((count, at)) = fields.number_and_double() {
        return Ok(Point { at, value: count as f64, exemplar: None });
    }
    let (mut count, mut count_float) = (0, 0.0);
    while let Some(field) = fields.field()? {
        match field.number {
            1 => count = field.uint64()?,
            2 => point.at = field.double()?,
            3 => point.exemplar = Some(field.message()?),
            4 => count_float = field.double()?,
            _ => {}
        }
    }
    point.value = if count_float == 0.0 { count as f64 } else { count_float };
    Ok(point)
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
            1 => labels.push(read_label(&field)?),
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
