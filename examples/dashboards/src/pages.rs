//! The files that a browser asks for, as responses.

use bytes::Bytes;
use http::{Response, header};
use http_body_util::Full;

use crate::Library;

const INDEX: &str = include_str!("../page/index.html");

/// Path, content type and text of the files beside the page.
const FILES: [(&str, &str, &str); 9] = [
    ("/style.css", "text/css; charset=utf-8", include_str!("../page/style.css")),
    ("/mark.svg", "image/svg+xml", include_str!("../page/mark.svg")),
    ("/main.js", SCRIPT, include_str!("../page/main.js")),
    ("/panel.js", SCRIPT, include_str!("../page/panel.js")),
    ("/chart.js", SCRIPT, include_str!("../page/chart.js")),
    ("/model.js", SCRIPT, include_str!("../page/model.js")),
    ("/api.js", SCRIPT, include_str!("../page/api.js")),
    ("/scale.js", SCRIPT, include_str!("../page/scale.js")),
    ("/units.js", SCRIPT, include_str!("../page/units.js")),
];
const SCRIPT: &str = "text/javascript; charset=utf-8";
const JSON: &str = "application/json";

/// A script as it is sent: without indentation and comments, its lines where they are.
fn slim(script: &str) -> String {
    let line = |line: &str| match line.trim_start() {
        comment if comment.starts_with("//") => "\n".to_owned(),
        code => format!("{code}\n"),
    };
    script.lines().map(line).collect()
}

/// The page, its files and its dashboards, as a function from a path to a response.
#[derive(Debug, Clone)]
pub struct Dashboards {
    library: Library,
    prefix: String,
    api: String,
}

impl Default for Dashboards {
    /// The built-in dashboards at the root of a server that answers `/api/v1` itself.
    fn default() -> Self {
        Self { library: Library::default(), prefix: String::new(), api: "/api/v1".to_owned() }
    }
}

impl Dashboards {
    /// Shows the dashboards of a library instead of the built-in ones alone.
    #[must_use]
    pub fn with_library(mut self, library: Library) -> Self {
        self.library = library;
        self
    }

    /// Mounts the page below a path such as `/dashboards`; the default is the root.
    #[must_use]
    pub fn below(mut self, prefix: &str) -> Self {
        self.prefix = prefix.trim_end_matches('/').to_owned();
        self
    }

    /// What is at a path; nothing if the path is not one of the page's own.
    pub fn response(&self, path: &str) -> Option<Response<Full<Bytes>>> {
        let path = path.strip_prefix(self.prefix.as_str())?;
        if matches!(path, "" | "/") {
            let page = INDEX.replace("{{api}}", &self.api).replace("{{files}}", &self.prefix);
            return Some(found("text/html; charset=utf-8", page));
        }
        if path == "/dashboards.json" {
            return Some(found(JSON, self.library.index()));
        }
        if let Some(uid) = path.strip_prefix("/dashboards/").and_then(|p| p.strip_suffix(".json")) {
            return self.library.json(uid).map(|json| found(JSON, Bytes::from(json.to_owned())));
        }
        let (_, content_type, text) = FILES.iter().find(|(file, ..)| *file == path)?;
        if *content_type == SCRIPT {
            return Some(found(SCRIPT, slim(text)));
        }
        Some(found(content_type, *text))
    }
}

fn found(content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    // A new version of the program must not meet an old script.
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-cache"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_stay_small_and_import_only_each_other() {
        let scripts: Vec<_> = FILES.iter().filter(|(_, kind, _)| *kind == SCRIPT).collect();
        let size: usize = scripts.iter().map(|(.., text)| slim(text).len()).sum();
        assert!(size <= 40_000, "{size} bytes of script");
        for (name, _, text) in scripts {
            for import in text.lines().filter_map(|l| l.strip_prefix("import ")?.split_once(" from ")) {
                let file = import.1.trim_matches(|c| matches!(c, '"' | ';' | '.'));
                assert!(FILES.iter().any(|(path, ..)| *path == file), "{name} imports {file}");
            }
        }
    }

    #[test]
    fn a_prefix_is_in_every_address_of_the_page() {
        let pages = Dashboards::default().below("/dashboards/");
        assert!(pages.response("/main.js").is_none());
        assert!(pages.response("/dashboards/main.js").is_some());
        assert!(pages.response("/dashboards").is_some());
        assert!(pages.response("/dashboards/dashboards/nothing.json").is_none());
    }
}
