//! The series of a matrix as JSON: the bulk of large answers.

use metrics_core::{Column, Timestamp};

use super::number::{push_digits, push_timestamp};
use super::render::push_histogram;
use crate::MatrixSeries;
use crate::json::push_texts;

/// Writes the series of one answer.
#[derive(Debug, Default)]
pub(super) struct SeriesWriter(TimeTexts);

impl SeriesWriter {
    pub(super) fn push(&mut self, out: &mut String, series: &MatrixSeries) {
        out.push_str("{\"metric\":");
        push_texts(out, &series.labels);
        if !series.floats.timestamps.is_empty() {
            self.push_floats(out, &series.floats);
        }
        for (i, (at, h)) in series.histograms.timestamps.iter().zip(&series.histograms.values).enumerate() {
            out.push_str(if i == 0 { ",\"histograms\":[[" } else { ",[" });
            push_timestamp(out, *at);
            out.push(',');
            push_histogram(out, h);
            out.push(']');
        }
        if !series.histograms.timestamps.is_empty() {
            out.push(']');
        }
        out.push('}');
    }

    fn push_floats(&mut self, out: &mut String, floats: &Column<f64>) {
        self.0.learn(&floats.timestamps);
        out.push_str(",\"values\":[");
        let mut known = 0;
        for (at, value) in floats.timestamps.iter().zip(&floats.values) {
            self.0.push(out, *at, &mut known);
            push_digits(out, *value);
            out.push_str("\"],");
        }
        out.pop();
        out.push(']');
    }
}

/// The texts of the times of one series. The others mostly have their points at the same times, or at some of them.
#[derive(Debug, Default)]
struct TimeTexts {
    times: Vec<Timestamp>,
    /// The texts of all times, side by side.
    texts: String,
    /// Where the text of each time begins, and the last one ends.
    bounds: Vec<usize>,
}

impl TimeTexts {
    /// Keeps the texts of these times, if they are more than those that are kept.
    fn learn(&mut self, times: &[Timestamp]) {
        if times.len() <= self.times.len() {
            return;
        }
        self.times.clear();
        self.times.extend_from_slice(times);
        self.texts.clear();
        self.bounds.clear();
        self.bounds.push(0);
        for at in times {
            push_opening(&mut self.texts, *at);
            self.bounds.push(self.texts.len());
        }
    }

    /// Opens a point at a time. Times come in rising order; `known` counts those that are done with.
    fn push(&self, out: &mut String, at: Timestamp, known: &mut usize) {
        while self.times.get(*known).is_some_and(|time| *time < at) {
            *known += 1;
        }
        if self.times.get(*known) == Some(&at) {
            out.push_str(&self.texts[self.bounds[*known]..self.bounds[*known + 1]]);
            *known += 1;
        } else {
            push_opening(out, at);
        }
    }
}

/// What stands before a value.
fn push_opening(out: &mut String, at: Timestamp) {
    out.push('[');
    push_timestamp(out, at);
    out.push_str(",\"");
}

#[cfg(test)]
mod tests {
    use metrics_core::LabelSet;

    use super::*;

    fn series(times: &[Timestamp]) -> MatrixSeries {
        let floats = Column { timestamps: times.to_vec(), values: times.iter().map(|t| *t as f64).collect() };
        MatrixSeries { labels: LabelSet::from_pairs([("a", "b")]), floats, histograms: Column::default() }
    }

    fn written(writer: &mut SeriesWriter, times: &[Timestamp]) -> String {
        let mut out = String::new();
        writer.push(&mut out, &series(times));
        out
    }

    #[test]
    fn texts_of_times_are_those_of_the_series() {
        let all: &[&[Timestamp]] = &[
            &[1000, 2000, 3500],
            &[2000],
            &[],
            &[1000, 3500],
            &[0, 2000, 4000],
            &[-500, 0, 1000, 2000],
            &[1000, 2000, 3500],
        ];
        let mut together = SeriesWriter::default();
        for times in all {
            assert_eq!(written(&mut together, times), written(&mut SeriesWriter::default(), times));
        }
        assert_eq!(
            written(&mut together, &[-500, 3500]),
            r#"{"metric":{"a":"b"},"values":[[-0.500,"-500"],[3.500,"3500"]]}"#
        );
    }
}
