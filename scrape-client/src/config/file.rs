//! The document as a whole: reading it, and the scrape jobs of the files that it names.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::alerting::Alerting;
use super::global::Global;
use super::remote::RemoteWriteConfig;
use super::scrape::{self, ScrapeConfig, ScrapeProtocol};
use super::sections::document::{DOCUMENT, SCRAPE_FILE};
use super::table::Table;
use super::value::Val;
use super::yaml::{self, YamlError};
use super::{ConfigError, Unsupported, dump};

/// A whole prometheus.yml.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// `global`.
    pub global: Global,
    /// `alerting`.
    pub alerting: Alerting,
    /// `rule_files`: paths with wildcards in their last part.
    pub rule_files: Vec<String>,
    /// `scrape_config_files`: paths with wildcards; see [`Config::scrape_jobs`].
    pub scrape_config_files: Vec<String>,
    /// `scrape_configs` of this file.
    pub scrape_configs: Vec<Arc<ScrapeConfig>>,
    /// `remote_write`.
    pub remote_write: Vec<RemoteWriteConfig>,
    /// `storage.tsdb.out_of_order_time_window`: how far behind the newest sample of the store samples may come that are not
    /// in the order of their series; 0 refuses them.
    pub out_of_order_window: Duration,
    /// `storage.tsdb.retention.time`, if given.
    pub retention_time: Option<Duration>,
    /// `storage.tsdb.retention.size` in bytes, if given.
    pub retention_size: Option<u64>,
    /// `storage.exemplars.max_exemplars`, if given.
    pub max_exemplars: Option<i64>,
    /// Whether samples get their metric's type and unit as labels: no key of the file, but a feature that programs
    /// switch on before they ask for [`Config::scrape_jobs`].
    pub type_and_unit_labels: bool,
    /// Whether a series gets a sample of zero at the time when its counting began, where the page tells it, so that the
    /// first increase is seen. A feature like [`Config::type_and_unit_labels`]; jobs that name no formats then ask for
    /// protocol buffers first, which tell that time of everything.
    pub created_zeros: bool,
    unsupported: Vec<Unsupported>,
    document: Table,
}

/// Looks up an environment variable.
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Config {
    /// Reads a document. `name` is the file's name for messages and for relative paths; `environment` answers
    /// the `${NAME}` of `external_labels`.
    ///
    /// # Errors
    /// What the original would refuse, with its place.
    pub fn parse(
        text: &str,
        name: impl AsRef<Path>,
        environment: Environment<'_>,
    ) -> Result<Self, ConfigError> {
        let path = name.as_ref();
        Self::build(text, path, environment).map_err(|e| invalid(path, e))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`Config::parse`], or if the file cannot be read.
    pub fn load(path: impl AsRef<Path>, environment: Environment<'_>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        Self::parse(&read(path)?, path, environment)
    }

    /// Checks that nothing is configured that agent mode does not have.
    ///
    /// # Errors
    /// [`ConfigError::Agent`] with the section's name.
    pub fn check_agent_mode(&self) -> Result<(), ConfigError> {
        let alerting = self.document.section("alerting");
        if alerting.is_some_and(|a| a.slots.iter().any(|s| !s.val.is_zero())) {
            return Err(ConfigError::Agent("alerting"));
        }
        if !self.rule_files.is_empty() {
            return Err(ConfigError::Agent("rule_files"));
        }
        if !self.document.list("remote_read").is_empty() {
            return Err(ConfigError::Agent("remote_read"));
        }
        Ok(())
    }

    /// All scrape jobs: those of this document and those of the files that it names, read now.
    ///
    /// # Errors
    /// As [`Config::load`] for each file; a job name that is taken already.
    pub fn scrape_jobs(&self) -> Result<Vec<Arc<ScrapeConfig>>, ConfigError> {
        let mut jobs = self.scrape_configs.clone();
        let mut origin: Vec<(String, String)> =
            jobs.iter().map(|j| (j.job_name.clone(), "main config file".to_owned())).collect();
        for path in self.scrape_config_files.iter().flat_map(|pattern| expand(pattern)) {
            for job in self.read_jobs(&path)? {
                if let Some((_, first)) = origin.iter().find(|(name, _)| *name == job.job_name) {
                    let message = format!(
                        "found multiple scrape configs with job name {:?}, first found in {first}",
                        job.job_name
                    );
                    return Err(ConfigError::Invalid { path, at: job.at, message });
                }
                origin.push((job.job_name.clone(), format!("{path:?}")));
                jobs.push(Arc::new(job));
            }
        }
        if self.type_and_unit_labels || self.created_zeros {
            jobs.iter_mut().for_each(|job| self.add_features(Arc::make_mut(job)));
        }
        Ok(jobs)
    }

    fn add_features(&self, job: &mut ScrapeConfig) {
        job.type_and_unit_labels = self.type_and_unit_labels;
        job.created_zeros = self.created_zeros;
        if self.created_zeros && job.names_no_protocols {
            job.scrape_protocols = ScrapeProtocol::DEFAULT_NATIVE.to_vec();
        }
    }

    fn read_jobs(&self, path: &Path) -> Result<Vec<ScrapeConfig>, ConfigError> {
        let text = read(path)?;
        let read = || -> Result<Vec<ScrapeConfig>, YamlError> {
            let mut table = Table::read(&SCRAPE_FILE, &yaml::parse(&text)?)?;
            if table.has_null("scrape_configs") {
                return Err(table.error("scrape_configs", "empty or null scrape config section"));
            }
            table.join_paths(directory(path));
            scrape::resolve(&mut table, &self.global)
        };
        read().map_err(|e| invalid(path, e))
    }

    /// What the document asks for and this workspace cannot do yet, in order of appearance.
    pub fn unsupported(&self) -> &[Unsupported] {
        &self.unsupported
    }

    /// The document as the original prints it: defaults filled in, secrets masked.
    pub fn to_yaml(&self) -> String {
        dump::yaml(&self.document)
    }

    fn build(text: &str, path: &Path, environment: Environment<'_>) -> Result<Self, YamlError> {
        let node = yaml::parse(text)?;
        let mut document = match node.data {
            yaml::Data::Null => Table::defaults(&DOCUMENT),
            _ => Table::read(&DOCUMENT, &node)?,
        };
        document.join_paths(directory(path));
        let global = Global::resolve(&mut document, environment)?;
        let scrape_configs = scrape::resolve(&mut document, &global)?;
        for (i, job) in scrape_configs.iter().enumerate() {
            if scrape_configs.iter().take(i).any(|j| j.job_name == job.job_name) {
                let message = format!("found multiple scrape configs with job name {:?}", job.job_name);
                return Err(YamlError { at: job.at, message });
            }
        }
        let alerting = Alerting::read(document.section("alerting"), global.metric_name_scheme)?;
        let remote_write = document
            .sections("remote_write")
            .map(|t| RemoteWriteConfig::read(t, global.metric_name_scheme))
            .collect::<Result<_, _>>()?;
        let tsdb = document.section("storage").and_then(|s| s.section("tsdb"));
        let retention = tsdb.and_then(|t| t.section("retention"));
        let exemplars = document.section("storage").and_then(|s| s.section("exemplars"));
        Ok(Self {
            alerting,
            rule_files: document.texts("rule_files"),
            scrape_config_files: document.texts("scrape_config_files"),
            scrape_configs: scrape_configs.into_iter().map(Arc::new).collect(),
            remote_write,
            out_of_order_window: tsdb.map_or(Duration::ZERO, |t| t.duration("out_of_order_time_window")),
            retention_time: retention.map(|r| r.duration("time")).filter(|d| !d.is_zero()),
            retention_size: retention.and_then(|r| match r.get("size") {
                Val::Size(bytes) if *bytes > 0 => Some(*bytes),
                _ => None,
            }),
            max_exemplars: exemplars.map(|e| e.int("max_exemplars")),
            type_and_unit_labels: false,
            created_zeros: false,
            unsupported: unsupported(&document),
            global,
            document,
        })
    }
}

fn invalid(path: &Path, error: YamlError) -> ConfigError {
    ConfigError::Invalid { path: path.to_owned(), at: error.at, message: error.message }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let bytes = std::fs::read(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn directory(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// The files that a pattern such as `rules/*.yml` names now, sorted.
pub fn expand(pattern: &str) -> Vec<PathBuf> {
    glob::glob(pattern).map(|paths| paths.flatten().collect()).unwrap_or_default()
}

/// Keys whose presence is refused or warned about by programs, since nothing acts on them yet.
fn unsupported(document: &Table) -> Vec<Unsupported> {
    let mut found = Vec::new();
    let mut visit = |t: &Table, keys: &[&str]| {
        for key in keys {
            if !t.get(key).is_zero() {
                found.push(Unsupported { key: (*key).to_owned(), at: t.position(key) });
            }
        }
    };
    visit(document, &["remote_write", "remote_read", "tracing"]);
    if let Some(global) = document.section("global") {
        visit(global, &["query_log_file", "scrape_failure_log_file"]);
    }
    if let Some(tsdb) = document.section("storage").and_then(|s| s.section("tsdb")) {
        visit(tsdb, &["stale_series_compaction_threshold", "chunk_encoding"]);
    }
    let alertmanagers = document.section("alerting").into_iter().flat_map(|a| a.sections("alertmanagers"));
    for t in document.sections("scrape_configs").chain(alertmanagers) {
        visit(t, &super::discovery::inert_keys());
        visit(t, &["oauth2", "proxy_url", "proxy_from_environment"]);
    }
    found.sort_by_key(|u| (u.at.line, u.at.column));
    found
}
