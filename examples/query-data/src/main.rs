//! Ask PromQL of your own data: a parser, an engine, and a store of a few lines.
//!
//! `cargo run -p query-data`, or with a query of your own: `cargo run -p query-data -- 'max(orders_total)'`

use std::error::Error;

use metrics_core::{Columns, LabelSet, Select, SelectError, SelectRequest, SeriesSet, Timestamp};
use promql::parser::{self, Expr};
use promql::{Engine, Options, Point, QueryValue};

const MINUTE: Timestamp = 60_000;

/// The data: what a till counted, once a minute for an hour.
struct Shop(Vec<(LabelSet, Vec<(Timestamp, f64)>)>);

impl Shop {
    fn new() -> Self {
        let count = |till: &str, per_minute: f64| {
            let labels = LabelSet::from_pairs([("__name__", "orders_total"), ("till", till)]);
            (labels, (0..=60).map(|m| (m * MINUTE, m as f64 * per_minute)).collect())
        };
        Self(vec![count("door", 3.0), count("garden", 0.5)])
    }
}

// 1. A store is whatever finds series by conditions on their labels …
impl Select for Shop {
    fn select(&self, request: &SelectRequest<'_>) -> Result<Box<dyn SeriesSet + '_>, SelectError> {
        let mut found = Vec::new();
        for (labels, samples) in &self.0 {
            if request.matchers.iter().all(|m| m.matches_labels(labels)) {
                let inside = |(at, _): &&(Timestamp, f64)| request.range.contains(*at);
                found.push((labels, samples.iter().filter(inside).copied().collect()));
            }
        }
        Ok(Box::new(Found(found)))
    }
}

struct Found<'a>(Vec<(&'a LabelSet, Vec<(Timestamp, f64)>)>);

// … and hands over their samples as columns of times and values.
impl SeriesSet for Found<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, series: usize) -> &LabelSet {
        self.0[series].0
    }

    fn read(&self, series: usize, into: &mut Columns) -> Result<(), SelectError> {
        into.clear();
        self.0[series].1.iter().for_each(|(at, value)| into.floats.push(*at, *value));
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let shop = Shop::new();
    let engine = Engine::new(Options::default());
    let now = 60 * MINUTE;
    if let Some(query) = std::env::args().nth(1) {
        show(engine.instant(&shop, &query, now)?.value);
        return Ok(());
    }

    // 2. Parse: a query is a tree with the place of every part, and prints in canonical form.
    let query = "sum by(till)(rate(orders_total[5m]))*60>1";
    let tree = parser::parse(query)?;
    println!("parsed       {tree}");
    if let Expr::Binary(comparison) = &tree {
        let left = comparison.lhs.span();
        println!(
            "left side    {} ({})",
            &query[left.start..left.end],
            comparison.lhs.value_type().documented()
        );
    }

    // 3. Evaluate at one time …
    println!("\nat minute 60 {query}");
    show(engine.instant(&shop, query, now)?.value);

    // … or at every step of a range.
    println!("\nevery 20 minutes, the orders since the beginning");
    show(engine.range(&shop, "sum(orders_total)", 0, now, 20 * MINUTE)?.value);

    // 4. Answers come with notes for whoever wrote the query …
    let doubtful = "quantile(50, orders_total)";
    let answer = engine.instant(&shop, doubtful, now)?;
    println!("\nwarning      {}", answer.annotations.texts(doubtful).0.join("; "));

    // … and mistakes say where they are.
    let error = parser::parse("sum by(till)(rate(orders_total))").expect_err("a range is missing");
    println!("\nmistake      {error}\n{}", error.caret());
    Ok(())
}

fn show(value: QueryValue) {
    match value {
        QueryValue::Scalar(scalar) => println!("             {}", scalar.value),
        QueryValue::Text(text) => println!("             {}", text.value),
        QueryValue::Vector(samples) => {
            for sample in samples {
                if let Point::Float(value) = sample.value {
                    println!("             {} = {value}", sample.labels);
                }
            }
        }
        QueryValue::Matrix(series) => {
            for series in series {
                let times = series.floats.timestamps.iter().map(|at| at / MINUTE);
                let points: Vec<_> =
                    times.zip(&series.floats.values).map(|(at, v)| format!("{at}m: {v}")).collect();
                println!("             {} {}", series.labels, points.join(", "));
            }
        }
    }
}
