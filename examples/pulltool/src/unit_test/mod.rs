//! `test rules`: runs rules over series written by hand and compares what comes of them.

mod file;
mod show;
mod store;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Write};
use std::path::Path;

use metrics_core::time::format_duration;
use metrics_core::{Append, LabelSet, SeriesRef, Timestamp, Value};
use promql::parser::{ParserOptions, SeriesValue, parse_metric, parse_series};
use promql::rules::{Manager, ManagerOptions, RuleFile, RuleFileOptions, parse_rules};
use promql::{AlertState, Engine, Options, Point, QueryValue, RuleKind, VectorSample};

use self::file::{AlertTest, ExprTest, Test, TestFile};
use self::show::{ShownAlert, ShownSample};
use self::store::TestStore;

/// What a run of tests may choose.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TestOptions {
    /// Only tests whose names match one of these expressions; all without any.
    pub run: Vec<regex::Regex>,
    /// Whether unknown fields of rule files are passed over.
    pub ignore_unknown_fields: bool,
    /// What queries may use.
    pub parser: ParserOptions,
}

/// Runs test files; tells `out` of those that succeed and `err` of those that fail. Whether all succeeded.
///
/// # Errors
/// If the outputs cannot be written.
pub fn test_rules(
    files: &[impl AsRef<Path>],
    options: &TestOptions,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<bool> {
    let mut passed = true;
    for file in files {
        let failures = test_file(file.as_ref(), options);
        if failures.is_empty() {
            writeln!(out, "  SUCCESS")?;
        } else {
            passed = false;
            writeln!(err, "  FAILED:")?;
            for failure in failures {
                writeln!(err, "{failure}")?;
                writeln!(out)?;
            }
        }
        writeln!(out)?;
    }
    Ok(passed)
}

/// The failures of a file's tests.
fn test_file(path: &Path, options: &TestOptions) -> Vec<String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return vec![format!("open {}: {error}", path.display())],
    };
    let mut file: TestFile = match serde_saphyr::from_str(&text) {
        Ok(file) => file,
        Err(error) => return vec![error.to_string()],
    };
    let mut ranks = HashMap::new();
    for (i, group) in file.group_eval_order.iter().enumerate() {
        if ranks.insert(group.clone(), i).is_some() {
            return vec![format!("group name repeated in evaluation order: {group}")];
        }
    }
    if file.evaluation_interval.0.is_zero() {
        file.evaluation_interval.0 = std::time::Duration::from_secs(60);
    }
    let rules = match load_rules(path, &file.rule_files, options) {
        Ok(rules) => rules,
        Err(failures) => return failures,
    };
    let setting =
        Setting { rules, ranks, interval: file.evaluation_interval.millis(), fuzzy: file.fuzzy_compare };
    let wanted = |test: &&Test| options.run.is_empty() || options.run.iter().any(|r| r.is_match(&test.name));
    file.tests.iter().filter(wanted).flat_map(|test| run_test(test, &setting, options)).collect()
}

/// The rules of all files that the patterns match, beside the test file.
fn load_rules(
    test_file: &Path,
    patterns: &[String],
    options: &TestOptions,
) -> Result<Vec<(String, RuleFile)>, Vec<String>> {
    let base = test_file.parent().unwrap_or(Path::new(""));
    let mut reading = RuleFileOptions::default();
    reading.parser = options.parser.clone();
    reading.ignore_unknown_fields = options.ignore_unknown_fields;
    let mut files = Vec::new();
    for pattern in patterns {
        let pattern = base.join(pattern);
        let found = glob::glob(&pattern.to_string_lossy()).map_err(|e| vec![e.to_string()])?;
        for path in found {
            let path = path.map_err(|e| vec![e.to_string()])?;
            let shown = path.display().to_string();
            let text = std::fs::read_to_string(&path).map_err(|e| vec![format!("{shown}: {e}")])?;
            let file = parse_rules(&text, &reading)
                .map_err(|errors| errors.iter().map(|e| format!("{shown}: {e}")).collect::<Vec<_>>())?;
            files.push((shown, file));
        }
    }
    Ok(files)
}

/// What the tests of a file have in common.
struct Setting {
    rules: Vec<(String, RuleFile)>,
    ranks: HashMap<String, usize>,
    /// Between evaluations.
    interval: i64,
    fuzzy: bool,
}

/// A test while it runs.
struct Running<'a> {
    test: &'a Test,
    setting: &'a Setting,
    engine: Engine,
    store: TestStore,
    manager: Manager,
}

fn run_test(test: &Test, setting: &Setting, options: &TestOptions) -> Vec<String> {
    if let Some(nameless) = test.alert_rule_test.iter().find(|t| t.alertname.is_empty()) {
        let place = match test.name.as_str() {
            "" => String::new(),
            name => format!(" (in TestGroup {name})"),
        };
        return vec![format!(
            "an item under alert_rule_test misses required attribute alertname at eval_time {}{place}",
            format_duration(nameless.eval_time.0)
        )];
    }
    let mut samples = match input(test, setting) {
        Ok(samples) => samples.into_iter().peekable(),
        Err(failure) => return vec![failure],
    };
    let mut running = match Running::new(test, setting, options) {
        Ok(running) => running,
        Err(failure) => return vec![failure],
    };
    let mut failures = Vec::new();
    let start = test.start_timestamp.0;
    let end = start + last_time(test);
    let mut alert_times: Vec<_> = test.alert_rule_test.iter().map(|t| t.eval_time.millis()).collect();
    alert_times.sort_unstable();
    alert_times.dedup();
    let mut alert_times = alert_times.into_iter().peekable();
    let mut at = start;
    while at <= end {
        while let Some((time, labels, value)) = samples.next_if(|s| s.0 <= at) {
            if let Err(error) = running.add(&labels, time, &value) {
                failures.push(error);
            }
        }
        let errors = running.evaluate(at);
        if !errors.is_empty() {
            failures.extend(errors);
            return failures;
        }
        while let Some(time) = alert_times.next_if(|t| *t < at - start + setting.interval) {
            failures.extend(running.compare_alerts(time));
        }
        at += setting.interval;
    }
    for query in &test.promql_expr_test {
        failures.extend(running.compare_samples(query));
    }
    failures
}

/// The last time that a test looks at, from its start.
fn last_time(test: &Test) -> i64 {
    let alerts = test.alert_rule_test.iter().map(|t| t.eval_time.millis());
    alerts.chain(test.promql_expr_test.iter().map(|t| t.eval_time.millis())).max().unwrap_or(0)
}

type InputSample = (Timestamp, LabelSet, Value);

/// All samples of the input series, in order of time.
fn input(test: &Test, setting: &Setting) -> Result<Vec<InputSample>, String> {
    let interval = match test.interval.millis() {
        0 => setting.interval,
        interval => interval,
    };
    let mut samples = Vec::new();
    for (i, series) in test.input_series.iter().enumerate() {
        let text = format!("{} {}", series.series, series.values);
        let (labels, values) = parse_series(text.trim_end()).map_err(|e| {
            // The original counts lines in a script that it makes of the series, whose first line is another.
            format!("{}:{}: parse error: {}", e.line() + i + 1, e.column(), e.message())
        })?;
        for (step, value) in values.into_iter().enumerate() {
            let at = test.start_timestamp.0 + step as i64 * interval;
            match value {
                SeriesValue::Omitted => {}
                SeriesValue::Float(v) => samples.push((at, labels.clone(), Value::Float(v))),
                SeriesValue::Histogram { histogram, .. } => {
                    samples.push((at, labels.clone(), Value::FloatHistogram(histogram)));
                }
            }
        }
    }
    samples.sort_by_key(|s| s.0);
    Ok(samples)
}

impl<'a> Running<'a> {
    fn new(test: &'a Test, setting: &'a Setting, options: &TestOptions) -> Result<Self, String> {
        let mut engine = Options::default();
        engine.parser = options.parser.clone();
        engine.subquery_step = std::time::Duration::from_millis(setting.interval.unsigned_abs());
        engine.threads = 1;
        let mut manager = ManagerOptions::default();
        manager.parser = options.parser.clone();
        manager.external_labels = test.external_labels.iter().collect();
        manager.external_url.clone_from(&test.external_url);
        let mut manager = Manager::new(manager);
        manager.reload(setting.rules.clone(), 0).map_err(|e| e.to_string())?;
        Ok(Self { test, setting, engine: Engine::new(engine), store: TestStore::default(), manager })
    }

    fn add(&self, labels: &LabelSet, at: Timestamp, value: &Value) -> Result<(), String> {
        let mut batch = self.store.batch();
        batch.append(SeriesRef::UNKNOWN, labels, at, value).map_err(|e| e.to_string())?;
        batch.commit().map_err(|e| e.to_string())
    }

    /// Evaluates all rules; what went wrong with any.
    fn evaluate(&mut self, at: Timestamp) -> Vec<String> {
        let query = (&self.engine, &self.store);
        let ranks = &self.setting.ranks;
        self.manager.evaluate_at(
            at,
            |group| ranks.get(group).copied().unwrap_or(0),
            &query,
            &self.store,
            &self.store,
        );
        let since = std::time::Duration::from_millis(at.max(0).unsigned_abs());
        let mut errors = Vec::new();
        for rule in self.manager.status().iter().flat_map(|g| &g.rules) {
            if let Some(error) = &rule.last_error {
                let time = show::go_duration(since);
                errors.push(format!("    rule: {}, time: {time}, err: {error}", rule.name));
            }
        }
        errors
    }

    /// Compares the alerts that fire with what the tests of a time expect.
    fn compare_alerts(&self, time: i64) -> Vec<String> {
        let tests: Vec<&AlertTest> =
            self.test.alert_rule_test.iter().filter(|t| t.eval_time.millis() == time).collect();
        let names: HashSet<&str> = tests.iter().map(|t| t.alertname.as_str()).collect();
        let mut firing: BTreeMap<String, Vec<ShownAlert>> = BTreeMap::new();
        for rule in self.manager.status().into_iter().flat_map(|g| g.rules) {
            let RuleKind::Alerting { alerts, .. } = rule.kind else { continue };
            if !names.contains(rule.name.as_str()) {
                continue;
            }
            let shown = alerts
                .into_iter()
                .filter(|a| a.state == AlertState::Firing)
                .map(|a| ShownAlert { labels: owned(&a.labels), annotations: a.annotations });
            firing.entry(rule.name).or_default().extend(shown);
        }
        tests.into_iter().filter_map(|test| self.compare_alert(test, &firing)).collect()
    }

    fn compare_alert(&self, test: &AlertTest, firing: &BTreeMap<String, Vec<ShownAlert>>) -> Option<String> {
        let mut found = firing.get(&test.alertname).cloned().unwrap_or_default();
        let mut wanted: Vec<ShownAlert> = test
            .exp_alerts
            .iter()
            .flatten()
            .map(|alert| {
                let mut labels = alert.exp_labels.clone().unwrap_or_default();
                labels.insert("alertname".to_owned(), test.alertname.clone());
                ShownAlert { labels, annotations: alert.exp_annotations.clone().unwrap_or_default() }
            })
            .collect();
        found.sort();
        wanted.sort();
        if found == wanted {
            return None;
        }
        let name = match self.test.name.as_str() {
            "" => String::new(),
            name => format!("    name: {name},\n"),
        };
        let indent = " ".repeat(12);
        Some(format!(
            "{name}    alertname: {}, time: {}, \n        exp:{}, \n        got:{}",
            test.alertname,
            format_duration(test.eval_time.0),
            show::indented(&show::alerts(&wanted), &indent),
            show::indented(&show::alerts(&found), &indent),
        ))
    }

    /// Compares what a query yields with what its test expects.
    fn compare_samples(&self, test: &ExprTest) -> Option<String> {
        let place = || {
            format!(
                "    expr: {}, time: {}",
                promql::parser::quote(&test.expr),
                format_duration(test.eval_time.0)
            )
        };
        let found = match self.query(test) {
            Ok(found) => found,
            Err(error) => return Some(format!("{}, err: {error}", place())),
        };
        let mut found: Vec<ShownSample> = found.into_iter().map(shown_sample).collect();
        let mut wanted = Vec::new();
        for sample in test.exp_samples.iter().flatten() {
            match expected_sample(sample) {
                Ok(sample) => wanted.push(sample),
                Err(error) => {
                    let labels = promql::parser::quote(&sample.labels);
                    return Some(format!("{}, err: labels {labels}: {error}", place()));
                }
            }
        }
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        wanted.sort_by(|a, b| a.labels.cmp(&b.labels));
        let same = found.len() == wanted.len()
            && found.iter().zip(&wanted).all(|(a, b)| {
                a.labels == b.labels && a.histogram == b.histogram && self.same_value(a.value, b.value)
            });
        if same {
            return None;
        }
        let (wanted, found) = (show::samples(&wanted), show::samples(&found));
        Some(format!("{},\n        exp: {wanted}\n        got: {found}", place()))
    }

    fn query(&self, test: &ExprTest) -> Result<Vec<VectorSample>, String> {
        let at = self.test.start_timestamp.0 + test.eval_time.millis();
        match self.engine.instant(&self.store, &test.expr, at).map_err(|e| e.to_string())?.value {
            QueryValue::Vector(samples) => Ok(samples),
            QueryValue::Scalar(scalar) => Ok(vec![VectorSample {
                labels: LabelSet::empty(),
                timestamp: scalar.timestamp,
                value: Point::Float(scalar.value),
            }]),
            _ => Err("rule result is not a vector or scalar".to_owned()),
        }
    }

    /// Equal, or with fuzzy comparison the nearest neighbour.
    fn same_value(&self, a: f64, b: f64) -> bool {
        a == b || self.setting.fuzzy && (a.next_down() == b || a.next_up() == b)
    }
}

fn owned(labels: &LabelSet) -> BTreeMap<String, String> {
    labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

fn shown_sample(sample: VectorSample) -> ShownSample {
    let (value, histogram) = match sample.value {
        Point::Float(v) => (v, String::new()),
        Point::Histogram(h) => (0.0, show::histogram(&h)),
    };
    ShownSample { labels: sample.labels, value, histogram }
}

fn expected_sample(sample: &file::ExpectedSample) -> Result<ShownSample, String> {
    let labels = parse_metric(&sample.labels).map_err(|e| e.to_string())?;
    if sample.histogram.is_empty() {
        return Ok(ShownSample { labels, value: sample.value, histogram: String::new() });
    }
    let (_, values) = parse_series(&format!("{{}} {}", sample.histogram)).map_err(|e| e.to_string())?;
    match values.as_slice() {
        [SeriesValue::Histogram { histogram, .. }] => {
            Ok(ShownSample { labels, value: sample.value, histogram: show::histogram(histogram) })
        }
        [_] => Err("expected histogram".to_owned()),
        values => Err(format!("expected 1 value, got {}", values.len())),
    }
}
