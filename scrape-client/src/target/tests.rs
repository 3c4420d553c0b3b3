use super::*;
use crate::config::Config;

fn job(yaml: &str) -> Arc<ScrapeConfig> {
    let text = format!("scrape_configs:\n- job_name: j\n{yaml}");
    Config::parse(&text, "test.yml", &|_| None).unwrap().scrape_configs[0].clone()
}

fn make(yaml: &str, labels: &[(&str, &str)]) -> Result<Option<Target>, TargetError> {
    let job = job(yaml);
    let labels = LabelSet::from_pairs(labels.iter().copied());
    Target::new(&job, discovered_labels(&job, &labels, &LabelSet::empty()))
}

#[test]
fn defaults_of_the_job_are_filled_in() {
    let target = make("  params: {module: [a, b], x: ['1 2']}\n", &[(ADDRESS, "h:1"), ("__meta_dc", "eu")]);
    let target = target.unwrap().unwrap();
    assert_eq!(target.url, "http://h:1/metrics?module=a&module=b&x=1+2");
    assert_eq!(target.labels.to_string(), r#"{instance="h:1", job="j"}"#);
    assert_eq!(target.discovered.get("__meta_dc"), Some("eu"));
    assert_eq!(target.discovered.get("__scrape_interval__"), Some("1m"));
    assert_eq!((target.interval.as_secs(), target.timeout.as_secs()), (60, 10));
}

#[test]
fn relabeling_decides_url_interval_and_instance() {
    let rules = "  relabel_configs:
  - {source_labels: [__address__], target_label: __param_target}
  - {replacement: 'probe:9115', target_label: __address__}
  - {source_labels: [__param_target], target_label: instance}
  - {replacement: 5s, target_label: __scrape_interval__}
  - {replacement: 2s, target_label: __scrape_timeout__}
  - {replacement: https, target_label: __scheme__}
  - {replacement: probe, target_label: __metrics_path__}
";
    let target = make(rules, &[(ADDRESS, "x.org")]).unwrap().unwrap();
    assert_eq!(target.url, "https://probe:9115/probe?target=x.org");
    assert_eq!(target.labels.get("instance"), Some("x.org"));
    assert_eq!((target.interval.as_secs(), target.timeout.as_secs()), (5, 2));
}

#[test]
fn what_makes_no_target_says_why() {
    let replace = |label: &str, value: &str| {
        let rules = format!("  relabel_configs:\n  - {{replacement: '{value}', target_label: {label}}}\n");
        make(&rules, &[(ADDRESS, "h:1")]).unwrap_err().to_string()
    };
    assert_eq!(make("", &[]).unwrap_err(), TargetError::NoAddress);
    assert_eq!(replace("__address__", "http://h"), "\"http://h\" is not a valid hostname");
    assert_eq!(
        replace(INTERVAL, "abc"),
        "error parsing scrape interval: not a valid duration string: \"abc\""
    );
    assert_eq!(replace(TIMEOUT, "0s"), "scrape timeout cannot be 0");
    assert_eq!(
        replace(TIMEOUT, "2m"),
        "scrape timeout cannot be greater than scrape interval (\"2m\" > \"1m\")"
    );
    assert!(replace(NATIVE, "maybe").starts_with("error parsing scrape native histograms"));
    let dropped =
        make("  relabel_configs:\n  - {action: drop, regex: j, source_labels: [job]}\n", &[(ADDRESS, "h")]);
    assert_eq!(dropped, Ok(None));
}

#[test]
fn offsets_lie_inside_the_interval_and_keep_their_place() {
    let target = make("", &[(ADDRESS, "h:1")]).unwrap().unwrap();
    let at = |now: u64, seed| {
        let now = Duration::from_nanos(now);
        let next = now + target.offset(now, seed);
        assert!(target.offset(now, seed) <= target.interval);
        next.as_nanos() % target.interval.as_nanos()
    };
    assert_eq!(at(1_000_000_007, 0), at(77_777_777_777, 0));
    assert_ne!(at(1, 0), at(1, 0xdead_beef));
}

#[test]
fn targets_are_spread_over_the_interval() {
    let mut buckets = [0; 10];
    for i in 0..1000 {
        let target = make("", &[(ADDRESS, &format!("h{i}:9100"))]).unwrap().unwrap();
        let offset = target.offset(Duration::ZERO, 0).as_millis() as usize;
        buckets[(offset * 10 / 60_000).min(9)] += 1;
    }
    assert!(buckets.iter().all(|n| (50..200).contains(n)), "{buckets:?}");
}
