use std::path::Path;

use super::*;

const CONFIG: &str = "
route: {receiver: hook, group_by: [alertname], group_wait: 10s, group_interval: 60s, repeat_interval: 1h}
receivers: [{name: hook, webhook_configs: [{url: 'http://h/'}]}]
inhibit_rules:
- {source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [alertname]}
";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn alert(labels: &[(&str, &str)], starts: i64, ends: i64) -> Alert {
    Alert {
        labels: LabelSet::from_pairs(labels.iter().copied()),
        annotations: LabelSet::empty(),
        starts_at: at(starts),
        ends_at: at(ends),
        generator_url: String::new(),
        updated_at: at(starts),
        timeout: false,
    }
}

fn dispatcher() -> Dispatcher {
    let config = Config::parse(CONFIG, Path::new("test.yml")).unwrap();
    Dispatcher::new(
        Arc::new(config),
        Silences::default(),
        NotifyLog::default(),
        Duration::from_secs(86_400),
        at(0),
    )
}

/// Ticks at `now`, takes everything as sent, and returns how many alerts each notification told of.
fn sent(dispatcher: &mut Dispatcher, now: i64) -> Vec<usize> {
    let (notifications, _) = dispatcher.tick(at(now));
    for n in &notifications {
        dispatcher.done(n, true);
    }
    notifications.iter().map(|n| n.alerts.len()).collect()
}

#[test]
fn a_group_waits_collects_and_repeats() {
    let mut d = dispatcher();
    d.put(alert(&[("alertname", "A"), ("i", "1")], 0, 99_999), at(0));
    let (early, due) = d.tick(at(5));
    assert!(early.is_empty());
    assert_eq!(due, at(10));
    d.put(alert(&[("alertname", "A"), ("i", "2")], 5, 99_999), at(5));
    assert_eq!(sent(&mut d, 10), [2]);
    assert_eq!(sent(&mut d, 70), [0usize; 0]);
    assert_eq!(sent(&mut d, 3700), [2], "repeated after an hour");
}

#[test]
fn an_end_is_told_once_and_then_forgotten() {
    let mut d = dispatcher();
    d.put(alert(&[("alertname", "A")], 0, 99_999), at(0));
    assert_eq!(sent(&mut d, 10), [1]);
    d.put(alert(&[("alertname", "A")], 0, 20), at(20));
    let (notifications, _) = d.tick(at(70));
    assert_eq!(notifications[0].reason, Reason::AllAlertsResolved);
    assert!(notifications[0].alerts[0].is_resolved(at(70)));
    d.done(&notifications[0], true);
    assert_eq!(sent(&mut d, 130), [0usize; 0]);
    assert!(d.groups().is_empty());
}

#[test]
fn a_failed_notification_is_tried_again() {
    let mut d = dispatcher();
    d.put(alert(&[("alertname", "A")], 0, 99_999), at(0));
    let (notifications, _) = d.tick(at(10));
    d.done(&notifications[0], false);
    assert_eq!(sent(&mut d, 70), [1]);
}

#[test]
fn nothing_is_sent_twice_while_on_its_way() {
    let mut d = dispatcher();
    d.put(alert(&[("alertname", "A")], 0, 99_999), at(0));
    let (first, _) = d.tick(at(10));
    assert_eq!(first.len(), 1);
    assert!(d.tick(at(500)).0.is_empty());
}

#[test]
fn critical_silences_warning_of_the_same_name() {
    let mut d = dispatcher();
    let warning = alert(&[("alertname", "A"), ("severity", "warning")], 0, 99_999);
    d.put(warning.clone(), at(0));
    d.put(alert(&[("alertname", "A"), ("severity", "critical")], 0, 99_999), at(0));
    d.put(alert(&[("alertname", "B"), ("severity", "warning")], 0, 99_999), at(0));
    assert_eq!(d.quiet(&warning, at(1)).inhibited_by.len(), 1);
    assert_eq!(sent(&mut d, 10), [1, 1]);
}

#[test]
fn an_old_alert_does_not_wait_again() {
    let mut d = dispatcher();
    d.put(alert(&[("alertname", "A")], 0, 99_999), at(100));
    assert_eq!(sent(&mut d, 100), [1]);
}

#[test]
fn a_silenced_alert_is_kept_but_not_told_of() {
    let mut d = dispatcher();
    let silence = serde_json::json!({
        "matchers": [{"name": "i", "value": "1", "isRegex": false}],
        "startsAt": at(0), "endsAt": at(100), "createdBy": "me", "comment": "c",
    });
    d.silences_mut().set(serde_json::from_value(silence).unwrap(), at(0)).unwrap();
    d.put(alert(&[("alertname", "A"), ("i", "1")], 0, 99_999), at(0));
    d.put(alert(&[("alertname", "A"), ("i", "2")], 0, 99_999), at(0));
    assert_eq!(sent(&mut d, 10), [1]);
    assert_eq!(d.alerts(at(10)).count(), 2);
    assert_eq!(sent(&mut d, 130), [2], "told of when the silence is over");
}
