//! `/federate`: the newest sample of chosen series, for another server to scrape.
//!
//! Source: "Federation" of the Prometheus documentation.

use std::collections::BTreeMap;

use bytes::Bytes;
use expo_format::{Format, WriteOptions, negotiate};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use metrics_core::family::{Metric, MetricFamily, MetricValue};
use metrics_core::{
    Columns, LabelSet, METRIC_NAME, Matcher, MetricType, Select, SelectError, SelectHints, SelectRequest,
    TimeRange, Timestamp, is_stale,
};
use promql::parser::parse_selector;

use super::reply::{Reply, full, text};
use crate::app::App;
use crate::store::now;

const OFFERED: [Format; 3] = [Format::OpenMetrics, Format::OpenMetrics001, Format::Text];

pub(super) fn respond(app: &App, request: &Request<Bytes>) -> Reply {
    let mut sets = Vec::new();
    let query = request.uri().query().unwrap_or("");
    for (_, selector) in form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "match[]") {
        match parse_selector(&selector) {
            Ok(matchers) => sets.push(matchers),
            Err(error) => return text(StatusCode::BAD_REQUEST, format!("{error}\n")),
        }
    }
    let end = now();
    let lookback = i64::try_from(app.options.lookback.as_millis()).unwrap_or(i64::MAX);
    let newest = match newest(&*app.store.db, &sets, TimeRange::new(end.saturating_sub(lookback), end)) {
        Ok(newest) => newest,
        Err(error) => {
            return text(StatusCode::INTERNAL_SERVER_ERROR, format!("{}\n", crate::error::line(&error)));
        }
    };
    let external = app.loaded.lock().config.global.external_labels.clone();
    let families = families(newest, &external);
    let accept = request.headers().get(ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or("");
    let content_type = negotiate(accept, &OFFERED);
    let mut page = Vec::new();
    let options = WriteOptions::default().escaping(content_type.escaping);
    expo_format::write(&mut page, content_type.format, &families, options);
    let mut response = Response::new(full(page));
    if let Ok(value) = HeaderValue::from_str(&content_type.to_string()) {
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
    response
}

/// The newest float of every series that one of the matcher lists selects, unless it marks the series as gone.
fn newest(
    store: &dyn Select,
    sets: &[Vec<Matcher>],
    range: TimeRange,
) -> Result<BTreeMap<LabelSet, (Timestamp, f64)>, SelectError> {
    let mut found = BTreeMap::new();
    let mut columns = Columns::default();
    for matchers in sets {
        let set = store.select(&SelectRequest { matchers, range, hints: SelectHints::default() })?;
        for i in 0..set.len() {
            set.read(i, &mut columns)?;
            let histogram = columns.histograms.timestamps.last().copied().unwrap_or(Timestamp::MIN);
            let float = columns.floats.timestamps.last().copied().zip(columns.floats.values.last().copied());
            // Text formats have no native histograms.
            if let Some((at, value)) = float.filter(|(at, value)| *at > histogram && !is_stale(*value)) {
                found.insert(set.labels(i).clone(), (at, value));
            }
        }
    }
    Ok(found)
}

/// One family per metric name, the external labels added; a series without `instance` shows that it has none, or it
/// would get that of this server.
fn families(newest: BTreeMap<LabelSet, (Timestamp, f64)>, external: &LabelSet) -> Vec<MetricFamily> {
    let mut families: BTreeMap<String, MetricFamily> = BTreeMap::new();
    for (labels, (at, value)) in newest {
        let Some(name) = labels.metric_name().map(str::to_owned) else { continue };
        let own = labels.iter().filter(|(n, _)| *n != METRIC_NAME);
        let missing = external.iter().filter(|(n, _)| labels.get(n).is_none());
        let has_instance = labels.get("instance").is_some() || external.get("instance").is_some();
        let empty_instance = (!has_instance).then_some(("instance", ""));
        let shown = LabelSet::shown(own.chain(missing).chain(empty_instance));
        let family =
            families.entry(name.clone()).or_insert_with(|| MetricFamily::new(name, "", MetricType::Unknown));
        let value = MetricValue::Unknown(value);
        family.metrics.push(Metric { labels: shown, value, timestamp: Some(at), created: None });
    }
    families.into_values().collect()
}

#[cfg(test)]
mod tests {
    use metrics_core::{Append, MemStore, STALE_NAN, SeriesRef};

    use super::*;

    #[test]
    fn newest_samples_with_external_labels() {
        let store = MemStore::default();
        let mut batch = store.batch();
        let mut put = |pairs: &[(&str, &str)], at, value| {
            batch
                .append_float(SeriesRef::UNKNOWN, &LabelSet::from_pairs(pairs.iter().copied()), at, value)
                .unwrap();
        };
        put(&[("__name__", "a"), ("instance", "i")], 1, 1.0);
        put(&[("__name__", "a"), ("instance", "i")], 2, 2.0);
        put(&[("__name__", "b"), ("site", "own")], 2, 3.0);
        put(&[("__name__", "gone")], 1, 1.0);
        put(&[("__name__", "gone")], 2, STALE_NAN);
        batch.commit().unwrap();
        let all = vec![Matcher::new("__name__", metrics_core::MatchOp::Regex, ".+").unwrap()];
        let found = newest(&store, &[all.clone(), all], TimeRange::new(0, 10)).unwrap();
        let families = families(found, &LabelSet::from_pairs([("site", "eu")]));
        let mut page = Vec::new();
        expo_format::write(&mut page, Format::Text, &families, WriteOptions::default());
        assert_eq!(
            String::from_utf8(page).unwrap(),
            "# TYPE a untyped\na{instance=\"i\",site=\"eu\"} 2 2\n# TYPE b untyped\nb{instance=\"\",site=\"own\"} 3 2\n"
        );
    }
}
