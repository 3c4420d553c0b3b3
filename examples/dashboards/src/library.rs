//! The dashboards on offer: the built-in ones, and files of Grafana's JSON from a directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde_json::{Value, json};

const HOST: &str = include_str!("../dashboards/host.json");

/// Dashboards by their short name.
#[derive(Debug, Clone)]
pub struct Library {
    // uid → title and JSON
    dashboards: BTreeMap<String, (String, String)>,
    first: String,
}

/// Why a directory of dashboards cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// The directory or a file in it cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file is not JSON.
    #[error("{}: not a dashboard", .path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Line, column and reason.
        source: serde_json::Error,
    },
}

impl Default for Library {
    /// The built-in dashboards.
    fn default() -> Self {
        let host = ("Host".to_owned(), HOST.to_owned());
        Self { dashboards: BTreeMap::from([("host".to_owned(), host)]), first: "host".to_owned() }
    }
}

impl Library {
    /// Adds the `*.json` files of a directory and of those below it.
    ///
    /// # Errors
    /// A file or directory cannot be read, or a file is not JSON.
    pub fn add_directory(&mut self, directory: &Path) -> Result<(), LibraryError> {
        let read = |path: &Path| {
            let path = path.to_owned();
            move |source| LibraryError::Read { path, source }
        };
        for entry in fs::read_dir(directory).map_err(read(directory))? {
            let path = entry.map_err(read(directory))?.path();
            if path.is_dir() {
                self.add_directory(&path)?;
            } else if path.extension().is_some_and(|e| e == "json") {
                let text = fs::read_to_string(&path).map_err(read(&path))?;
                let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
                self.add(&stem, &text).map_err(|source| LibraryError::Json { path, source })?;
            }
        }
        Ok(())
    }

    /// Adds one dashboard, as exported by Grafana or wrapped in `{"dashboard": …}` as its API gives it. Its name is
    /// its `uid`, or else the one given.
    ///
    /// # Errors
    /// The text is not JSON.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), serde_json::Error> {
        let mut value: Value = serde_json::from_str(text)?;
        if let Some(inner) = value.get_mut("dashboard").filter(|inner| inner.is_object()) {
            value = inner.take();
        }
        let word = |key: &str| value.get(key).and_then(Value::as_str).filter(|s| !s.is_empty());
        let uid = word("uid")
            .unwrap_or(name)
            .replace(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c)), "-");
        let title = word("title").unwrap_or(name).to_owned();
        self.dashboards.insert(uid, (title, value.to_string()));
        Ok(())
    }

    /// A dashboard's JSON.
    pub(crate) fn json(&self, uid: &str) -> Option<&str> {
        self.dashboards.get(uid).map(|(_, json)| json.as_str())
    }

    /// Short names and titles as JSON: the built-in dashboard first, the others by title.
    pub(crate) fn index(&self) -> String {
        let mut list: Vec<_> = self.dashboards.iter().map(|(uid, (title, _))| (uid, title)).collect();
        list.sort_by_key(|(uid, title)| (**uid != self.first, title.to_lowercase()));
        let list: Vec<Value> = list.iter().map(|(uid, title)| json!({"uid": uid, "title": title})).collect();
        Value::from(list).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_directory_join_the_built_in_dashboard() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("team")).unwrap();
        fs::write(directory.path().join("team/a b.json"), r#"{"title":"Apps","panels":[]}"#).unwrap();
        fs::write(directory.path().join("x.json"), r#"{"dashboard":{"uid":"u1","title":"Zoo"}}"#).unwrap();
        fs::write(directory.path().join("notes.txt"), "not JSON").unwrap();
        let mut library = Library::default();
        library.add_directory(directory.path()).unwrap();
        let expected =
            r#"[{"title":"Host","uid":"host"},{"title":"Apps","uid":"a-b"},{"title":"Zoo","uid":"u1"}]"#;
        assert_eq!(library.index(), expected);
        assert!(library.json("u1").is_some_and(|json| json.contains("Zoo")));

        fs::write(directory.path().join("broken.json"), "{\n  oops").unwrap();
        let error = library.add_directory(directory.path()).unwrap_err();
        assert!(error.to_string().ends_with("broken.json: not a dashboard"));
    }

    #[test]
    fn the_built_in_dashboard_is_json() {
        let mut library = Library::default();
        library.add("again", HOST).unwrap();
        assert_eq!(library.dashboards.len(), 1, "its uid is its name");
    }
}
