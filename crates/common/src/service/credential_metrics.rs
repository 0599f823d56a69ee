//! What `/metrics` reports of the configured credentials.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::auth::Authenticator;

/// Reads the state of the credentials for each page of metrics.
#[derive(Debug)]
struct CredentialMetrics(Arc<Authenticator>);

/// Adds the metrics of the credentials.
pub(super) fn register(registry: &mut Registry, authenticator: &Arc<Authenticator>) {
    registry.register_collector(Box::new(CredentialMetrics(Arc::clone(authenticator))));
}

impl Collector for CredentialMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let open = encoder.encode_descriptor(
            "access_open",
            "Whether access is open, because no credential is configured",
            None,
            MetricType::Gauge,
        )?;
        ConstGauge::new(i64::from(!self.0.configured())).encode(open)?;
        let mut family = encoder.encode_descriptor(
            "credential_revoked",
            "Whether a configured credential is revoked: its file is empty or absent, or its key set has no keys",
            None,
            MetricType::Gauge,
        )?;
        for (setting, revoked) in self.0.revocations() {
            let gauge = ConstGauge::new(i64::from(revoked));
            gauge.encode(family.encode_family(&[("setting", setting)])?)?;
        }
        Ok(())
    }
}
