//! What the query API shows of the server around it.

use metrics_core::{Metadata, Select, Timestamp};
use promql::GroupStatus;
use promql::api::{ApiError, BuildInfo, Params, Sources, StoreStats};

use super::{status, targets};
use crate::app::App;
use crate::store::now;

impl Sources for App {
    fn store(&self) -> &dyn Select {
        &*self.store.db
    }

    fn now(&self) -> Timestamp {
        now()
    }

    fn rule_groups(&self) -> Vec<GroupStatus> {
        self.rules.status()
    }

    fn metadata(&self) -> Vec<(String, Metadata)> {
        let status = self.watcher.status();
        let active = status.values().flat_map(|pool| &pool.active);
        active.flat_map(|t| t.metadata.list()).map(|f| (f.name, f.metadata)).collect()
    }

    fn build_info(&self) -> BuildInfo {
        status::build_info()
    }

    fn store_stats(&self, limit: usize) -> Option<StoreStats> {
        targets::store_stats(self, limit)
    }

    fn other(&self, path: &str, params: &Params) -> Option<Result<String, ApiError>> {
        let data = match path {
            "targets" => Ok(targets::targets(self, params)),
            "targets/metadata" => targets::target_metadata(self, params),
            "scrape_pools" => Ok(targets::scrape_pools(self)),
            "alertmanagers" => Ok(targets::alertmanagers(self)),
            "status/flags" => Ok(status::flags(self)),
            "status/config" => Ok(status::config(self)),
            "status/runtimeinfo" => Ok(status::runtime_info(self)),
            "status/walreplay" => Ok(status::wal_replay()),
            _ => return None,
        };
        Some(data.map(|json| json.to_string()))
    }
}
