//! Parameters of a request: those of a form body first, then those of the URL.

use std::num::IntErrorKind;
use std::time::Duration;

use http::{Method, Request, header};
use metrics_core::time::parse_duration;
use metrics_core::{Matcher, TimeRange, Timestamp};

use super::ApiError;
use crate::parser::{parse_selector, quote};

/// Parameters by name, in order.
#[derive(Debug, Clone, Default)]
pub struct Params {
    /// Of the body, then of the URL.
    all: Vec<(String, String)>,
    /// How many of them come from the body.
    of_body: usize,
}

/// The times that clients send for "since ever" and "for ever".
const EVER: (&str, &str) = ("-292273086-05-16T16:47:06Z", "292277025-08-18T07:12:54.999999999Z");

impl Params {
    pub(super) fn of(request: &Request<impl AsRef<[u8]>>) -> Self {
        let is_form = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .is_some_and(|v| v.trim_start().starts_with("application/x-www-form-urlencoded"));
        let has_body = matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH);
        let mut all = Vec::new();
        if is_form && has_body {
            all.extend(form_urlencoded::parse(request.body().as_ref()).into_owned());
        }
        let of_body = all.len();
        let query = request.uri().query().unwrap_or("");
        all.extend(form_urlencoded::parse(query.as_bytes()).into_owned());
        Self { all, of_body }
    }

    /// The first value of a parameter, or the empty text.
    pub fn get(&self, name: &str) -> &str {
        self.all.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    /// The first value of a parameter in the URL, or the empty text.
    pub fn of_url(&self, name: &str) -> &str {
        self.all[self.of_body..].iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    /// All values of a parameter.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.all.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// A time, or a default where it is absent.
    pub(super) fn time(&self, name: &str, default: Timestamp) -> Result<Timestamp, ApiError> {
        match self.get(name) {
            "" => Ok(default),
            text => parse_time(text)
                .map_err(|why| ApiError::parameter(name, format!("invalid time value for '{name}': {why}"))),
        }
    }

    /// A time that must be there.
    pub(super) fn required_time(&self, name: &str) -> Result<Timestamp, ApiError> {
        parse_time(self.get(name)).map_err(|why| ApiError::parameter(name, why))
    }

    /// The range from `start` to `end`; without limits where they are absent.
    pub(super) fn range(&self) -> Result<TimeRange, ApiError> {
        Ok(TimeRange::new(self.time("start", FIRST)?, self.time("end", LAST)?))
    }

    /// A length of time in nanoseconds.
    pub(super) fn duration(&self, name: &str) -> Result<i64, ApiError> {
        parse_length(self.get(name)).map_err(|why| ApiError::parameter(name, why))
    }

    /// How long the query may take, if the request says.
    pub(super) fn timeout(&self) -> Result<Option<Duration>, ApiError> {
        match self.get("timeout") {
            "" => Ok(None),
            _ => Ok(Some(Duration::from_nanos(self.duration("timeout")?.max(0).unsigned_abs()))),
        }
    }

    pub(super) fn lookback_delta(&self) -> Result<Option<Duration>, ApiError> {
        match self.get("lookback_delta") {
            "" => Ok(None),
            text => match parse_length(text) {
                // Zero means the default.
                Ok(nanos) if nanos > 0 => Ok(Some(Duration::from_nanos(nanos.unsigned_abs()))),
                Ok(_) => Ok(None),
                Err(why) => Err(ApiError::bad_data(format!("error parsing lookback delta duration: {why}"))),
            },
        }
    }

    /// `limit`; 0 for none.
    pub(super) fn limit(&self) -> Result<usize, ApiError> {
        let text = self.get("limit");
        if text.is_empty() {
            return Ok(0);
        }
        match text.parse::<i64>() {
            Ok(n) => {
                usize::try_from(n).map_err(|_| ApiError::parameter("limit", "limit must be non-negative"))
            }
            Err(e) => {
                let is_large = matches!(e.kind(), IntErrorKind::PosOverflow | IntErrorKind::NegOverflow);
                let why = if is_large { "value out of range" } else { "invalid syntax" };
                let why = format!("strconv.Atoi: parsing {}: {why}", quote(text));
                Err(ApiError::parameter("limit", why))
            }
        }
    }

    /// The selectors in `match[]`, each with at least one condition that does not match the empty text.
    pub(super) fn matchers(&self) -> Result<Vec<Vec<Matcher>>, ApiError> {
        let mut sets = Vec::new();
        for text in self.values("match[]") {
            let set = parse_selector(text).map_err(|e| ApiError::bad_data(e.to_string()))?;
            sets.push(set);
        }
        match sets.iter().any(|set| set.iter().all(|m| m.matches(""))) {
            true => Err(ApiError::bad_data("match[] must contain at least one non-empty matcher")),
            false => Ok(sets),
        }
    }
}

/// The ends of ranges that say nothing; half of what fits, so that arithmetic on them cannot overflow.
const FIRST: Timestamp = Timestamp::MIN / 2;
const LAST: Timestamp = Timestamp::MAX / 2;

/// A plain number; underscores may stand between its digits.
fn parse_seconds(text: &str) -> Option<f64> {
    let parts = text.split('_');
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let edges = parts.clone().zip(parts.skip(1));
    let mut joints = edges.map(|(a, b)| is_digit(a.as_bytes().last()) && is_digit(b.as_bytes().first()));
    joints.all(|joint| joint).then(|| text.replace('_', "").parse().ok()).flatten()
}

/// Seconds with a fraction, or RFC 3339.
fn parse_time(text: &str) -> Result<Timestamp, String> {
    let refused = || format!("cannot parse {} to a valid timestamp", quote(text));
    if let Some(seconds) = parse_seconds(text) {
        let millis = (seconds * 1000.0).round();
        // Whole milliseconds of the fraction alone, as the original, to be exact for far times.
        let exact = seconds.trunc() * 1000.0 + (seconds.fract() * 1000.0).round();
        return match millis.is_finite() && exact.abs() < LAST as f64 {
            true => Ok(exact as i64),
            false if seconds.is_nan() => Err(refused()),
            false => Ok(if seconds > 0.0 { LAST } else { FIRST }),
        };
    }
    if text == EVER.0 {
        return Ok(FIRST);
    }
    if text == EVER.1 {
        return Ok(LAST);
    }
    // The field demands a date, a `T`, a time of day and a zone.
    let shaped = text.len() >= 20 && text.as_bytes()[10] == b'T' && text.as_bytes()[4] == b'-';
    match text.parse::<jiff::Timestamp>() {
        Ok(time) if shaped => Ok(time.as_millisecond()),
        _ => Err(refused()),
    }
}

/// Seconds with a fraction, or a duration such as `5m`; in nanoseconds.
fn parse_length(text: &str) -> Result<i64, String> {
    if let Some(seconds) = parse_seconds(text) {
        let nanos = seconds * 1e9;
        return match nanos.abs() <= i64::MAX as f64 {
            true => Ok(nanos as i64),
            false => Err(format!("cannot parse {} to a valid duration. It overflows int64", quote(text))),
        };
    }
    match parse_duration(text) {
        Ok(duration) => Ok(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)),
        Err(_) => Err(format!("cannot parse {} to a valid duration", quote(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_lengths_in_every_form() {
        for (text, ms) in [
            ("123.4", Some(123_400)),
            ("1543578564.705", Some(1_543_578_564_705)),
            ("2015-06-03T13:21:58.555Z", Some(1_433_337_718_555)),
            ("2015-06-03T14:21:58.555+01:00", Some(1_433_337_718_555)),
            (EVER.0, Some(FIRST)),
            ("1_0.5", Some(10_500)),
            ("_10", None),
            ("", None),
            ("foo", None),
            ("30s", None),
            ("2015-06-03", None),
        ] {
            assert_eq!(parse_time(text).ok(), ms, "{text}");
        }
        for (text, ms) in
            [("1", Some(1000)), ("0.5", Some(500)), ("5m", Some(300_000)), ("1e30", None), ("x", None)]
        {
            assert_eq!(parse_length(text).ok(), ms.map(|ms| ms * 1_000_000), "{text}");
        }
    }

    #[test]
    fn the_body_wins() {
        let request = Request::post("/api/v1/query?query=url&time=1")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8")
            .body("query=body&match[]=a")
            .unwrap();
        let params = Params::of(&request);
        assert_eq!((params.get("query"), params.get("time")), ("body", "1"));
        assert_eq!(params.of_url("query"), "url");
        assert_eq!(params.values("match[]").collect::<Vec<_>>(), ["a"]);
    }
}
