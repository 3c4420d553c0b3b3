//! Targets listed by an HTTP server.
//!
//! Source: "Writing HTTP service discovery" of the Prometheus documentation.

use bytes::Bytes;
use http::Request;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};

use super::{Discover, NextGroups, TargetGroup};
use crate::config::{HttpDiscovery, groups_of_json};
use crate::http::{HttpClient, HttpError};

/// Longest list that is read.
const MAX_LIST: u64 = 64 << 20;
const REFRESH: HeaderName = HeaderName::from_static("x-prometheus-refresh-interval-seconds");

/// `http_sd_configs`: a list that is asked for at every refresh. A list that does not come or makes no sense leaves
/// the targets as they are.
#[derive(Debug)]
pub struct HttpSource {
    config: HttpDiscovery,
    client: HttpClient,
    known: Vec<TargetGroup>,
    started: bool,
}

impl HttpSource {
    /// A source of a server's list.
    ///
    /// # Errors
    /// If certificates or keys of the configuration cannot be used.
    pub fn new(config: HttpDiscovery) -> Result<Self, HttpError> {
        let client = HttpClient::new(config.http.clone())?;
        Ok(Self { config, client, known: Vec::new(), started: false })
    }

    async fn ask(&self) -> Result<Vec<TargetGroup>, String> {
        let seconds = self.config.refresh_interval.as_secs_f64().to_string();
        let seconds = HeaderValue::from_str(&seconds).map_err(|e| e.to_string())?;
        let request = Request::get(&self.config.url)
            .header(USER_AGENT, "Prometheus/3.14.0")
            .header(ACCEPT, "application/json")
            .header(REFRESH, seconds)
            .body(Bytes::new())
            .map_err(|e| e.to_string())?;
        let answer = self.client.exchange(request, self.config.refresh_interval, MAX_LIST).await;
        let answer = answer.map_err(|e| e.to_string())?;
        if answer.status() != http::StatusCode::OK {
            return Err(format!("server returned HTTP status {}", answer.status()));
        }
        let content_type = answer.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
        let media_type = content_type.split(';').next().unwrap_or("").trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            return Err(format!("unsupported content type {content_type:?}"));
        }
        let groups = groups_of_json(&String::from_utf8_lossy(answer.body()))?;
        let group = |(i, config)| {
            let mut group = TargetGroup::new(format!("{}:{i}", self.config.url), config);
            let mut labels = group.labels.to_builder();
            labels.set("__meta_url", self.config.url.as_str());
            group.labels = labels.build();
            group
        };
        Ok(groups.iter().enumerate().map(group).collect())
    }

    /// What is new in a list.
    fn take(&mut self, groups: Vec<TargetGroup>) -> Vec<TargetGroup> {
        let mut news: Vec<_> = groups.iter().filter(|g| !self.known.contains(g)).cloned().collect();
        let gone = self.known.iter().filter(|k| !groups.iter().any(|g| g.source == k.source));
        news.extend(gone.map(|g| TargetGroup { source: g.source.clone(), ..TargetGroup::default() }));
        self.known = groups;
        news
    }
}

impl Discover for HttpSource {
    fn next(&mut self) -> NextGroups<'_> {
        Box::pin(async move {
            loop {
                if self.started {
                    tokio::time::sleep(self.config.refresh_interval).await;
                }
                match self.ask().await {
                    Ok(groups) => {
                        let first = !std::mem::replace(&mut self.started, true);
                        let news = self.take(groups);
                        if first || !news.is_empty() {
                            return news;
                        }
                    }
                    Err(error) => {
                        self.started = true;
                        tracing::error!(component = "http_sd", url = %self.config.url, err = %error, "Unable to refresh target groups");
                    }
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, DiscoveryConfig};

    fn source() -> HttpSource {
        let text = "scrape_configs: [{job_name: a, http_sd_configs: [{url: 'http://h/x'}]}]";
        let config = Config::parse(text, "t.yml", &|_| None).unwrap();
        let DiscoveryConfig::Http(config) = &config.scrape_configs[0].discoveries[0] else { panic!() };
        HttpSource::new((**config).clone()).unwrap()
    }

    fn group(source: &str, target: &str) -> TargetGroup {
        let config =
            crate::config::TargetGroupConfig { targets: vec![target.to_owned()], ..Default::default() };
        TargetGroup::new(source, &config)
    }

    #[test]
    fn only_news_are_reported() {
        let mut source = source();
        assert_eq!(source.take(vec![group("0", "a"), group("1", "b")]).len(), 2);
        assert!(source.take(vec![group("0", "a"), group("1", "b")]).is_empty());
        let news = source.take(vec![group("0", "c")]);
        assert_eq!((news.len(), &news[0]), (2, &group("0", "c")));
        assert!(news[1].targets.is_empty() && news[1].source == "1");
    }
}
