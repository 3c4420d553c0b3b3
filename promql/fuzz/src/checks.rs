//! No text makes the parser or the engine panic or go beyond limits, and a tree that is printed is parsed again as it was.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_core::MemStore;
use promql::parser::{ParserOptions, parse_selector, parse_series, pretty};
use promql::{Engine, QueryError, QueryOptions};

use crate::world::{engine, store};

/// A text as an expression, a selector, and a series with values.
pub fn parse(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = parse_selector(text);
    // A series may ask for as many values as it likes.
    if !text.contains(['x', '_']) {
        let _ = parse_series(text);
    }
    let options = ParserOptions::all();
    let Ok(expr) = options.parse(text) else { return };
    for printed in [expr.to_string(), pretty(&expr)] {
        let again =
            options.parse(&printed).unwrap_or_else(|e| panic!("{text:?} is printed as {printed:?}: {e}"));
        assert_eq!(again.to_string(), expr.to_string(), "{text:?} is printed as {printed:?}");
    }
}

/// A query at one time and over a range.
pub fn eval(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else { return };
    static WORLD: OnceLock<(MemStore, Engine)> = OnceLock::new();
    let (store, engine) = WORLD.get_or_init(|| (store(), engine(20_000)));
    let options = QueryOptions { timeout: Some(Duration::from_secs(2)), ..QueryOptions::default() };
    for result in [
        engine.instant_with(store, query, 600_000, &options),
        engine.range_with(store, query, (0, 1_200_000, 60_000), &options),
    ] {
        match result {
            Ok(answer) => assert!(answer.stats.peak_samples <= engine.options().max_samples, "{query:?}"),
            Err(QueryError::Timeout) => panic!("{query:?} takes too long for so few samples"),
            Err(_) => {}
        }
    }
}
