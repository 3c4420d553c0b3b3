//! Targets listed in files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Discover, NextGroups, TargetGroup};
use crate::config::{FileDiscovery, expand, groups_of_file};

/// How often files are looked at. Looking costs a `stat` per file; only changed files are read.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// `file_sd_configs`: files that are read again when they change, and at every refresh in any case.
///
/// A file that cannot be read keeps its last targets; one that is gone loses them.
#[derive(Debug)]
pub struct FileSource {
    config: FileDiscovery,
    known: BTreeMap<PathBuf, Known>,
    started: bool,
    looks: u64,
}

/// What is known about a file.
#[derive(Debug, Default)]
struct Known {
    stamp: Option<(SystemTime, u64)>,
    groups: usize,
}

impl FileSource {
    /// A source of these files.
    pub fn new(config: FileDiscovery) -> Self {
        Self { config, known: BTreeMap::new(), started: false, looks: 0 }
    }

    /// Looks at the files and answers with the groups that changed. `refresh` reads unchanged files too.
    pub fn look(&mut self, refresh: bool) -> Vec<TargetGroup> {
        let mut news = Vec::new();
        let mut paths: Vec<PathBuf> = self.config.files.iter().flat_map(|pattern| expand(pattern)).collect();
        paths.sort();
        paths.dedup();
        for path in &paths {
            let stamp = stamp(path);
            let known = self.known.entry(path.clone()).or_default();
            if stamp == known.stamp && !refresh {
                continue;
            }
            known.stamp = stamp;
            match groups_of_file(path) {
                Ok(groups) => {
                    let before = std::mem::replace(&mut known.groups, groups.len());
                    news.extend(groups.iter().enumerate().map(|(i, g)| group(path, i, g)));
                    news.extend((groups.len()..before).map(|i| gone(path, i)));
                }
                Err(error) => {
                    tracing::error!(component = "file_sd", path = %path.display(), %error, "Error reading file")
                }
            }
        }
        self.known.retain(|path, known| {
            let kept = paths.contains(path);
            if !kept {
                news.extend((0..known.groups).map(|i| gone(path, i)));
            }
            kept
        });
        news
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

fn source(path: &Path, index: usize) -> String {
    format!("{}:{index}", path.display())
}

fn group(path: &Path, index: usize, config: &crate::config::TargetGroupConfig) -> TargetGroup {
    let mut group = TargetGroup::new(source(path, index), config);
    let mut labels = group.labels.to_builder();
    labels.set("__meta_filepath", path.display().to_string());
    group.labels = labels.build();
    group
}

fn gone(path: &Path, index: usize) -> TargetGroup {
    TargetGroup { source: source(path, index), ..TargetGroup::default() }
}

impl Discover for FileSource {
    fn next(&mut self) -> NextGroups<'_> {
        Box::pin(async move {
            if !std::mem::replace(&mut self.started, true) {
                return self.look(true);
            }
            let per_refresh = (self.config.refresh_interval.as_secs() / LOOK_INTERVAL.as_secs()).max(1);
            loop {
                tokio::time::sleep(LOOK_INTERVAL).await;
                self.looks += 1;
                let news = self.look(self.looks.is_multiple_of(per_refresh));
                if !news.is_empty() {
                    return news;
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(groups: &[TargetGroup]) -> Vec<String> {
        groups.iter().flat_map(|g| &g.targets).map(|t| t.value("__address__").to_owned()).collect()
    }

    #[test]
    fn files_come_change_break_and_go() {
        let dir = tempfile::tempdir().unwrap();
        let config = FileDiscovery {
            files: vec![
                dir.path().join("*.json").display().to_string(),
                dir.path().join("*.yml").display().to_string(),
            ],
            refresh_interval: Duration::from_secs(300),
        };
        let mut source = FileSource::new(config);
        let (json, yml) = (dir.path().join("a.json"), dir.path().join("b.yml"));
        std::fs::write(
            &json,
            r#"[{"targets": ["a:1", "a:2"], "labels": {"dc": "eu"}}, {"targets": ["a:3"]}]"#,
        )
        .unwrap();
        std::fs::write(&yml, "- targets: ['b:1']\n").unwrap();
        let groups = source.look(true);
        assert_eq!(addresses(&groups), ["a:1", "a:2", "a:3", "b:1"]);
        assert_eq!(groups[0].labels.get("dc"), Some("eu"));
        assert_eq!(groups[0].labels.value("__meta_filepath"), json.display().to_string());
        assert!(source.look(false).is_empty());

        std::fs::write(&json, r#"[{"targets": ["a:9"]}]"#).unwrap();
        let groups = source.look(false);
        assert_eq!(addresses(&groups), ["a:9"]);
        assert_eq!(groups[1].source, format!("{}:1", json.display()));

        std::fs::write(&json, r#"[{"targets": ["#).unwrap();
        assert!(source.look(false).is_empty());

        std::fs::remove_file(&json).unwrap();
        let groups = source.look(false);
        assert_eq!((groups.len(), groups[0].targets.len()), (1, 0));
    }

    #[test]
    fn unknown_keys_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.yml");
        std::fs::write(&path, "- target: ['b:1']\n").unwrap();
        let error = groups_of_file(&path).unwrap_err().to_string();
        assert!(error.contains("field target not found"), "{error}");
    }
}
