use serde_json::json;

use super::*;

fn shown(question: &Question, data: &Value, format: Format) -> String {
    let mut out = Vec::new();
    match question {
        Question::Series { .. } => show::series(data, format, &mut out).unwrap(),
        _ => show::value(data, format, &mut out).unwrap(),
    }
    String::from_utf8(out).unwrap()
}

fn instant() -> Question {
    Question::Instant { expression: "up{a=\"b c\"} + 1".to_owned(), time: 1.5 }
}

#[test]
fn a_question_is_a_form() {
    let request = request("localhost:9090/prefix/", &[("X-A".into(), "b".into())], &instant()).unwrap();
    assert_eq!(request.uri(), "http://localhost:9090/prefix/api/v1/query");
    assert_eq!(request.body(), "query=up%7Ba%3D%22b+c%22%7D+%2B+1&time=1.5");
    assert_eq!(request.headers()["x-a"], "b");
    let labels = Question::Labels { name: "job".into(), matchers: vec!["up".into()], start: 1.0, end: 2.0 };
    let request = super::request("https://h", &[], &labels).unwrap();
    assert_eq!(request.uri(), "https://h/api/v1/label/job/values?match%5B%5D=up&start=1&end=2");
    let backwards = Question::Range { expression: "1".into(), start: 2.0, end: 1.0, step: TIMEOUT };
    assert_eq!(ask("h", &[], &backwards).unwrap_err().to_string(), "start time is not before end time");
}

#[test]
fn answers_are_shown_as_those_of_the_original() {
    let vector = json!({"resultType": "vector", "result": [
        {"metric": {"__name__": "up", "job": "a\"b", "env": "x"}, "value": [1.5, "1e-07"]},
        {"metric": {}, "value": [2, "+Inf"]},
        {"metric": {"__name__": "h"}, "histogram": [3, {"count": "3", "sum": "4.5", "buckets": [
            [0, "0.5", "1", "2"], [3, "-0.001", "0.001", "1"]]}]},
    ]});
    assert_eq!(
        shown(&instant(), &vector, Format::Promql),
        "up{env=\"x\", job=\"a\\\"b\"} => 0.0000001 @[1.5]\n{} => +Inf @[2]\n\
         h => Count: 3.000000, Sum: 4.500000, Buckets: [(0.5,1]:2 [-0.001,0.001]:1] @[3]\n"
    );
    let json = shown(&instant(), &vector, Format::Json);
    assert!(json.contains(r#""value":[1.5,"0.0000001"]"#), "{json}");
    let histogram = r#"{"metric":{"__name__":"h"},"histogram":[3,{"count":"3","sum":"4.5","buckets":[["#;
    assert!(json.contains(histogram), "{json}");
    let matrix = json!({"resultType": "matrix", "result": [
        {"metric": {"a": "2"}, "values": [[1, "1"], [2, "2"]]},
        {"metric": {"a": "1"}, "values": [[1, "3"]]},
    ]});
    let text = shown(&instant(), &matrix, Format::Promql);
    assert_eq!(text, "{a=\"1\"} =>\n3 @[1]\n{a=\"2\"} =>\n1 @[1]\n2 @[2]\n");
    let scalar = json!({"resultType": "scalar", "result": [1.25, "5"]});
    assert_eq!(shown(&instant(), &scalar, Format::Promql), "scalar: 5 @[1.25]\n");
}

#[test]
fn refusals_say_why() {
    let body = br#"{"status":"error","errorType":"bad_data","error":"invalid"}"#;
    let text =
        |status: u16, body: &[u8]| read(StatusCode::from_u16(status).unwrap(), body).unwrap_err().to_string();
    assert_eq!(text(400, body), "query error: bad_data: invalid");
    assert_eq!(text(404, b"no\n"), "query error: client_error: client error: 404 (detail: no)");
    assert_eq!(text(503, b""), "query error: server_error: server error: 503 (detail: )");
}
