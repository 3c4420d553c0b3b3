use std::collections::BTreeMap;

use metrics_core::{Append, LabelSet, MemStore, SeriesRef, Value, is_stale};

use super::*;
use crate::parser::{SeriesValue, parse_series};
use crate::{AlertState, Options, RuleKind};

const MINUTE: i64 = 60_000;

/// A store with series of one sample a minute.
fn store(series: &[&str]) -> MemStore {
    let store = MemStore::default();
    let mut batch = store.batch();
    for text in series {
        let (labels, values) = parse_series(text).unwrap();
        for (i, value) in values.into_iter().enumerate() {
            if let SeriesValue::Float(v) = value {
                batch.append_float(SeriesRef::UNKNOWN, &labels, i as i64 * MINUTE, v).unwrap();
            }
        }
    }
    batch.commit().unwrap();
    store
}

fn file(text: &str) -> Vec<(String, RuleFile)> {
    vec![("r.yml".to_owned(), parse_rules(text, &RuleFileOptions::default()).unwrap())]
}

/// A manager whose groups have been told to load at a time just before their first evaluation at `start`.
struct Run {
    manager: Manager,
    store: MemStore,
    engine: Engine,
    now: i64,
}

impl Run {
    fn new(store: MemStore, rules: &str, options: ManagerOptions) -> Self {
        let mut manager = Manager::new(options);
        manager.reload(file(rules), 0).unwrap();
        Self { manager, store, engine: Engine::new(Options::default()), now: 0 }
    }

    /// Runs until a time; yields what was to be sent.
    fn until(&mut self, end: i64) -> Vec<OutgoingAlert> {
        let mut sent = Vec::new();
        loop {
            let query = (&self.engine, &self.store);
            let tick = self.manager.tick(self.now, &query, &self.store, &self.store);
            sent.extend(tick.alerts);
            match tick.next_due {
                Some(due) if due <= end => self.now = due.max(self.now),
                _ => return sent,
            }
        }
    }

    fn samples(&self, name: &str) -> BTreeMap<String, Vec<f64>> {
        let dump = self.store.dump().into_iter().filter(|(l, _)| l.metric_name() == Some(name));
        dump.map(|(labels, samples)| {
            let values = samples.iter().map(|s| match s.value {
                Value::Float(v) => v,
                _ => panic!("no histograms here"),
            });
            (labels.without_metric_name().to_string(), values.collect())
        })
        .collect()
    }

    fn alerts(&self) -> Vec<(AlertState, String)> {
        let groups = self.manager.status();
        let alerts = groups.iter().flat_map(|g| &g.rules).flat_map(|r| match &r.kind {
            RuleKind::Alerting { alerts, .. } => alerts.clone(),
            RuleKind::Recording => Vec::new(),
        });
        alerts.map(|a| (a.state, a.labels.to_string())).collect()
    }
}

/// Alerts of new rules are shown at once: nothing is looked up for them.
fn no_restoring() -> ManagerOptions {
    ManagerOptions { for_grace_period: Duration::ZERO, ..ManagerOptions::default() }
}

#[test]
fn recorded_series_are_renamed_and_marked_stale_when_they_vanish() {
    let rules = "groups:\n- name: g\n  rules:\n  - record: job:up:sum\n    expr: sum by(job)(up)\n    labels: {team: x}\n";
    let store = store(&[r#"up{job="a"} 1+0x20"#, r#"up{job="b"} 1+0x5 stale"#]);
    let mut run = Run::new(store, rules, no_restoring());
    run.until(12 * MINUTE);
    let recorded = run.samples("job:up:sum");
    let gone = &recorded[r#"{job="b", team="x"}"#];
    assert!(is_stale(*gone.last().unwrap()), "{gone:?}");
    assert_eq!(gone.iter().filter(|v| is_stale(**v)).count(), 1);
    assert!(recorded[r#"{job="a", team="x"}"#].iter().all(|v| *v == 1.0));
}

#[test]
fn alerts_are_pending_then_fire_then_end() {
    let rules = concat!(
        "groups:\n- name: g\n  rules:\n  - alert: Down\n    expr: up == 0\n    for: 2m\n",
        "    labels: {severity: page}\n    annotations: {text: '{{ $labels.job }} at {{ $value }}'}\n"
    );
    // Down from minute 3 to minute 9.
    let store = store(&[r#"up{job="a"} 1 1 1 0 0 0 0 0 0 0 1+0x20"#]);
    let mut run = Run::new(store, rules, no_restoring());
    let labels = r#"{alertname="Down", job="a", severity="page"}"#.to_owned();
    assert!(run.until(3 * MINUTE).is_empty());
    assert_eq!(run.alerts(), []);
    assert!(run.until(5 * MINUTE).is_empty());
    assert_eq!(run.alerts(), [(AlertState::Pending, labels.clone())]);
    let sent = run.until(7 * MINUTE);
    assert_eq!(run.alerts(), [(AlertState::Firing, labels)]);
    assert_eq!(sent[0].annotations["text"], "a at 0");
    assert_eq!(sent[0].generator_url, "/graph?g0.expr=up+%3D%3D+0&g0.tab=1");
    assert_eq!(sent[0].ends_at - sent[0].starts_at, 4 * MINUTE);
    let sent = run.until(12 * MINUTE);
    assert_eq!(run.alerts(), []);
    let resolved = sent.last().unwrap();
    assert!(resolved.ends_at <= 11 * MINUTE + MINUTE && resolved.ends_at > resolved.starts_at);
    // Pending and firing are series of their own, and both end with a marker.
    let shown = run.samples("ALERTS");
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(shown.values().all(|v| is_stale(*v.last().unwrap())));
    assert_eq!(run.samples("ALERTS_FOR_STATE").len(), 1);
}

#[test]
fn alerts_keep_firing_for_a_while() {
    let rules = "groups:\n- name: g\n  rules:\n  - {alert: Down, expr: up == 0, keep_firing_for: 3m}\n";
    let store = store(&["up 1 0 0 1+0x20"]);
    let mut run = Run::new(store, rules, no_restoring());
    run.until(5 * MINUTE);
    assert_eq!(run.alerts().len(), 1);
    run.until(8 * MINUTE);
    assert_eq!(run.alerts(), []);
}

#[test]
fn alerts_are_restored_from_the_store() {
    let rules = "groups:\n- name: g\n  rules:\n  - {alert: Down, expr: up == 0, for: 30m}\n";
    // Before the outage the alert had been active since minute 10, and was seen last in minute 20.
    let store = store(&["up 0+0x100"]);
    let labels = LabelSet::from_pairs([("__name__", "ALERTS_FOR_STATE"), ("alertname", "Down")]);
    let mut batch = store.batch();
    batch.append_float(SeriesRef::UNKNOWN, &labels, 20 * MINUTE, 600.0).unwrap();
    batch.commit().unwrap();
    let mut manager = Manager::new(ManagerOptions::default());
    manager.reload(file(rules), 25 * MINUTE).unwrap();
    let mut run = Run { manager, store, engine: Engine::new(Options::default()), now: 25 * MINUTE };
    run.until(28 * MINUTE);
    let groups = run.manager.status();
    let RuleKind::Alerting { alerts, .. } = &groups[0].rules[0].kind else { panic!("an alerting rule") };
    // The outage does not count: 20 of 30 minutes remain, from when it was restored.
    let remaining = alerts[0].active_at + 30 * MINUTE - run.now;
    assert!((19 * MINUTE..=21 * MINUTE).contains(&remaining), "{remaining}");
}

#[test]
fn limits_are_kept() {
    let rules = concat!(
        "groups:\n- name: g\n  limit: 1\n  rules:\n  - {alert: Down, expr: up == 0}\n",
        "  - {record: r, expr: up}\n"
    );
    let store = store(&[r#"up{job="a"} 0+0x9"#, r#"up{job="b"} 0+0x9"#]);
    let mut run = Run::new(store, rules, no_restoring());
    run.until(2 * MINUTE);
    let errors: Vec<_> = run.manager.status()[0].rules.iter().map(|r| r.last_error.clone()).collect();
    assert_eq!(
        errors,
        [
            Some("exceeded limit of 1 with 2 alerts".to_owned()),
            Some("exceeded limit of 1 with 2 series".to_owned())
        ]
    );
    assert_eq!(run.alerts(), []);
    let counts = &run.manager.counts()[0];
    assert!(counts.failures > 0 && counts.failures == counts.evaluations);
}

#[test]
fn a_reload_keeps_alerts_and_marks_what_went() {
    let rules = |second: &str| {
        format!("groups:\n- name: g\n  rules:\n  - {{alert: Down, expr: up == 0, for: 5m}}\n{second}")
    };
    let store = store(&["up 0+0x60"]);
    let mut run = Run::new(store, &rules("  - {record: r, expr: up}\n"), no_restoring());
    run.until(4 * MINUTE);
    assert_eq!(run.alerts().len(), 1);
    run.manager.reload(file(&rules("")), run.now).unwrap();
    assert_eq!(run.alerts().len(), 1, "the alert lives on");
    run.until(7 * MINUTE);
    assert!(is_stale(*run.samples("r")["{}"].last().unwrap()));
    // A group that goes whole has its series marked two intervals later.
    run.manager.reload(Vec::new(), run.now).unwrap();
    let due = run.manager.tick(run.now, &(&run.engine, &run.store), &run.store, &run.store).next_due;
    assert_eq!(due, Some(run.now + 2 * MINUTE));
}
