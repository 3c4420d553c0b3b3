use http::{Request, Response, StatusCode};
use metrics_core::{
    Append, Exemplar, LabelSet, MemStore, Metadata, MetricType, Select, SeriesRef, Timestamp, Value,
};

use super::*;
use crate::parser::{SeriesValue, parse_series};
use crate::{Alert, Options};

/// A program with a few series, a sample a minute.
struct Program(MemStore);

impl Sources for Program {
    fn store(&self) -> &dyn Select {
        &self.0
    }

    fn now(&self) -> Timestamp {
        600_000
    }

    fn metadata(&self) -> Vec<(String, Metadata)> {
        let counter = |help: &str| Metadata {
            metric_type: MetricType::Counter,
            help: help.to_owned(),
            unit: String::new(),
        };
        vec![
            ("requests".to_owned(), counter("a")),
            ("requests".to_owned(), counter("b")),
            ("requests".to_owned(), counter("a")),
        ]
    }

    fn rule_groups(&self) -> Vec<crate::GroupStatus> {
        let mut alert =
            Alert::pending(LabelSet::from_pairs([("alertname", "Down")]), Default::default(), 1.0, 0);
        alert.state = crate::AlertState::Firing;
        vec![crate::GroupStatus {
            name: "g".to_owned(),
            file: "f.yml".to_owned(),
            interval: std::time::Duration::from_millis(1500),
            limit: 0,
            rules: vec![crate::RuleStatus {
                name: "Down".to_owned(),
                query: "up < 1".to_owned(),
                labels: LabelSet::from_pairs([("severity", "page")]),
                health: crate::Health::Good,
                last_error: None,
                evaluation_time: std::time::Duration::ZERO,
                last_evaluation: Some(1500),
                kind: crate::RuleKind::Alerting {
                    state: alert.state,
                    hold: std::time::Duration::from_secs(60),
                    keep_firing_for: std::time::Duration::ZERO,
                    annotations: Default::default(),
                    alerts: vec![alert],
                },
            }],
            evaluation_time: std::time::Duration::ZERO,
            last_evaluation: None,
        }]
    }

    fn other(&self, path: &str, params: &Params) -> Option<Result<String, ApiError>> {
        match path {
            "status/flags" => Some(Ok("{}".to_owned())),
            "scrape_pools/config" => Some(Err(ApiError::new(ErrorKind::BadData, params.get("scrapePool")))),
            _ => None,
        }
    }
}

fn api() -> Api<Program> {
    let store = MemStore::default();
    let mut batch = store.batch();
    for text in [
        r#"up{job="a",path="<x>"} 1+0x10"#,
        r#"up{job="b"} 0.0000001+1x10"#,
        r#"latency {{schema:0 sum:10 count:3 z_bucket:1 z_bucket_w:0.5 buckets:[0 2]}}x10"#,
    ] {
        let (labels, values) = parse_series(text).unwrap();
        for (at, value) in values.into_iter().enumerate() {
            let value = match value {
                SeriesValue::Float(v) => Value::Float(v),
                SeriesValue::Histogram { histogram, .. } => Value::FloatHistogram(histogram),
                SeriesValue::Omitted => continue,
            };
            batch.append(SeriesRef::UNKNOWN, &labels, at as i64 * 60_000, &value).unwrap();
        }
    }
    batch.commit().unwrap();
    Api::new(Engine::new(Options::default()), Program(store))
}

fn get(path: &str) -> (StatusCode, String) {
    read(api().handle(&Request::get(path).body("").unwrap()))
}

fn read(response: Response<ApiBody>) -> (StatusCode, String) {
    (response.status(), String::from_utf8(response.into_body().into_bytes()).unwrap())
}

/// Whole answers, byte for byte.
#[test]
fn answers() {
    for (path, answer) in [
        (
            "query?query=1%2B1&time=4",
            r#"{"status":"success","data":{"resultType":"scalar","result":[4,"2"]}}"#,
        ),
        (
            "query?query=1e-7&time=123.4",
            r#"{"status":"success","data":{"resultType":"scalar","result":[123.4,"0.0000001"]}}"#,
        ),
        (
            "query?query=\"a<b\"&time=1",
            r#"{"status":"success","data":{"resultType":"string","result":[1,"a\u003cb"]}}"#,
        ),
        ("query?query=absent(up)", r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#),
        (
            "query?query=up&time=0.5&limit=1",
            concat!(
                r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","#,
                r#""job":"a","path":"<x>"},"value":[0.500,"1"]}]},"#,
                r#""warnings":["results truncated due to limit"]}"#
            ),
        ),
        (
            "query_range?query=up{job=\"b\"}&start=0&end=60.5&step=60.5",
            concat!(
                r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up","#,
                r#""job":"b"},"values":[[0,"1e-07"],[60.500,"1.0000001"]]}]}}"#
            ),
        ),
        (
            "query?query=latency&time=60",
            concat!(
                r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"latency"},"#,
                r#""histogram":[60,{"count":"3","sum":"10","buckets":[[3,"-0.5","0.5","1"],[0,"1","2","2"]]}]}]}}"#
            ),
        ),
        ("format_query?query=up<1", r#"{"status":"success","data":"up \u003c 1"}"#),
        ("labels", r#"{"status":"success","data":["__name__","job","path"]}"#),
        ("label/job/values", r#"{"status":"success","data":["a","b"]}"#),
        ("label/U__job/values?match[]=up{job!=\"a\"}", r#"{"status":"success","data":["b"]}"#),
        (
            "series?match[]=up{job=\"b\"}&match[]=latency",
            r#"{"status":"success","data":[{"__name__":"latency"},{"__name__":"up","job":"b"}]}"#,
        ),
        (
            "metadata",
            concat!(
                r#"{"status":"success","data":{"requests":[{"type":"counter","unit":"","help":"a"},"#,
                r#"{"type":"counter","unit":"","help":"b"}]}}"#
            ),
        ),
        (
            "alerts",
            concat!(
                r#"{"status":"success","data":{"alerts":[{"labels":{"alertname":"Down"},"annotations":{},"#,
                r#""state":"firing","activeAt":"1970-01-01T00:00:00Z","value":"1e+00"}]}}"#
            ),
        ),
        (
            "rules?exclude_alerts=true",
            concat!(
                r#"{"status":"success","data":{"groups":[{"name":"g","file":"f.yml","rules":[{"state":"firing","#,
                r#""name":"Down","query":"up \u003c 1","duration":60,"keepFiringFor":0,"labels":{"severity":"page"},"#,
                r#""annotations":{},"alerts":null,"health":"ok","evaluationTime":0,"#,
                r#""lastEvaluation":"1970-01-01T00:00:01.5Z","type":"alerting"}],"interval":1.5,"limit":0,"#,
                r#""evaluationTime":0,"lastEvaluation":"0001-01-01T00:00:00Z"}]}}"#
            ),
        ),
        ("rules?rule_name[]=Other", r#"{"status":"success","data":{"groups":[]}}"#),
        ("status/flags", r#"{"status":"success","data":{}}"#),
    ] {
        let path =
            format!("/api/v1/{}", path.replace('"', "%22").replace('<', "%3C").replace(['{', '}'], ""));
        let path = path.replace("upjob", "up%7Bjob");
        let path = match path.contains("%7B") {
            true => path.replacen("%22&", "%22%7D&", 1),
            false => path,
        };
        let path = if path.contains("%7B") && !path.contains("%7D") { path + "%7D" } else { path };
        assert_eq!(get(&path), (StatusCode::OK, answer.to_owned()), "{path}");
    }
}

#[test]
fn mistakes_are_named_in_the_fields_words() {
    for (path, status, error) in [
        (
            "query?query=",
            400,
            r#""errorType":"bad_data","error":"invalid parameter \"query\": unknown position: parse error: no expression found in input""#,
        ),
        (
            "query?query=1&time=abc",
            400,
            r#""error":"invalid parameter \"time\": invalid time value for 'time': cannot parse \"abc\" to a valid timestamp""#,
        ),
        (
            "query_range?query=1&start=2&end=1&step=1",
            400,
            r#""error":"invalid parameter \"end\": end timestamp must not be before start time""#,
        ),
        (
            "query_range?query=1&start=1&end=2&step=0",
            400,
            r#""error":"invalid parameter \"step\": zero or negative query resolution step widths"#,
        ),
        (
            "query_range?query=1&start=0&end=11001&step=1",
            400,
            r#""error":"exceeded maximum resolution of 11,000 points per timeseries."#,
        ),
        (
            "query_range?query=up[5m]&start=0&end=1&step=1",
            400,
            r#"invalid parameter \"query\": invalid expression type"#,
        ),
        ("query?query=1&limit=-1", 400, r#"invalid parameter \"limit\": limit must be non-negative"#),
        ("series", 400, r#""error":"no match[] parameter provided""#),
        ("series?match[]=%7Bjob=~%22.*%22%7D", 400, r#"match[] must contain at least one non-empty matcher"#),
        (
            "labels?match[]=-",
            400,
            r#""errorType":"bad_data","error":"1:1: parse error: unexpected \u003cop:-\u003e""#,
        ),
        ("rules?type=x", 400, r#"invalid parameter \"type\": not supported value \"x\""#),
        ("rules?group_next_token=x", 400, r#"group_limit needs to be present in order to paginate"#),
        ("status/tsdb?limit=0", 400, r#"limit must be a positive number"#),
        ("scrape_pools/config?scrapePool=p", 400, r#""error":"p""#),
        (
            "query?query=label_replace(up,%22a%22,%22b%22,%22c%22,%22(%22)&time=1",
            422,
            r#""errorType":"execution""#,
        ),
    ] {
        let (found, body) = get(&format!("/api/v1/{path}"));
        assert_eq!(found.as_u16(), status, "{path}: {body}");
        assert!(body.contains(error), "{path}: {body}");
        assert!(body.starts_with(r#"{"status":"error","errorType":""#), "{body}");
    }
}

#[test]
fn unknown_paths_and_methods() {
    assert_eq!(get("/api/v1/nothing"), (StatusCode::NOT_FOUND, "404 page not found\n".to_owned()));
    assert_eq!(get("/elsewhere").0, StatusCode::NOT_FOUND);
    let (status, _) = read(api().handle(&Request::delete("/api/v1/query").body("").unwrap()));
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    let (status, _) = read(api().handle(&Request::options("/api/v1/query").body("").unwrap()));
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(get("/-/healthy").0, StatusCode::OK);
    assert_eq!(get("/-/ready").0, StatusCode::OK);
}

#[test]
fn large_answers_come_in_pieces() {
    let store = MemStore::default();
    let mut batch = store.batch();
    for i in 0..3000 {
        let labels = LabelSet::from_pairs([("__name__", "m"), ("i", &format!("{i:05}"))]);
        batch.append_float(SeriesRef::UNKNOWN, &labels, 0, f64::from(i)).unwrap();
    }
    batch.commit().unwrap();
    let api = Api::new(Engine::new(Options::default()), Program(store));
    let response = api.handle(&Request::get("/api/v1/query?query=m&time=1").body("").unwrap());
    let mut body = std::pin::pin!(response.into_body());
    let mut context = Context::from_waker(std::task::Waker::noop());
    let (mut pieces, mut all) = (0, Vec::new());
    while let Poll::Ready(Some(frame)) = http_body::Body::poll_frame(body.as_mut(), &mut context) {
        pieces += 1;
        all.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    assert!(pieces > 2, "{pieces}");
    let parsed: serde_json::Value = serde_json::from_slice(&all).unwrap();
    assert_eq!(parsed["data"]["result"].as_array().unwrap().len(), 3000);
}

#[test]
fn answers_are_compressed_as_the_client_wishes() {
    use std::io::Read;
    let path = "/api/v1/query_range?query=up&start=0&end=600&step=1";
    let (_, plain) = get(path);
    assert!(plain.len() > 10_000);
    for (wish, encoding) in [
        ("gzip", Some("gzip")),
        ("br, deflate , gzip", Some("deflate")),
        ("zstd", Some("zstd")),
        ("gzip, deflate, br, zstd", Some("gzip")),
        ("br", None),
    ] {
        let response = api().handle(&Request::get(path).header("Accept-Encoding", wish).body("").unwrap());
        let header = |name: &str| response.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
        assert_eq!(header("Content-Encoding").as_deref(), encoding, "{wish}");
        assert_eq!(header("Vary").as_deref(), Some("Accept-Encoding"));
        let bytes = response.into_body().into_bytes();
        let mut text = String::new();
        match encoding {
            Some("gzip") => flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text),
            Some("deflate") => flate2::read::ZlibDecoder::new(bytes.as_slice()).read_to_string(&mut text),
            Some(_) => zstd::stream::read::Decoder::new(bytes.as_slice()).unwrap().read_to_string(&mut text),
            None => bytes.as_slice().read_to_string(&mut text),
        }
        .unwrap();
        assert_eq!(text, plain, "{wish}");
        assert!(encoding.is_none() || bytes.len() < plain.len() / 3, "{wish}: {}", bytes.len());
    }
}

#[test]
fn statistics_tell_of_every_step_where_asked() {
    let options = Options { per_step_stats: true, ..Options::default() };
    let api = Api { engine: Engine::new(options), ..api() };
    let path = "/api/v1/query_range?query=sum_over_time(up[2m])&start=120&end=240&step=60&stats=";
    for (stats, samples) in [
        ("true", r#"{"totalQueryableSamples":12,"samplesRead":8,"peakSamples":"#),
        (
            "all",
            concat!(
                r#"{"totalQueryableSamplesPerStep":[[120,4],[180,4],[240,4]],"totalQueryableSamples":12,"#,
                r#""samplesReadPerStep":[[120,4],[180,2],[240,2]],"samplesRead":8,"peakSamples":"#
            ),
        ),
    ] {
        let (_, body) = read(api.handle(&Request::get(format!("{path}{stats}")).body("").unwrap()));
        assert!(body.contains(&format!(r#""samples":{samples}"#)), "{body}");
    }
}

#[test]
fn exemplars_are_shown_per_series() {
    let mut out = String::new();
    let exemplar =
        Exemplar { labels: LabelSet::from_pairs([("trace_id", "t")]), value: 0.25, timestamp: Some(1500) };
    render::push_exemplars(&mut out, &LabelSet::from_pairs([("__name__", "m")]), &[exemplar]);
    assert_eq!(
        out,
        r#"{"seriesLabels":{"__name__":"m"},"exemplars":[{"labels":{"trace_id":"t"},"value":"0.25","timestamp":1.500}]}"#
    );
    let (status, body) = get("/api/v1/query_exemplars?query=up&start=0&end=1");
    assert_eq!((status, body.as_str()), (StatusCode::OK, r#"{"status":"success","data":[]}"#));
}

#[test]
fn long_chains_are_shown_as_trees() {
    let api = Api::new(Engine::new(Options::default()), Program(MemStore::default()));
    let body = vec!["absent(a)"; 1001].join("+or+");
    for path in ["parse_query", "format_query", "query", "query_exemplars"] {
        let request = Request::post(format!("/api/v1/{path}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(format!("time=0&start=0&end=1&query={body}"))
            .unwrap();
        assert_eq!(api.handle(&request).status(), StatusCode::OK, "{path}");
    }
}
