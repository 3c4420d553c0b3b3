//! prometheus.yml against the files that the field itself wrote.
#![cfg(feature = "config")]
#![allow(clippy::unwrap_used, clippy::print_stdout)] // a test target; the lints see only #[test] functions as tests

use std::path::PathBuf;

use scrape_client::config::Config;

/// Cases that do not agree, with the reason.
const SHORTFALL: [(&str, &str); 1] = [(
    "scrape_config_files_combined.good.yml",
    "names scrape_config_files2.good.yml, which the corpus leaves out",
)];

fn corpus() -> Option<(PathBuf, Vec<serde_json::Value>)> {
    let dir = std::env::var_os("CONFORMANCE_CONFIG").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/config"),
        PathBuf::from,
    );
    match std::fs::read(dir.join("expected.json")) {
        Ok(bytes) => Some((dir, serde_json::from_slice(&bytes).unwrap())),
        Err(error) => {
            println!("skipped: {}: {error}", dir.display());
            None
        }
    }
}

/// Loads a file and the scrape files that it names.
fn load(path: &PathBuf) -> Result<(Config, usize), String> {
    let config = Config::load(path, &|_| None).map_err(|e| e.to_string())?;
    let jobs = config.scrape_jobs().map_err(|e| e.to_string())?.len();
    Ok((config, jobs))
}

/// Lines of a canonical document that differ between the oracle's release (3.5.3) and 3.14.
fn is_newer(line: &str) -> bool {
    let key = line.trim().split(':').next().unwrap_or("");
    matches!(
        key,
        "scrape_native_histograms"
            | "extra_scrape_metrics"
            | "label_name_underscore_sanitization"
            | "label_name_preserve_multiple_underscores"
            | "metric_name_validation_scheme"
            | "metric_name_escaping_scheme"
            | "always_scrape_classic_histograms"
            | "convert_classic_histograms_to_nhcb"
    )
}

/// A path inside the corpus without the corpus' own place.
fn below_testdata(line: &str) -> String {
    match (line.find("- /"), line.find("/testdata/")) {
        (Some(item), Some(at)) => format!("{}- {}", &line[..item], &line[at + 1..]),
        _ => line.to_owned(),
    }
}

const FILLED_IN: &str = "\x20 scrape_protocols:
  - OpenMetricsText1.0.0
  - OpenMetricsText0.0.1
  - PrometheusText1.0.0
  - PrometheusText0.0.4
";

#[test]
fn conformance_config() {
    let Some((dir, cases)) = corpus() else { return };
    let (mut agree, mut short) = (0, 0);
    for case in &cases {
        let file = case["file"].as_str().unwrap();
        let got = load(&dir.join("testdata").join(file));
        let difference = match (case["expect"].as_str().unwrap(), &got) {
            ("ok", Err(error)) => Some(format!("refused: {error}")),
            ("ok", Ok((config, jobs))) => {
                let canonical = case["canonical_yaml"].as_str().map(|expected| {
                    // 3.14 leaves the formats of `global` open; 3.5.3 fills them in.
                    let expected = expected.replacen(FILLED_IN, "", 1);
                    let ours = config.to_yaml();
                    let keep = |text: &str| -> Vec<String> {
                        text.lines().filter(|l| !is_newer(l)).map(below_testdata).collect()
                    };
                    (keep(&expected), keep(&ours))
                });
                match canonical {
                    Some((expected, ours)) if expected != ours => {
                        let at = expected
                            .iter()
                            .zip(&ours)
                            .position(|(a, b)| a != b)
                            .unwrap_or(expected.len().min(ours.len()));
                        Some(format!("prints {:?} for {:?}", ours.get(at), expected.get(at)))
                    }
                    _ => match case["n_scrape_configs"].as_u64() {
                        Some(n) if n != *jobs as u64 => Some(format!("{jobs} jobs, expected {n}")),
                        _ => None,
                    },
                }
            }
            (_, Ok(_)) => Some(format!("accepted, expected {}", case["error_substring_upstream_test"])),
            (_, Err(error)) => {
                let error = error.replace(&format!("{}/", dir.display()), "");
                let expected = case["error_substring_upstream_test"].as_str();
                let oracle = case["oracle_error"].as_str().unwrap_or("");
                let wanted = expected.unwrap_or_else(|| oracle.rsplit(".yml: ").next().unwrap_or(oracle));
                (!error.contains(wanted)
                    && !error.contains(wanted.rsplit('"').next().unwrap_or(wanted).trim_start_matches(": ")))
                .then(|| format!("{error}\n    expected {wanted}"))
            }
        };
        match difference {
            None => agree += 1,
            Some(_) if SHORTFALL.iter().any(|(name, _)| *name == file) => short += 1,
            Some(difference) => println!("{file}: {difference}"),
        }
    }
    println!("CONFORMANCE_CONFIG: {agree} of {} cases agree", cases.len());
    SHORTFALL.iter().for_each(|(name, why)| println!("shortfall: {name}: {why}"));
    assert_eq!(agree + short, cases.len());
}

#[test]
fn unknown_keys_are_refused_with_their_place() {
    let error = Config::parse("global:\n  scrape_intervall: 5s\n", "p.yml", &|_| None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "parsing YAML file p.yml: field scrape_intervall not found in type config.plain (p.yml:2:3)"
    );
    let error = Config::parse("scrape_configs:\n- job_name: a\n  sample_limit: many\n", "p.yml", &|_| None);
    assert_eq!(
        error.unwrap_err().to_string(),
        "parsing YAML file p.yml: cannot unmarshal !!str `many` into uint (p.yml:3:17)"
    );
}

#[test]
fn what_nothing_acts_on_is_listed() {
    let text = "scrape_configs:\n- job_name: a\n  consul_sd_configs:\n  - services: [x]\n";
    let config = Config::parse(text, "p.yml", &|_| None).unwrap();
    let [unsupported] = config.unsupported() else { panic!("{:?}", config.unsupported()) };
    assert_eq!((unsupported.key.as_str(), unsupported.at.line), ("consul_sd_configs", 3));
}

#[test]
fn zeros_of_creation_ask_for_protocol_buffers_where_nothing_else_is_asked_for() {
    let text = "scrape_configs:\n- job_name: a\n- job_name: b\n  scrape_protocols: [PrometheusText0.0.4]\n";
    let mut config = Config::parse(text, "t.yml", &|_| None).unwrap();
    let first = |config: &Config| -> Vec<&'static str> {
        config.scrape_jobs().unwrap().iter().map(|job| job.scrape_protocols[0].as_str()).collect()
    };
    assert_eq!(first(&config), ["OpenMetricsText1.0.0", "PrometheusText0.0.4"]);
    config.created_zeros = true;
    assert_eq!(first(&config), ["PrometheusProto", "PrometheusText0.0.4"]);
    assert!(config.scrape_jobs().unwrap().iter().all(|job| job.created_zeros));
}
