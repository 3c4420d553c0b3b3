//! `check config`: reads prometheus.yml and tells what is wrong with it and the files that it names.

use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use metrics_core::relabel::relabel_builder;
use metrics_core::time::format_duration;
use scrape_client::config::{
    AlertmanagerConfig, Config, ConfigError, DiscoveryConfig, HttpClientConfig, ScrapeConfig, Secret,
    TargetGroupConfig, expand, groups_of_file,
};
use scrape_client::discovery::TargetGroup;
use scrape_client::target::{ADDRESS, Outcome as TargetOutcome, targets};

use crate::check_rules::{CheckOptions, Outcome, check_rules};

/// What a check may choose.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ConfigOptions {
    /// Whether the files are those of agents.
    pub agent: bool,
    /// Whether files that they name are left alone.
    pub syntax_only: bool,
    /// Complain about jobs that scrape so rarely that their series are stale between.
    pub longest_interval: Option<Duration>,
    /// How rule files are checked.
    pub rules: CheckOptions,
}

/// Why a file is not good.
type Failure = Box<dyn Error>;

/// Checks files.
///
/// # Errors
/// If the outputs cannot be written.
pub fn check_config(
    files: &[impl AsRef<Path>],
    options: &ConfigOptions,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<Outcome> {
    let mut outcomes = Vec::new();
    for file in files.iter().map(AsRef::as_ref) {
        writeln!(out, "Checking {}", file.display())?;
        let mut check = Check { options, warnings: Vec::new() };
        let checked = check.file(file);
        for warning in &check.warnings {
            writeln!(out, "  WARNING: {warning}")?;
        }
        let (rules, jobs) = match checked {
            Ok(found) => {
                if !found.0.is_empty() {
                    writeln!(out, "  SUCCESS: {} rule files found", found.0.len())?;
                }
                writeln!(out, " SUCCESS: {} is valid prometheus config file syntax", file.display())?;
                found
            }
            Err(failure) => {
                writeln!(err, "  FAILED: {}", shown(&*failure))?;
                outcomes.push(Outcome::Bad);
                Default::default()
            }
        };
        writeln!(out)?;
        if !options.syntax_only {
            outcomes.push(check_intervals(&jobs, options, err)?);
            if !rules.is_empty() {
                outcomes.push(check_rules(&rules, &options.rules, out, err)?);
            }
        }
    }
    let worst = [Outcome::Bad, Outcome::Lint].into_iter().find(|o| outcomes.contains(o));
    Ok(worst.unwrap_or(Outcome::Good))
}

type Jobs = Vec<std::sync::Arc<ScrapeConfig>>;

fn check_intervals(jobs: &Jobs, options: &ConfigOptions, err: &mut impl Write) -> io::Result<Outcome> {
    let Some(longest) = options.longest_interval else { return Ok(Outcome::Good) };
    let Some(job) = jobs.iter().find(|job| job.scrape_interval >= longest) else { return Ok(Outcome::Good) };
    let (name, interval) = (&job.job_name, format_duration(job.scrape_interval));
    writeln!(
        err,
        "  FAILED: too long scrape interval found, data point will be marked as stale - job: {name}, interval: {interval}"
    )?;
    Ok(if options.rules.fatal { Outcome::Lint } else { Outcome::Good })
}

/// The check of one file.
struct Check<'a> {
    options: &'a ConfigOptions,
    warnings: Vec<String>,
}

impl Check<'_> {
    fn file(&mut self, file: &Path) -> Result<(Vec<PathBuf>, Jobs), Failure> {
        let config = Config::load(file, &|name| std::env::var(name).ok())?;
        if self.options.agent {
            config.check_agent_mode()?;
        }
        let (rules, jobs) = if self.options.syntax_only {
            (Vec::new(), config.scrape_configs.clone())
        } else {
            let jobs = config.scrape_jobs();
            (rule_files(&config)?, jobs.map_err(|e| format!("error loading scrape configs: {}", shown(&e)))?)
        };
        for job in &jobs {
            self.job(job)?;
        }
        for alertmanager in &config.alerting.alertmanagers {
            self.discoveries(&alertmanager.discoveries, "alertmanager config", |_, group| {
                check_alertmanagers(alertmanager, group)
            })?;
        }
        Ok((rules, jobs))
    }

    fn job(&mut self, job: &ScrapeConfig) -> Result<(), Failure> {
        self.client(&job.http)?;
        let name = format!("scrape job {:?}", job.job_name);
        self.discoveries(&job.discoveries, &name, |number, group| check_targets(job, number, group))
    }

    /// Whether the files with credentials and certificates are there.
    fn client(&self, http: &HttpClientConfig) -> Result<(), Failure> {
        let tls = &http.tls;
        let file = |secret: &Option<Secret>| match secret {
            Some(Secret::File(path)) => Some(path.clone()),
            _ => None,
        };
        let (cert, key) = (file(&tls.cert), file(&tls.key));
        match (&cert, &key) {
            (Some(cert), None) => {
                return Err(format!("client cert file {cert:?} specified without client key file").into());
            }
            (None, Some(key)) => {
                return Err(format!("client key file {key:?} specified without client cert file").into());
            }
            _ => {}
        }
        if self.options.syntax_only {
            return Ok(());
        }
        let credentials = http.authorization.as_ref().and_then(|a| file(&Some(a.credentials.clone())));
        let files = [
            ("authorization credentials or bearer token file", credentials),
            ("client cert file", cert),
            ("client key file", key),
        ];
        for (what, path) in files {
            if let Some(path) = path {
                exists(&path).map_err(|reason| format!("error checking {what} {path:?}: {reason}"))?;
            }
        }
        Ok(())
    }

    /// Looks at targets that are in this file, or in files that it names.
    fn discoveries(
        &mut self,
        discoveries: &[DiscoveryConfig],
        owner: &str,
        check: impl Fn(String, &TargetGroupConfig) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for discovery in discoveries {
            match discovery {
                DiscoveryConfig::Static(groups) => {
                    groups.iter().enumerate().try_for_each(|(i, group)| check(i.to_string(), group))?;
                }
                DiscoveryConfig::File(files) if !self.options.syntax_only => {
                    for pattern in &files.files {
                        self.targets_of(pattern, owner, &check)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn targets_of(
        &mut self,
        pattern: &str,
        owner: &str,
        check: impl Fn(String, &TargetGroupConfig) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let paths = expand(pattern);
        if paths.is_empty() {
            self.warnings.push(format!("file {pattern:?} for file_sd in {owner} does not exist"));
        }
        for path in paths {
            let groups =
                groups_of_file(&path).map_err(|e| format!("checking SD file {pattern:?}: {}", shown(&e)))?;
            groups.iter().try_for_each(|group| check(String::new(), group))?;
        }
        Ok(())
    }
}

/// The rule files that a configuration names; files named without wildcards must be there.
fn rule_files(config: &Config) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for pattern in &config.rule_files {
        let found = expand(pattern);
        if !pattern.contains('*') && found.is_empty() {
            return Err(format!("{pattern:?} does not point to an existing file").into());
        }
        files.extend(found);
    }
    Ok(files)
}

fn check_targets(job: &ScrapeConfig, source: String, group: &TargetGroupConfig) -> Result<(), Failure> {
    let outcomes = targets(job, &TargetGroup::new(source.clone(), group));
    for (i, outcome) in outcomes.into_iter().enumerate() {
        if let TargetOutcome::Invalid(error) = outcome {
            return Err(format!("instance {i} in group {source}: {error}").into());
        }
    }
    Ok(())
}

fn check_alertmanagers(config: &AlertmanagerConfig, group: &TargetGroupConfig) -> Result<(), Failure> {
    for target in &TargetGroup::new("", group).targets {
        let mut labels = target.to_builder();
        for (name, value) in &group.labels {
            if labels.get(name).is_none() {
                labels.set(name, value);
            }
        }
        labels.set("__scheme__", config.scheme.as_str());
        if !relabel_builder(&mut labels, &config.relabel_rules) {
            continue;
        }
        let address = labels.get(ADDRESS).unwrap_or_default();
        if address.contains('/') {
            return Err(format!("{address:?} is not a valid hostname").into());
        }
    }
    Ok(())
}

/// Whether a file is there; the reason in the words of Go's library if not.
fn exists(path: &Path) -> Result<(), String> {
    std::fs::metadata(path).map(drop).map_err(|e| format!("stat {}: {}", path.display(), reason(&e)))
}

/// An error without the place that the original does not tell, and with its causes.
fn shown(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<ConfigError>() {
        Some(ConfigError::Invalid { path, at, message }) => {
            let file = path.display();
            if is_of_types(message) {
                return format!(
                    "parsing YAML file {file}: yaml: unmarshal errors:\n  line {}: {message}",
                    at.line
                );
            }
            format!("parsing YAML file {file}: {message}")
        }
        Some(ConfigError::Read { path, source }) => format!("open {}: {}", path.display(), reason(source)),
        _ => {
            let mut text = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                text.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            text
        }
    }
}

/// Whether the original leaves a message to its YAML library, which says where.
fn is_of_types(message: &str) -> bool {
    message.starts_with("cannot unmarshal ")
        || message.starts_with("field ")
            && (message.contains(" not found in type ") || message.contains(" already set in type "))
}

/// The system's reason, without the number that Rust adds, in lower case.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
