//! What the original's tool says of rules and their tests, compared word for word.
#![allow(clippy::print_stdout, clippy::unwrap_used)] // the counts are for people who run the tests

use std::path::{Path, PathBuf};

use pulltool::check_config::{ConfigOptions, check_config};
use pulltool::check_rules::{CheckOptions, Outcome, check_rules};
use pulltool::unit_test::{TestOptions, test_rules};

/// The folder that a variable names, or the one beside the workspace.
fn folder(variable: &str, name: &str) -> Option<PathBuf> {
    let found = match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance").join(name),
    };
    if found.exists() {
        return Some(found);
    }
    println!("{variable}: skipped, {} is not there", found.display());
    None
}

/// The text with the letters of the pair in brackets in one order.
fn sorted_pair(text: &str) -> String {
    text.replace(
        "b=\"4\"}, {__name__=\"join_2\", a=\"1\", b=\"3\"",
        "b=\"3\"}, {__name__=\"join_2\", a=\"1\", b=\"4\"",
    )
}

#[test]
fn conformance_promtool() {
    let Some(folder) = folder("CONFORMANCE_PROMTOOL", "promtool") else { return };
    let text = std::fs::read(folder.join("expected-promtool-3.5.3.json")).unwrap();
    let cases: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let (mut agree, mut all) = (0, 0);
    for case in cases.as_array().unwrap() {
        let kind = case["kind"].as_str().unwrap();
        if kind == "check metrics" {
            continue;
        }
        all += 1;
        let name = case["file"].as_str().unwrap();
        let (path, shown) = match name.strip_prefix("../") {
            Some(beside) => (folder.join("..").join(beside), beside.to_owned()),
            None => (folder.join("testdata").join(name), format!("promtool/testdata/{name}")),
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let good = match kind {
            "check rules" => {
                check_rules(&[&path], &CheckOptions::default(), &mut out, &mut err).unwrap() == Outcome::Good
            }
            "check config --syntax-only" => {
                let mut options = ConfigOptions::default();
                options.syntax_only = true;
                check_config(&[&path], &options, &mut out, &mut err).unwrap() == Outcome::Good
            }
            _ => test_rules(&[&path], &TestOptions::default(), &mut out, &mut err).unwrap(),
        };
        // The recording ran where the paths were shorter, and kept what was shown to people behind the rest.
        let found = String::from_utf8(out).unwrap() + &String::from_utf8(err).unwrap();
        let found = found.replace(&path.display().to_string(), &shown);
        let found = found.replace(&folder.join("testdata").display().to_string(), "promtool/testdata");
        let wanted = case["out"].as_str().unwrap();
        // Which of two series that clash is named first is left to chance in the original.
        let (found, wanted) = match name {
            "bad-promql.yml" => (sorted_pair(&found), sorted_pair(wanted)),
            _ => (found, wanted.to_owned()),
        };
        if found == wanted && good == (case["rc"] == 0) {
            agree += 1;
        } else {
            println!("{kind} {name}\n--- wanted\n{wanted}\n--- found\n{found}\n");
        }
    }
    println!("CONFORMANCE_PROMTOOL: {agree} of {all} cases agree");
    assert_eq!(agree, all);
}

#[test]
fn conformance_promtool_real() {
    let Some(folder) = folder("CONFORMANCE_PROMTOOL_REAL", "promtool-unit-real") else { return };
    let (mut agree, mut all) = (0, 0);
    let mut files: Vec<_> =
        std::fs::read_dir(folder.join("tests")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for file in files {
        // The largest takes minutes without optimisation.
        if cfg!(debug_assertions) && file.ends_with("tests.yaml") {
            println!("{}: left out of unoptimised builds", file.display());
            continue;
        }
        let checks = std::fs::read_to_string(&file).unwrap().matches("eval_time").count();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        all += checks;
        if test_rules(&[&file], &TestOptions::default(), &mut out, &mut err).unwrap() {
            agree += checks;
        } else {
            println!("{}\n{}", file.display(), String::from_utf8(err).unwrap());
        }
    }
    println!("CONFORMANCE_PROMTOOL_REAL: {agree} of {all} cases agree");
    assert_eq!(agree, all);
}

/// Files of configurations that are read alike but for what the recorded tool was built without, and for errors that come
/// several at once.
#[test]
fn configurations_are_judged_as_by_the_original() {
    let promtool = std::env::var_os("PROMTOOL").map_or("/opt/peers/usr/bin/promtool".into(), PathBuf::from);
    if !promtool.is_file() {
        println!("PROMTOOL: skipped, {} is not there", promtool.display());
        return;
    }
    let Some(folder) = folder("CONFORMANCE_PROMTOOL", "promtool") else { return };
    let mut agree = 0;
    for name in [
        "authorization_credentials_file.bad.yml",
        "authorization_credentials_file.good.yml",
        "bad-promql.yml",
        "bad-sd-file-format.yml",
        "config_with_rule_files.yml",
        "config_with_service_discovery_files.yml",
        "config_with_tls_files.yml",
        "prometheus-config.bad.yml",
        "prometheus-config.good.yml",
        "prometheus-config.lint.too_long_scrape_interval.yml",
        "prometheus-config.lint.yml",
        "url_in_alert_targetgroup_with_relabel_config.bad.yml",
        "url_in_scrape_targetgroup_with_relabel_config.bad.yml",
        "url_in_scrape_targetgroup_with_relabel_config.good.yml",
    ] {
        let path = folder.join("testdata").join(name);
        for (flags, longest_interval, fatal) in [
            (["--lint=duplicate-rules", "--no-lint-fatal"], None, false),
            (["--lint=all", "--lint-fatal"], Some(std::time::Duration::from_secs(300)), true),
        ] {
            let mut theirs = std::process::Command::new(&promtool);
            let theirs = theirs.args(["check", "config"]).args(flags).arg(&path).output().unwrap();
            let mut options = ConfigOptions::default();
            options.longest_interval = longest_interval;
            options.rules.fatal = fatal;
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let outcome = check_config(&[&path], &options, &mut out, &mut err).unwrap();
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            assert_eq!(text(&out), text(&theirs.stdout), "{name} {flags:?}");
            assert_eq!(text(&err), text(&theirs.stderr), "{name} {flags:?}");
            let status = match outcome {
                Outcome::Good => 0,
                Outcome::Bad => 1,
                Outcome::Lint => 3,
            };
            assert_eq!(Some(status), theirs.status.code(), "{name} {flags:?}");
            agree += 1;
        }
    }
    println!("PROMTOOL: {agree} of {agree} answers agree");
}
