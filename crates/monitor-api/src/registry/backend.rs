//! Reports the state of NATS.

use std::time::Duration;

use async_trait::async_trait;
use registry_client::bucket_watch::BucketReport;
use registry_client::connection::NatsConnection;

use crate::domain::backend::{BucketInfo, RegistryBackend, WatchCounters};

pub(super) struct NatsBackend {
    connection: NatsConnection,
    report: BucketReport,
    definitions_report: BucketReport,
    bucket: String,
}

impl NatsBackend {
    pub(super) fn new(
        connection: NatsConnection,
        report: BucketReport,
        definitions_report: BucketReport,
        bucket: &str,
    ) -> Self {
        Self { connection, report, definitions_report, bucket: bucket.to_owned() }
    }
}

#[async_trait]
impl RegistryBackend for NatsBackend {
    async fn latency(&self) -> Option<Duration> {
        self.connection.latency().await
    }

    fn bucket(&self) -> Option<BucketInfo> {
        let info = self.report.info()?;
        Some(BucketInfo {
            name: self.bucket.clone(),
            max_age_seconds: info.max_age.as_secs_f64(),
            history: info.history,
            replicas: info.replicas,
            bytes: info.bytes,
            messages: info.messages,
            last_revision: info.last_revision,
        })
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = self.connection.problems();
        for problem in [&self.report, &self.definitions_report].into_iter().filter_map(BucketReport::problem)
        {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
        problems
    }

    fn watch_counters(&self) -> WatchCounters {
        let reconnects = self.connection.link().borrow().connections.saturating_sub(1);
        WatchCounters { resyncs: self.report.resyncs(), reconnects, lag: self.report.lag() }
    }
}
