//! Real parts for tests and benchmarks: Postgres servers, PgBouncer, a Kubernetes cluster, the Worker in workerd with its D1, and a proxy
//! that injects the faults which real parts can't be made to show.
//!
//! A part that can't be started is a panic with what to install, never a test that is skipped. Every
//! part ends with the process that started it, also when that process is killed: each is watched over
//! by its standard input, which closes then.

pub mod bare_root;
#[cfg(feature = "cluster")]
pub mod cluster;
pub mod curl_trigger;
pub mod fault_proxy;
pub mod manifests;
pub mod pgbouncer;
pub mod postgres;
pub mod python;
pub mod trading_days;
pub mod worker;

mod child;
