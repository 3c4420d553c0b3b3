//! `rules` and `alerts`.

use std::collections::HashSet;
use std::fmt::Write;

use metrics_core::number::format_scientific;
use metrics_core::{LabelSet, Timestamp};

use super::render::push_escaped;
use super::{Answer, Answered, Api, ApiError, Params, Sources};
use crate::json::push_texts;
use crate::parser::quote;
use crate::{Alert, GroupStatus, RuleKind, RuleStatus};

impl<S: Sources> Api<S> {
    pub(super) fn rules(&self, params: &Params) -> Answered {
        let filter = Filter::of(params)?;
        let page = Page::of(params)?;
        let groups = self.sources.rule_groups();
        let mut out = String::from("{\"groups\":[");
        let (mut shown, mut found_token, mut next) = (0, false, None);
        for group in &groups {
            if let Page { limit: Some(_), token } = &page
                && !token.is_empty()
                && !found_token
            {
                if *token != group_token(group) {
                    continue;
                }
                found_token = true;
            }
            if !filter.admits_group(group) {
                continue;
            }
            let rules: Vec<_> = group.rules.iter().filter(|rule| filter.admits_rule(rule)).collect();
            if rules.is_empty() {
                continue;
            }
            if page.limit == Some(shown) {
                next = Some(group_token(group));
                break;
            }
            if shown > 0 {
                out.push(',');
            }
            shown += 1;
            push_group(&mut out, group, &rules, filter.exclude_alerts);
        }
        if page.limit.is_some() && !page.token.is_empty() && !found_token {
            let why = format!("invalid group_next_token '{}'. were rule groups changed?", page.token);
            return Err(ApiError::parameter("group_next_token", why));
        }
        out.push(']');
        if let Some(token) = next {
            let _ = write!(out, ",\"groupNextToken\":\"{token}\"");
        }
        out.push('}');
        Ok(Answer::json(out))
    }

    pub(super) fn alerts(&self) -> Answered {
        let mut out = String::from("{\"alerts\":[");
        let groups = self.sources.rule_groups();
        let alerts = groups.iter().flat_map(|g| &g.rules).flat_map(|rule| match &rule.kind {
            RuleKind::Alerting { alerts, .. } => alerts.as_slice(),
            RuleKind::Recording => &[],
        });
        for (i, alert) in alerts.enumerate() {
            if i > 0 {
                out.push(',');
            }
            push_alert(&mut out, alert);
        }
        out.push_str("]}");
        Ok(Answer::json(out))
    }
}

/// Which rules are asked for.
struct Filter {
    names: HashSet<String>,
    groups: HashSet<String>,
    files: HashSet<String>,
    matchers: Vec<Vec<metrics_core::Matcher>>,
    alerting: bool,
    recording: bool,
    exclude_alerts: bool,
}

impl Filter {
    fn of(params: &Params) -> Result<Self, ApiError> {
        let set = |name| params.values(name).map(str::to_owned).collect();
        let matchers = params.matchers()?;
        let kind = params.of_url("type").to_lowercase();
        if !matches!(kind.as_str(), "" | "alert" | "record") {
            return Err(ApiError::parameter("type", format!("not supported value {}", quote(&kind))));
        }
        let exclude = params.of_url("exclude_alerts").to_lowercase();
        let exclude_alerts = match exclude.as_str() {
            "" | "0" | "f" | "false" => false,
            "1" | "t" | "true" => true,
            text => {
                let why = format!(
                    "error converting exclude_alerts: strconv.ParseBool: parsing {}: invalid syntax",
                    quote(text)
                );
                return Err(ApiError::parameter("exclude_alerts", why));
            }
        };
        Ok(Self {
            names: set("rule_name[]"),
            groups: set("rule_group[]"),
            files: set("file[]"),
            matchers,
            alerting: kind != "record",
            recording: kind != "alert",
            exclude_alerts,
        })
    }

    fn admits_group(&self, group: &GroupStatus) -> bool {
        (self.groups.is_empty() || self.groups.contains(&group.name))
            && (self.files.is_empty() || self.files.contains(&group.file))
    }

    fn admits_rule(&self, rule: &RuleStatus) -> bool {
        let kind = match rule.kind {
            RuleKind::Alerting { .. } => self.alerting,
            RuleKind::Recording => self.recording,
        };
        let matches = |set: &Vec<metrics_core::Matcher>| set.iter().all(|m| m.matches_labels(&rule.labels));
        kind && (self.names.is_empty() || self.names.contains(&rule.name))
            && (self.matchers.is_empty() || self.matchers.iter().any(matches))
    }
}

/// Which part of the groups is asked for.
struct Page {
    limit: Option<usize>,
    token: String,
}

impl Page {
    fn of(params: &Params) -> Result<Self, ApiError> {
        let (limit, token) = (params.of_url("group_limit"), params.of_url("group_next_token"));
        if limit.is_empty() {
            return match token {
                "" => Ok(Self { limit: None, token: String::new() }),
                _ => Err(ApiError::parameter(
                    "group_next_token",
                    "group_limit needs to be present in order to paginate over the groups",
                )),
            };
        }
        let limit: i32 = limit.parse().map_err(|_| {
            let why = format!(
                "group_limit needs to be a valid number: strconv.ParseInt: parsing {}: invalid syntax",
                quote(limit)
            );
            ApiError::parameter("group_limit", why)
        })?;
        match usize::try_from(limit) {
            Ok(limit) if limit > 0 => Ok(Self { limit: Some(limit), token: token.to_owned() }),
            _ => Err(ApiError::parameter("group_limit", "group_limit needs to be greater than 0")),
        }
    }
}

/// What names a group to whoever asks for the next page. Opaque to clients.
fn group_token(group: &GroupStatus) -> String {
    let identity = LabelSet::from_pairs([("file", &group.file), ("group", &group.name)]);
    format!("{:016x}", identity.stable_hash())
}

fn push_group(out: &mut String, group: &GroupStatus, rules: &[&RuleStatus], exclude_alerts: bool) {
    out.push_str("{\"name\":");
    push_escaped(out, &group.name);
    out.push_str(",\"file\":");
    push_escaped(out, &group.file);
    out.push_str(",\"rules\":[");
    for (i, rule) in rules.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        push_rule(out, rule, exclude_alerts);
    }
    let _ = write!(
        out,
        "],\"interval\":{},\"limit\":{},\"evaluationTime\":{},\"lastEvaluation\":\"{}\"}}",
        group.interval.as_secs_f64(),
        group.limit,
        group.evaluation_time.as_secs_f64(),
        rfc3339(group.last_evaluation)
    );
}

fn push_rule(out: &mut String, rule: &RuleStatus, exclude_alerts: bool) {
    out.push('{');
    if let RuleKind::Alerting { state, .. } = &rule.kind {
        let _ = write!(out, "\"state\":\"{}\",", state.as_str());
    }
    out.push_str("\"name\":");
    push_escaped(out, &rule.name);
    out.push_str(",\"query\":");
    push_escaped(out, &rule.query);
    if let RuleKind::Alerting { hold, keep_firing_for, .. } = &rule.kind {
        let (hold, keep) = (hold.as_secs_f64(), keep_firing_for.as_secs_f64());
        let _ = write!(out, ",\"duration\":{hold},\"keepFiringFor\":{keep}");
    }
    out.push_str(",\"labels\":");
    push_texts(out, &rule.labels);
    let mut kind = "recording";
    if let RuleKind::Alerting { annotations, alerts, .. } = &rule.kind {
        kind = "alerting";
        out.push_str(",\"annotations\":");
        push_texts(out, annotations.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        out.push_str(",\"alerts\":");
        if exclude_alerts {
            out.push_str("null");
        } else {
            out.push('[');
            for (i, alert) in alerts.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                push_alert(out, alert);
            }
            out.push(']');
        }
    }
    let _ = write!(out, ",\"health\":\"{}\"", rule.health.as_str());
    if let Some(error) = &rule.last_error {
        out.push_str(",\"lastError\":");
        push_escaped(out, error);
    }
    let _ = write!(
        out,
        ",\"evaluationTime\":{},\"lastEvaluation\":\"{}\",\"type\":\"{kind}\"}}",
        rule.evaluation_time.as_secs_f64(),
        rfc3339(rule.last_evaluation)
    );
}

fn push_alert(out: &mut String, alert: &Alert) {
    out.push_str("{\"labels\":");
    push_texts(out, &alert.labels);
    out.push_str(",\"annotations\":");
    push_texts(out, alert.annotations.iter().map(|(n, v)| (n.as_str(), v.as_str())));
    let active = rfc3339(Some(alert.active_at));
    let _ = write!(out, ",\"state\":\"{}\",\"activeAt\":\"{active}\"", alert.state.as_str());
    if let Some(since) = alert.keep_firing_since {
        let _ = write!(out, ",\"keepFiringSince\":\"{}\"", rfc3339(Some(since)));
    }
    out.push_str(",\"value\":\"");
    out.push_str(&format_scientific(alert.value));
    out.push_str("\"}");
}

/// A time as the original writes it; the beginning of its calendar for "never".
fn rfc3339(at: Option<Timestamp>) -> String {
    at.and_then(|at| jiff::Timestamp::from_millisecond(at).ok())
        .map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |t| t.to_string())
}
