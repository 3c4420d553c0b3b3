//! Alertmanagers that are talked to alike, and the discovery that tells who they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use metrics_core::LabelSet;
use metrics_core::relabel::relabel_builder;
use parking_lot::Mutex;
use promql::rules::{OutgoingAlert, alerts_path, prepare};
use scrape_client::config::AlertmanagerConfig;
use scrape_client::discovery::{TargetGroup, sources};
use scrape_client::http::{HttpClient, HttpError};
use scrape_client::target::ADDRESS;
use tokio::task::JoinHandle;

use super::endpoint::Endpoint;
use super::{Delivery, QueueLimits};

/// A group of the configuration.
pub(super) struct Group {
    config: AlertmanagerConfig,
    members: Arc<Mutex<Members>>,
    tasks: Vec<JoinHandle<()>>,
}

struct Members {
    client: Arc<HttpClient>,
    limits: QueueLimits,
    groups: BTreeMap<(usize, String), TargetGroup>,
    endpoints: Vec<Endpoint>,
    dropped: BTreeSet<String>,
}

impl Group {
    pub(super) fn start(config: AlertmanagerConfig, limits: QueueLimits) -> Result<Self, HttpError> {
        let client = Arc::new(HttpClient::new(config.http.clone())?);
        let members = Members {
            client,
            limits,
            groups: BTreeMap::new(),
            endpoints: Vec::new(),
            dropped: BTreeSet::new(),
        };
        let members = Arc::new(Mutex::new(members));
        let mut tasks = Vec::new();
        for (number, mut source) in sources(&config.discoveries).into_iter().enumerate() {
            let (members, config) = (members.clone(), config.clone());
            tasks.push(tokio::spawn(async move {
                loop {
                    let news = source.next().await;
                    members.lock().take(number, news, &config);
                }
            }));
        }
        Ok(Self { config, members, tasks })
    }

    pub(super) fn is_for(&self, config: &AlertmanagerConfig) -> bool {
        self.config == *config
    }

    pub(super) fn queue(&self, alerts: &[OutgoingAlert]) {
        let alerts = prepare(alerts.to_vec(), &LabelSet::empty(), &self.config.alert_relabel_rules);
        if !alerts.is_empty() {
            self.members.lock().endpoints.iter().for_each(|e| e.queue(&alerts));
        }
    }

    pub(super) fn list(&self, active: &mut Vec<String>, dropped: &mut Vec<String>) {
        let members = self.members.lock();
        active.extend(members.endpoints.iter().map(|e| e.url().to_owned()));
        dropped.extend(members.dropped.iter().cloned());
    }

    pub(super) fn stats(&self) -> Vec<Delivery> {
        self.members.lock().endpoints.iter().map(Endpoint::stats).collect()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Members {
    fn take(&mut self, number: usize, news: Vec<TargetGroup>, config: &AlertmanagerConfig) {
        for group in news {
            let key = (number, group.source.clone());
            match group.targets.is_empty() {
                true => drop(self.groups.remove(&key)),
                false => drop(self.groups.insert(key, group)),
            }
        }
        let (mut wanted, mut dropped) = (BTreeSet::new(), BTreeSet::new());
        for group in self.groups.values() {
            for target in &group.targets {
                match url(config, target, &group.labels) {
                    Ok(url) => drop(wanted.insert(url)),
                    Err(url) => drop(dropped.insert(url)),
                }
            }
        }
        self.endpoints.retain(|e| wanted.remove(e.url()));
        for url in wanted {
            let endpoint = Endpoint::start(url, self.client.clone(), config.timeout, self.limits);
            self.endpoints.push(endpoint);
        }
        self.dropped = dropped;
    }
}

/// Where a discovered Alertmanager takes alerts; `Err` if a rule drops it.
fn url(config: &AlertmanagerConfig, target: &LabelSet, group: &LabelSet) -> Result<String, String> {
    let mut labels = target.to_builder();
    for (name, value) in group {
        if labels.get(name).is_none() {
            labels.set(name, value);
        }
    }
    labels.set("__scheme__", config.scheme.as_str()).set("__alerts_path__", alerts_path(&config.path_prefix));
    let shown = |labels: &metrics_core::LabelSetBuilder| {
        let get = |name| labels.get(name).unwrap_or("");
        format!("{}://{}{}", get("__scheme__"), get(ADDRESS), get("__alerts_path__"))
    };
    let before = shown(&labels);
    match relabel_builder(&mut labels, &config.relabel_rules) {
        true => Ok(shown(&labels)),
        false => Err(before),
    }
}
