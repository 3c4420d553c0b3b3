//! The HTTP side: `/api/v2`, health, and the page.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use jiff::Timestamp;
use metrics_core::{LabelSet, MatchOp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Alertmanager;
use crate::alert::Alert;
use crate::matchers::parse_matchers;
use crate::page;
use crate::quiet::Quiet;
use crate::receivers::webhook::labels_json;
use crate::silence::{Silence, SilenceError};

/// An alert as senders post it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostedAlert {
    labels: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    starts_at: Option<Timestamp>,
    #[serde(default)]
    ends_at: Option<Timestamp>,
    #[serde(default, rename = "generatorURL")]
    generator_url: String,
}

/// Where single silences live.
const SILENCE: &str = "/api/v2/silence/";

/// Answers one request.
pub(crate) fn handle(
    manager: &Arc<Alertmanager>,
    request: &Request<Bytes>,
    now: Timestamp,
) -> Response<Bytes> {
    let path = request.uri().path();
    match (request.method(), path) {
        (&Method::GET, "/-/healthy" | "/-/ready") => text(StatusCode::OK, "OK"),
        (&Method::POST, "/-/reload") => match manager.reload(now) {
            Ok(()) => text(StatusCode::OK, ""),
            Err(e) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("failed to reload config: {e}")),
        },
        (&Method::GET, "/") => page::render(manager, now),
        (&Method::GET, "/api/v2/status") => json_ok(&status(manager)),
        (&Method::GET, "/api/v2/receivers") => json_ok(&receivers(manager)),
        (&Method::GET, "/api/v2/alerts") => list_alerts(manager, request, now),
        (&Method::GET, "/api/v2/alerts/groups") => list_groups(manager, request, now),
        (&Method::POST, "/api/v2/alerts") => post_alerts(manager, request.body(), now),
        (&Method::GET, "/api/v2/silences") => list_silences(manager, request, now),
        (&Method::POST, "/api/v2/silences") => post_silence(manager, request.body(), now),
        (method, path) if path.starts_with(SILENCE) => {
            one_silence(manager, method, path.strip_prefix(SILENCE).unwrap_or(""), now)
        }
        (
            _,
            "/api/v2/silences"
            | "/api/v2/alerts"
            | "/api/v2/alerts/groups"
            | "/api/v2/status"
            | "/api/v2/receivers",
        ) => {
            let words = format!("method {} is not allowed, but [GET] are", request.method());
            json_answer(StatusCode::METHOD_NOT_ALLOWED, &json!({"code": 405, "message": words}))
        }
        (_, path) if path.starts_with("/api/v2/") => {
            let words = format!("path {path} was not found");
            json_answer(StatusCode::NOT_FOUND, &json!({"code": 404, "message": words}))
        }
        _ => text(StatusCode::NOT_FOUND, "404 page not found\n"),
    }
}

fn post_alerts(manager: &Alertmanager, body: &[u8], now: Timestamp) -> Response<Bytes> {
    let posted: Vec<PostedAlert> = match serde_json::from_slice(body) {
        Ok(posted) => posted,
        Err(e) => {
            let words = format!("parsing alerts body failed: {e}");
            return json_answer(StatusCode::BAD_REQUEST, &json!({"code": 400, "message": words}));
        }
    };
    let mut errors = Vec::new();
    let mut dispatcher = manager.dispatcher();
    let resolve_timeout = dispatcher.config().resolve_timeout;
    for posted in posted {
        let alert = posted.received(now, resolve_timeout);
        let status = if alert.is_resolved(now) { "resolved" } else { "firing" };
        manager.metrics.received.get([status, "v2"]).inc();
        match alert.validate() {
            Ok(()) => dispatcher.put(alert, now),
            Err(e) => {
                manager.metrics.invalid.inc();
                errors.push(e.to_string());
            }
        }
    }
    drop(dispatcher);
    manager.wake();
    if errors.is_empty() {
        json_ok(&Value::Null).map(|_| Bytes::new())
    } else {
        // The valid ones are kept all the same, as senders expect.
        json_answer(StatusCode::BAD_REQUEST, &json!(errors.join("\n")))
    }
}

/// 0001-01-01T00:00:00Z in Unix seconds: how Go programs write that there is no time.
const GO_ZERO_TIME: i64 = -62_135_596_800;

impl PostedAlert {
    fn received(self, now: Timestamp, resolve_timeout: std::time::Duration) -> Alert {
        let given = |t: Option<Timestamp>| t.filter(|t| t.as_second() != GO_ZERO_TIME);
        let (starts, ends) = (given(self.starts_at), given(self.ends_at));
        let timeout = ends.is_none();
        let guess = || now.checked_add(resolve_timeout).unwrap_or(Timestamp::MAX);
        Alert {
            labels: LabelSet::from_pairs(self.labels),
            annotations: LabelSet::from_pairs(self.annotations),
            starts_at: starts.or(ends).unwrap_or(now),
            ends_at: ends.unwrap_or_else(guess),
            generator_url: self.generator_url,
            updated_at: now,
            timeout,
        }
    }
}

/// What `GET …/alerts` and `…/groups` may be narrowed by.
struct Filter {
    matchers: Vec<metrics_core::Matcher>,
    receiver: Option<regex::Regex>,
    active: bool,
    silenced: bool,
    inhibited: bool,
}

impl Filter {
    fn from_query(query: &str) -> Result<Self, String> {
        let mut filter =
            Self { matchers: Vec::new(), receiver: None, active: true, silenced: true, inhibited: true };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "filter" => filter.matchers.extend(parse_matchers(&value).map_err(|e| e.to_string())?),
                "receiver" => {
                    let receiver = regex::Regex::new(&format!("^(?:{value})$"))
                        .map_err(|e| format!("failed to parse receiver param: {e}"))?;
                    filter.receiver = Some(receiver);
                }
                "active" => filter.active = value != "false",
                "silenced" => filter.silenced = value != "false",
                "inhibited" => filter.inhibited = value != "false",
                _ => {}
            }
        }
        Ok(filter)
    }

    fn wants(&self, alert: &Alert, quiet: &Quiet) -> bool {
        let (inhibited, silenced) = (!quiet.inhibited_by.is_empty(), !quiet.silenced_by.is_empty());
        (self.active || inhibited || silenced)
            && (self.inhibited || !inhibited)
            && (self.silenced || !silenced)
            && self.matchers.iter().all(|m| m.matches_labels(&alert.labels))
    }

    fn wants_receiver(&self, receiver: &str) -> bool {
        self.receiver.as_ref().is_none_or(|r| r.is_match(receiver))
    }
}

fn list_alerts(manager: &Alertmanager, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
    let filter = match Filter::from_query(request.uri().query().unwrap_or("")) {
        Ok(filter) => filter,
        Err(words) => return json_answer(StatusCode::BAD_REQUEST, &json!(words)),
    };
    let dispatcher = manager.dispatcher();
    let mut alerts = Vec::new();
    for alert in dispatcher.alerts(now) {
        let routes = dispatcher.config().route.matching(&alert.labels);
        let receivers: Vec<&str> = routes.iter().map(|r| r.options.receiver.as_str()).collect();
        let quiet = dispatcher.quiet(alert, now);
        if receivers.iter().any(|r| filter.wants_receiver(r)) && filter.wants(alert, &quiet) {
            alerts.push(alert_json(alert, &receivers, &quiet));
        }
    }
    json_ok(&json!(alerts))
}

fn list_groups(manager: &Alertmanager, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
    let filter = match Filter::from_query(request.uri().query().unwrap_or("")) {
        Ok(filter) => filter,
        Err(words) => return json_answer(StatusCode::BAD_REQUEST, &json!(words)),
    };
    let dispatcher = manager.dispatcher();
    let mut groups = Vec::new();
    for group in dispatcher.groups() {
        if !filter.wants_receiver(&group.receiver) {
            continue;
        }
        let mut alerts = Vec::new();
        for alert in group.alerts.iter().filter(|a| !a.is_resolved(now)) {
            let quiet = dispatcher.quiet(alert, now);
            if filter.wants(alert, &quiet) {
                alerts.push(alert_json(alert, &[&group.receiver], &quiet));
            }
        }
        if !alerts.is_empty() {
            groups.push(json!({
                "labels": labels_json(&group.labels),
                "receiver": {"name": group.receiver},
                "routeLabels": {},
                "alerts": alerts,
            }));
        }
    }
    json_ok(&json!(groups))
}

fn alert_json(alert: &Alert, receivers: &[&str], quiet: &Quiet) -> Value {
    let state = if quiet.is_quiet() { "suppressed" } else { "active" };
    let mut value = json!({
        "annotations": labels_json(&alert.annotations),
        "endsAt": format!("{:.3}", alert.ends_at),
        "fingerprint": format!("{:016x}", alert.fingerprint()),
        "receivers": receivers.iter().map(|name| json!({"name": name})).collect::<Vec<_>>(),
        "startsAt": format!("{:.3}", alert.starts_at),
        "status": {
            "inhibitedBy": quiet.inhibited_by.iter().map(|f| format!("{f:016x}")).collect::<Vec<_>>(),
            "mutedBy": [],
            "silencedBy": quiet.silenced_by,
            "state": state,
        },
        "updatedAt": format!("{:.3}", alert.updated_at),
        "labels": labels_json(&alert.labels),
    });
    if !alert.generator_url.is_empty() {
        value["generatorURL"] = json!(alert.generator_url);
    }
    value
}

fn post_silence(manager: &Alertmanager, body: &[u8], now: Timestamp) -> Response<Bytes> {
    let silence: Silence = match serde_json::from_slice(body) {
        Ok(silence) => silence,
        Err(e) => {
            let words = format!("parsing silence body failed: {e}");
            return json_answer(StatusCode::BAD_REQUEST, &json!({"code": 400, "message": words}));
        }
    };
    let outcome = manager.dispatcher().silences_mut().set(silence, now);
    match outcome {
        Ok(id) => {
            manager.keep_silences(now);
            json_ok(&json!({"silenceID": id}))
        }
        Err(e @ SilenceError::NotFound) => json_answer(StatusCode::NOT_FOUND, &json!(e.to_string())),
        Err(e) => json_answer(StatusCode::BAD_REQUEST, &json!(e.to_string())),
    }
}

fn one_silence(manager: &Alertmanager, method: &Method, id: &str, now: Timestamp) -> Response<Bytes> {
    if method == Method::DELETE {
        let outcome = manager.dispatcher().silences_mut().expire(id, now);
        if outcome.is_err() {
            return text(StatusCode::NOT_FOUND, "");
        }
        manager.keep_silences(now);
        return text(StatusCode::OK, "");
    }
    match manager.dispatcher().silences().find(id) {
        Some(silence) => json_ok(&silence_json(silence, now)),
        None => text(StatusCode::NOT_FOUND, ""),
    }
}

fn list_silences(manager: &Alertmanager, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
    let filter = match Filter::from_query(request.uri().query().unwrap_or("")) {
        Ok(filter) => filter,
        Err(words) => return json_answer(StatusCode::BAD_REQUEST, &json!(words)),
    };
    let dispatcher = manager.dispatcher();
    let wanted = |silence: &&Silence| {
        // A filter asks for silences that have this very matcher.
        filter.matchers.iter().all(|m| {
            silence.matchers.iter().any(|s| {
                let same_kind = s.is_equal != m.op.is_negative()
                    && s.is_regex == matches!(m.op, MatchOp::Regex | MatchOp::NotRegex);
                same_kind && s.name == m.name && s.value == m.value
            })
        })
    };
    let silences: Vec<Value> =
        dispatcher.silences().list(now).into_iter().filter(wanted).map(|s| silence_json(s, now)).collect();
    json_ok(&json!(silences))
}

fn silence_json(silence: &Silence, now: Timestamp) -> Value {
    json!({
        "id": silence.id,
        "status": {"state": silence.state(now).as_str()},
        "updatedAt": format!("{:.3}", silence.updated_at),
        "comment": silence.comment,
        "createdBy": silence.created_by,
        "endsAt": format!("{:.3}", silence.ends_at),
        "matchers": silence.matchers,
        "startsAt": format!("{:.3}", silence.starts_at),
    })
}

fn status(manager: &Alertmanager) -> Value {
    json!({
        "cluster": {"peers": [], "status": "disabled"},
        "config": {"original": manager.dispatcher().config().original},
        "uptime": format!("{:.3}", manager.started_at()),
        "versionInfo": {
            "branch": "",
            "buildDate": "",
            "buildUser": "",
            "goVersion": "",
            "revision": "",
            "version": env!("CARGO_PKG_VERSION"),
        },
    })
}

fn receivers(manager: &Alertmanager) -> Value {
    let dispatcher = manager.dispatcher();
    dispatcher
        .config()
        .receivers
        .iter()
        .map(|r| json!({"name": r.name, "labels": {"name": r.name}}))
        .collect()
}

fn json_ok(value: &Value) -> Response<Bytes> {
    json_answer(StatusCode::OK, value)
}

fn json_answer(status: StatusCode, value: &Value) -> Response<Bytes> {
    answer(status, "application/json", format!("{value}\n"))
}

fn text(status: StatusCode, words: &str) -> Response<Bytes> {
    answer(status, "text/plain; charset=utf-8", words.to_owned())
}

/// A response with a body of one type.
pub(crate) fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
}
