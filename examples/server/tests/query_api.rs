//! The query part of the HTTP API beside the original's: the same samples in both, the same requests to both, and answers
//! that are equal to the byte but for what [`DIFFERENCES`] names. Skipped, with a word, where the original is not
//! installed.
#![allow(clippy::unwrap_used)] // a test target; the lint sees only #[test] functions as tests
#![allow(clippy::print_stdout)]

mod running;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;

use expo_format::remote_write::compress;
use expo_format::remote_write::v1::{RequestBuilder, Series};
use form_urlencoded::Serializer;
use metrics_core::{Exemplar, Histogram, LabelSet, Span, Value};
use running::{Program, Reply, original, server};

/// When the data ends, in seconds.
const END: i64 = 1_700_005_000;

const FLAGS: [&str; 2] = [
    "--storage.tsdb.retention.time=100y",
    "--enable-feature=promql-experimental-functions,native-histograms,exemplar-storage",
];

/// A difference to 3.5 that is no fault.
struct Difference {
    why: &'static str,
    /// A part of the requests that show it.
    request: &'static str,
    /// A part of the original's answer, and of ours.
    answers: [&'static str; 2],
}

/// Where 3.14, which ours follows, answers otherwise than 3.5, or ours does so on purpose. Every one must still be needed.
const DIFFERENCES: &[Difference] = &[
    Difference {
        why: "3.14 warns of sorting over a range",
        request: "query_range?query=sort_desc",
        answers: ["", "sort is ineffective for range queries"],
    },
    Difference {
        why: "3.14 has durations that are computed",
        request: "query=up+offset",
        answers: ["expected number or duration", "expected number, duration, step(), or range()"],
    },
    Difference {
        why: "3.14 warns of unknown values of stats",
        request: "stats=foo",
        answers: ["", "is deprecated and will be rejected"],
    },
    Difference {
        why: "3.14 limits the limit of status/tsdb",
        request: "status/tsdb?limit=20000",
        answers: ["seriesCountByMetricName", "limit must not exceed 10000"],
    },
    Difference {
        why: "a step of less than a millisecond divides by zero in the original",
        request: "step=0.0001",
        answers: ["integer divide by zero", "invalid step of 0 ms"],
    },
    Difference {
        why: "the original's router sends paths with two slashes elsewhere",
        request: "label//values",
        answers: ["Moved Permanently", "invalid label name"],
    },
];

/// What only 3.14 says, where it has nothing to say.
const NEWER: [&str; 6] = [
    "\"anchored\":false,",
    "\"smoothed\":false,",
    "\"fillValues\":{\"lhs\":null,\"rhs\":null},",
    "\"offsetExpr\":null,",
    "\"rangeExpr\":null,",
    "\"stepExpr\":null,",
];

/// An hour of samples every 15 s: counters with exemplars, a gauge, a classic and a native histogram, a UTF-8 name.
fn load(program: &Program) {
    let names = ["requests_total", "temperature", "up", "latency_bucket", "rpc_seconds", "http.duration"];
    for (kind, name) in names.into_iter().enumerate() {
        let series = if kind == 0 { &[2, 0, 1, 3][..] } else { &[2, 0, 1] };
        for &series in series {
            let (instance, job) = (format!("host-{series}"), if series == 1 { "web" } else { "api" });
            let bound = ["0.1", "1", "+Inf", ""][series];
            let mut labels = vec![("__name__", name), ("instance", &instance), ("job", job)];
            match name {
                "latency_bucket" => labels[1] = ("le", bound),
                "http.duration" => labels.push(("http.route", "/a\"b")),
                _ => {}
            }
            let labels = LabelSet::from_pairs(labels);
            let mut builder = RequestBuilder::default();
            builder.series(&series_of(kind, series, &labels).written(&labels));
            let sent = program.post("/api/v1/write", &compress(&builder.finish()));
            assert_eq!(sent, Some(204));
        }
    }
}

#[derive(Default)]
struct Samples {
    floats: Vec<(i64, f64)>,
    histograms: Vec<(i64, Value)>,
    exemplars: Vec<Exemplar>,
}

impl Samples {
    fn written<'a>(&'a self, labels: &'a LabelSet) -> Series<'a> {
        let (samples, histograms) = (self.floats.as_slice(), self.histograms.as_slice());
        Series { samples, histograms, exemplars: &self.exemplars, ..Series::new(labels) }
    }
}

fn series_of(kind: usize, series: usize, labels: &LabelSet) -> Samples {
    let times = (0..240).map(|i| (i as u64, (END - 3600 + i * 15) * 1000));
    let mut samples = Samples::default();
    for (i, at) in times {
        let grown = i * (series as u64 + 3);
        match labels.value("__name__") {
            "temperature" => samples.floats.push((at, (i % 7) as f64 * 1e-7 - series as f64 / 4.0)),
            "up" => samples.floats.push((at, f64::from(u8::from(i % 50 != 7)))),
            "rpc_seconds" => samples.histograms.push((at, native(grown))),
            _ => samples.floats.push((at, grown as f64 + kind as f64 / 8.0)),
        }
        if labels.value("__name__") == "requests_total" && i % 60 == 5 {
            let labels = LabelSet::from_pairs([("trace_id", &*format!("{series}-{i}"))]);
            samples.exemplars.push(Exemplar { labels, value: i as f64 / 4.0, timestamp: Some(at - 3) });
        }
    }
    samples
}

fn native(grown: u64) -> Value {
    Value::Histogram(Arc::new(Histogram {
        schema: 1,
        zero_threshold: 0.001,
        zero_count: grown,
        count: 6 * grown,
        sum: grown as f64 * 2.5,
        positive_spans: vec![Span { offset: 0, length: 2 }, Span { offset: 3, length: 1 }],
        negative_spans: vec![Span { offset: 1, length: 1 }],
        positive_buckets: vec![grown as i64, grown as i64, -(grown as i64)],
        negative_buckets: vec![grown as i64],
        ..Histogram::default()
    }))
}

/// A path below `/api/v1/` and its parameters.
fn request(path: &str, parameters: &[(&str, &str)]) -> String {
    let form = Serializer::new(String::new()).extend_pairs(parameters).finish();
    if form.is_empty() { path.to_owned() } else { format!("{path}?{form}") }
}

const QUERIES: [&str; 34] = [
    "up",
    "1",
    "-0",
    "1e-7",
    "vector(2^-25)",
    "vector(1e21)",
    "vector(-0)",
    "NaN",
    "\"a<b\u{2028}\"",
    "temperature",
    "rpc_seconds",
    "up[1m]",
    "rpc_seconds[1m]",
    "sum(rate(requests_total[5m]))",
    "rate(up[5m])",
    "topk(2, requests_total)",
    "sort_desc(temperature)",
    "{\"http.duration\"}",
    "histogram_quantile(7, rpc_seconds)",
    "histogram_quantile(0.5, latency_bucket{job=\"api\"})",
    "max_over_time(rate(requests_total[5m])[10m:1m])",
    "requests_total / ignoring(job) requests_total",
    "up * on(job) group_left up",
    "absent(nothing)",
    "quantile(2, up)",
    "limitk(2, up)",
    "up @ end() offset 1m",
    "rpc_seconds + up",
    "1 > bool 2",
    "up{",
    "foo(",
    "sum(rate(up[5m]",
    "label_replace(up, \"a\", \"b\", \"c\", \"(\")",
    "up offset",
];

fn queries(all: &mut Vec<String>) {
    let (end, start) = (END.to_string(), (END - 600).to_string());
    for query in QUERIES {
        let at = [("query", query), ("time", &end)];
        all.push(request("query", &at));
        all.push(request("query", &[&at[..], &[("stats", "all"), ("limit", "2")]].concat()));
        let range = [("query", query), ("start", &start), ("end", &end), ("step", "60")];
        all.push(request("query_range", &range));
        all.push(request("query_range", &[&range[..], &[("stats", "all"), ("limit", "1")]].concat()));
        all.push(request("query_exemplars", &range[..3]));
        all.push(request("format_query", &at[..1]));
        all.push(request("parse_query", &at[..1]));
    }
    for (name, values) in [
        ("time", &["abc", "", "1e3", "Inf", "-1", "2023-11-14T23:33:20Z", "2023-11-15T00:33:20.5+01:00"][..]),
        ("timeout", &["x", "10s", "1.5"]),
        ("lookback_delta", &["x", "1s", "1h", "0"]),
        ("limit", &["x", "-1", "0", "1", "99999999999999999999"]),
        ("stats", &["foo", "true"]),
    ] {
        for value in values {
            // A second time does not count.
            let time = if name == "time" { ("stats", "") } else { ("time", &*end) };
            all.push(request("query", &[("query", "up"), time, (name, value)]));
        }
    }
}

fn ranges(all: &mut Vec<String>) {
    for (start, end, step) in [
        ("0", "11000", "1"),
        ("0", "11001", "1"),
        ("0", "11000.999", "1"),
        ("1700004990", "1700005000", "5s"),
        ("2023-11-14T23:33:00Z", "1700005000.25", "0.5"),
        ("1700005000", "1700004999", "1"),
        ("1700005000", "1700005000", "0"),
        ("1700005000", "1700005000", "-1"),
        ("1700005000", "1700005000", "x"),
        ("1700005000", "1700005000", ""),
        ("x", "1700005000", "1"),
        ("1700005000", "x", "1"),
        ("", "1700005000", "1"),
        ("1700005000", "1700005001", "0.0001"),
        ("1700005000", "1700005001", "1e300"),
    ] {
        all.push(request("query_range", &[("query", "up"), ("start", start), ("end", end), ("step", step)]));
    }
    for path in ["query", "query_range", "query_exemplars", "format_query", "parse_query", "series"] {
        all.push(path.to_owned());
    }
    all.push(request("query_exemplars", &[("query", "requests_total"), ("start", "5"), ("end", "1")]));
    all.push(request("query_exemplars", &[("query", "requests_total"), ("start", "x")]));
    all.push(request("query_exemplars", &[("query", "rate(requests_total{job='api'}[5m]) + up")]));
}

fn series_and_labels(all: &mut Vec<String>) {
    let (start, end) = ((END - 60).to_string(), END.to_string());
    let places = ["series", "labels", "label/job/values", "label/__name__/values", "label/instance/values"];
    for path in places {
        for selector in [
            "up",
            "{job=\"api\"}",
            "{__name__=~\"up|temperature\"}",
            "{\"http.route\"=~\".+\"}",
            "nothing",
            "-",
            "",
        ] {
            let one = ("match[]", selector);
            all.push(request(path, &[one]));
            all.push(request(path, &[one, ("limit", "1")]));
            all.push(request(path, &[one, ("limit", "2")]));
            all.push(request(path, &[one, ("match[]", "temperature")]));
            all.push(request(path, &[one, ("start", &start), ("end", &end)]));
            all.push(request(path, &[one, ("start", "1"), ("end", "2")]));
        }
    }
    let odd = ["label/http.route/values", "label/U__http_2e_route/values", "label/U__bad_zz/values"];
    let odder = ["label/%ff/values", "label/a%2Fb/values", "label//values", "label/nothing/values"];
    for path in places.into_iter().chain(odd).chain(odder) {
        for parameters in [&[][..], &[("limit", "1")], &[("limit", "x")], &[("start", "x")], &[("end", "x")]]
        {
            all.push(request(path, parameters));
        }
        all.push(request(path, &[("start", &end), ("end", &start)]));
    }
    for path in ["status/tsdb", "metadata"] {
        // Of what is counted alike, the original shows any: one, which is alone, or all.
        for limit in ["1", "0", "x", "100", "20000"] {
            all.push(request(path, &[("limit", limit)]));
        }
    }
    all.extend(["nothing", "status/nothing", ""].map(str::to_owned));
}

/// What counts of an answer: headers that clients act upon, and the body without what is measured anew each time.
fn judged(reply: Reply) -> (u16, BTreeMap<String, String>, String) {
    let counts = ["content-type", "content-encoding", "vary", "access-control-allow-origin", "allow"];
    let mut headers = BTreeMap::<String, String>::new();
    for (name, value) in reply.headers.into_iter().filter(|(name, _)| counts.contains(&&**name)) {
        headers.entry(name).and_modify(|all| *all += &format!(", {value}")).or_insert(value);
    }
    let mut body = reply.body;
    if headers.get("content-encoding").is_some_and(|encoding| encoding == "gzip") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&*body).read_to_end(&mut plain).unwrap();
        body = plain;
    }
    let mut body = String::from_utf8(body).unwrap();
    if let Some(vary) = headers.get_mut("vary") {
        // 3.5 says so only where it has compressed.
        *vary = vary.replace("Accept-Encoding, ", "");
    }
    for new in NEWER {
        body = body.replace(new, "");
    }
    for (before, after, instead) in [
        ("\"timings\":{", "},", ""),
        ("\"peakSamples\":", "}", "\"peakSamples\":0}"),
        // Counted by 3.14 only.
        ("\"samplesReadPerStep\":[", "]],", ""),
        ("\"samplesRead\":", ",", ""),
    ] {
        body = replaced(&body, before, after, instead);
    }
    (reply.status, headers, ordered(body))
}

/// The answer with that in order which the original takes from maps: annotations, and what is counted alike.
fn ordered(body: String) -> String {
    let statistics = body.contains("\"headStats\"");
    let mut places = vec!["/warnings", "/infos"];
    if statistics {
        places.extend(["/data/seriesCountByMetricName", "/data/labelValueCountByLabelName"]);
        places.extend(["/data/memoryInBytesByLabelName", "/data/seriesCountByLabelValuePair"]);
    } else if !body.contains("\"warnings\"") && !body.contains("\"infos\"") {
        return body;
    }
    let mut json: serde_json::Value = serde_json::from_str(&body).unwrap();
    for list in places {
        if let Some(list) = json.pointer_mut(list).and_then(serde_json::Value::as_array_mut) {
            list.sort_by_key(ToString::to_string);
        }
    }
    json.to_string()
}

/// The text with something else for what begins with `before` and ends with `after`.
fn replaced(text: &str, before: &str, after: &str, instead: &str) -> String {
    let mut parts = text.split(before);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str(instead);
        kept.push_str(part.split_once(after).map_or("", |(_, rest)| rest));
    }
    kept
}

/// Asks both and compares.
struct Judge {
    original: Program,
    ours: Program,
    asked: usize,
    seen: BTreeSet<&'static str>,
    unexplained: Vec<String>,
}

impl Judge {
    fn ask(&mut self, method: &str, path: &str, headers: &str, body: &str) {
        self.asked += 1;
        let line = format!("{method} /api/v1/{path}");
        let [theirs, ours] =
            [&self.original, &self.ours].map(|p| judged(p.exchange(&line, headers, body.as_bytes())));
        if theirs == ours {
            return;
        }
        let answers = [&theirs.2, &ours.2];
        let known = DIFFERENCES.iter().find(|known| {
            let parts = answers.iter().zip(known.answers);
            line.contains(known.request) && parts.into_iter().all(|(answer, part)| answer.contains(part))
        });
        match known {
            Some(known) => {
                self.seen.insert(known.why);
            }
            None => self
                .unexplained
                .push(format!("{line} {headers:?} {body}\n  3.5:  {theirs:?}\n  ours: {ours:?}")),
        }
    }

    fn get(&mut self, path: &str) {
        self.ask("GET", path, "", "");
    }

    fn finish(&self) {
        let left = &self.unexplained;
        assert!(left.is_empty(), "{} of {}:\n{}", left.len(), self.asked, left.join("\n"));
        let named: BTreeSet<_> = DIFFERENCES.iter().map(|known| known.why).collect();
        assert_eq!(self.seen, named, "a difference is no more");
        println!("query API: {} requests, {} named differences", self.asked, named.len());
    }
}

#[test]
fn answers_are_those_of_the_original() {
    let Some(executable) = original() else { return };
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let start =
        |executable, dir: &tempfile::TempDir| Program::start_with(executable, dir.path(), "{}", &FLAGS);
    let (original, ours) = (start(&executable, &dirs[0]), start(&server(), &dirs[1]));
    load(&original);
    load(&ours);
    let mut judge = Judge { original, ours, asked: 0, seen: BTreeSet::new(), unexplained: Vec::new() };

    let mut all = Vec::new();
    queries(&mut all);
    ranges(&mut all);
    series_and_labels(&mut all);
    all.iter().for_each(|path| judge.get(path));

    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    for path in ["query", "query_range", "query_exemplars", "format_query", "parse_query", "series", "labels"]
    {
        let body = format!("query=up&match[]=up&time={END}&start={}&end={END}&step=60", END - 60);
        judge.ask("POST", path, form, &body);
        judge.ask("POST", &format!("{path}?query=temperature&match[]=temperature"), form, &body);
        judge.ask("OPTIONS", path, "", "");
        judge.ask("PUT", path, "", "");
        judge.ask("DELETE", path, "", "");
    }
    for method in ["POST", "PUT"] {
        for path in ["label/job/values", "metadata", "status/tsdb", "nothing"] {
            judge.ask(method, path, form, "");
        }
    }
    let up = format!("query?query=up&time={END}");
    for headers in [
        "Accept-Encoding: gzip\r\n",
        "Accept-Encoding: br\r\n",
        "Origin: http://x\r\n",
        "Accept: text/plain\r\n",
    ] {
        judge.ask("GET", &up, headers, "");
        judge.ask("GET", "query?query=up{", headers, "");
        judge.ask("GET", "labels", headers, "");
    }
    judge.finish();
}
