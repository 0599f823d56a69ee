//! Real dependencies for tests and benchmarks: Postgres servers, PgBouncer, NATS servers, a Kubernetes cluster, the Worker in
//! workerd with its D1, Chromium, and proxies that inject faults.
//!
//! A dependency that can't be started panics with the package to install; no test is skipped. Every dependency ends with the
//! process that started it, even when that process is killed: it ends when its standard input closes.

pub mod bare_root;
pub mod browser;
#[cfg(feature = "cluster")]
pub mod cluster;
pub mod curl_trigger;
pub mod fault_proxy;
pub mod manifests;
pub mod nats;
pub mod nats_proxy;
pub mod pgbouncer;
pub mod postgres;
pub mod python;
pub mod tcp_proxy;
pub mod tool;
pub mod trading_days;
pub mod worker;

mod child;
