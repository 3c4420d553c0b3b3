//! Metrics that other programs on the host leave in files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::page::Desc;
use super::proc_files::names;
use super::spec::Default;
use super::text_page::{TextFamily, read_page};
use super::{Collector, NodeError, OptionKind, OptionSpec, Page, Spec};

const DIRECTORY: OptionSpec = OptionSpec {
    name: "collector.textfile.directory",
    kind: OptionKind::List,
    default: "",
    help: "Directory to read text files with metrics from, supports glob matching. (repeatable)",
};

pub(super) const SPEC: Spec = Spec::new("textfile", Default::On, &[DIRECTORY], |settings| {
    Ok(Box::new(TextFile { directories: settings.given(&DIRECTORY).to_vec() }))
});

const MTIME: Desc =
    Desc::gauge("node_textfile_mtime_seconds", "Unixtime mtime of textfiles successfully read.");
const ERROR: Desc = Desc::gauge(
    "node_textfile_scrape_error",
    "1 if there was an error opening or reading a file, 0 otherwise",
);

#[derive(Debug)]
struct TextFile {
    directories: Vec<String>,
}

impl Collector for TextFile {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        let mut failed = false;
        let mut families: BTreeMap<String, Merged> = BTreeMap::new();
        for directory in self.directories.iter().flat_map(|pattern| expand(pattern)) {
            let directory_is_there = fs::read_dir(&directory).is_ok();
            failed |= !directory_is_there;
            let files = names(&directory).unwrap_or_default();
            for file in files.iter().filter(|file| file.ends_with(".prom")) {
                let path = directory.join(file);
                let Ok(found) = read_file(&path) else {
                    failed = true;
                    continue;
                };
                for family in found {
                    failed |= merge(&mut families, family, &path).is_none();
                }
                if let Some(mtime) = mtime(&path) {
                    page.put(&MTIME, &[("file", &path.to_string_lossy())], mtime);
                }
            }
        }
        for (_, merged) in families {
            page.family(merged.into_family());
        }
        page.put(&ERROR, &[], f64::from(u8::from(failed)));
        Ok(())
    }
}

/// A family that one or more files have.
struct Merged {
    family: TextFamily,
    files: Vec<PathBuf>,
}

impl Merged {
    fn into_family(self) -> metrics_core::family::MetricFamily {
        let files: Vec<_> = self.files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
        self.family.into_family(|| format!("Metric read from {}", files.join(", ")))
    }
}

/// Adds a file's family to those of the files before. None if its help text or type contradicts theirs: then it is
/// left out.
fn merge(families: &mut BTreeMap<String, Merged>, family: TextFamily, file: &Path) -> Option<()> {
    let Some(merged) = families.get_mut(&family.name) else {
        let merged = Merged { files: vec![file.to_owned()], family };
        families.insert(merged.family.name.clone(), merged);
        return Some(());
    };
    let known = &mut merged.family;
    let same_help = family.help.is_none() || known.help.is_none() || family.help == known.help;
    if !same_help || family.metric_type != known.metric_type {
        return None;
    }
    known.help = known.help.take().or(family.help);
    known.lines.extend(family.lines);
    merged.files.push(file.to_owned());
    Some(())
}

fn read_file(path: &Path) -> Result<Vec<TextFamily>, NodeError> {
    let bytes = fs::read(path).map_err(|source| NodeError::read(path, source))?;
    read_page(&bytes)
}

fn mtime(path: &Path) -> Option<f64> {
    let modified = fs::metadata(path).ok()?.modified().ok()?;
    Some(modified.duration_since(UNIX_EPOCH).ok()?.as_secs() as f64)
}

/// The directories that a pattern means: `*` and `?` stand for parts of names. A pattern that matches nothing is
/// taken as a name, so that its absence is noticed.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from(if pattern.starts_with('/') { "/" } else { "" })];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        if !part.contains(['*', '?']) {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let below = |path: PathBuf| {
            let here = if path.as_os_str().is_empty() { Path::new(".") } else { path.as_path() };
            let matching =
                names(here).unwrap_or_default().into_iter().filter(|name| glob_matches(part, name));
            matching.map(|name| path.join(name)).collect::<Vec<_>>()
        };
        found = found.into_iter().flat_map(below).collect();
    }
    found.retain(|path| path.exists());
    if found.is_empty() { vec![PathBuf::from(pattern)] } else { found }
}

fn glob_matches(pattern: &str, name: &str) -> bool {
    let mut chars = pattern.chars();
    match chars.next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = chars.as_str();
            name.char_indices().map(|(i, _)| i).chain([name.len()]).any(|i| glob_matches(rest, &name[i..]))
        }
        Some(wanted) => {
            let mut rest = name.chars();
            rest.next().is_some_and(|c| wanted == '?' || wanted == c)
                && glob_matches(chars.as_str(), rest.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_of(files: &[(&str, &str)]) -> Vec<metrics_core::family::MetricFamily> {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(directory.path().join(name), text).unwrap();
        }
        let collector = TextFile { directories: vec![directory.path().to_string_lossy().into_owned()] };
        let mut page = Page::default();
        collector.update(&mut page).unwrap();
        let mut families = page.into_families();
        families.retain(|f| f.name != "node_textfile_mtime_seconds");
        families
    }

    fn error(families: &[metrics_core::family::MetricFamily]) -> bool {
        let family = families.iter().find(|f| f.name == "node_textfile_scrape_error").unwrap();
        family.metrics[0].value == metrics_core::family::MetricValue::Gauge(1.0)
    }

    #[test]
    fn families_of_several_files_are_one() {
        let families = page_of(&[
            ("a.prom", "# HELP jobs Jobs.\n# TYPE jobs gauge\njobs{q=\"a\"} 1\n"),
            ("b.prom", "# TYPE jobs gauge\njobs{q=\"b\"} 2\n"),
            ("c.txt", "not read"),
        ]);
        assert!(!error(&families));
        assert_eq!((families[0].help.as_str(), families[0].metrics.len()), ("Jobs.", 2));
    }

    #[test]
    fn contradictions_and_garbage_are_reported() {
        assert!(error(&page_of(&[("a.prom", "# HELP a A.\na 1\n"), ("b.prom", "# HELP a B.\na 2\n")])));
        assert!(error(&page_of(&[("a.prom", "a{ 1\n")])));
        assert!(error(&page_of(&[("a.prom", "a 1 1700000000000\n")])), "times are not accepted");
        let nowhere = TextFile { directories: vec!["/nowhere/at/all".to_owned()] };
        let mut page = Page::default();
        nowhere.update(&mut page).unwrap();
        assert!(error(&page.into_families()));
    }

    #[test]
    fn patterns_of_directories() {
        assert!(glob_matches("*.d", "node.d") && glob_matches("a?c*", "abc"));
        assert!(!glob_matches("*.d", "node") && !glob_matches("?", ""));
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("one.d")).unwrap();
        let pattern = format!("{}/*.d", directory.path().display());
        assert_eq!(expand(&pattern), [directory.path().join("one.d")]);
        assert_eq!(expand("/nowhere/*"), [PathBuf::from("/nowhere/*")]);
    }
}
