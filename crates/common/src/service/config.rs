//! The settings that every service has.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use super::allowed_hosts::AllowedHosts;
use super::memory::MemorySize;
use crate::config::{ConfigError, Settings, Variable};

/// The variables of this module, for a program's list.
pub const VARIABLES: [Variable; 7] = [
    Variable::plain("LISTEN_ADDR", "the address and port to serve on; [::] is both IP families")
        .with_default("[::]:8000"),
    Variable::plain("RATE_LIMIT", "requests of one caller per second").with_default("200"),
    Variable::plain("MEMORY_LIMIT", "the memory of the process, such as 64Mi; connections get 7/16 of it")
        .with_default_described("that of the container, or 256Mi"),
    Variable::plain("MAX_REQUESTS", "concurrent requests, at most half of them for one caller")
        .with_default("512"),
    Variable::plain("MAX_STREAMS", "concurrent log and event streams, at most half of them for one caller")
        .with_default("2000"),
    Variable::plain("SHUTDOWN_GRACE_SECONDS", "how long requests may continue after SIGTERM")
        .with_default("20"),
    Variable::plain(
        "ALLOWED_HOSTS",
        "HOST,... that requests may be sent to, beside localhost; others are rejected",
    )
    .with_default_described("all")
    .credential(),
];

/// The settings of a service's listener and limits.
#[derive(Clone, Debug)]
pub struct ServiceConfig {
    /// The address and port to serve on.
    pub listen_address: SocketAddr,
    /// The maximum number of requests of one caller per second.
    pub rate_limit: NonZeroU32,
    /// The memory that the process may use.
    pub memory_limit: MemorySize,
    /// The maximum number of concurrent requests.
    pub max_requests: usize,
    /// The maximum number of concurrent streams.
    pub max_streams: usize,
    /// How long requests may continue after the program was asked to stop.
    pub shutdown_grace: Duration,
    /// The hosts that requests may name.
    pub allowed_hosts: AllowedHosts,
}

impl ServiceConfig {
    /// Reads [`VARIABLES`].
    ///
    /// # Errors
    /// When a value is malformed, or a limit is 0.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let number = |name: &str| settings.parsed_or_default::<NonZeroU32>(name);
        Ok(Self {
            listen_address: settings.parsed_or_default("LISTEN_ADDR")?,
            rate_limit: number("RATE_LIMIT")?,
            memory_limit: settings.parsed("MEMORY_LIMIT")?.unwrap_or_else(MemorySize::of_process),
            max_requests: number("MAX_REQUESTS")?.get() as usize,
            max_streams: number("MAX_STREAMS")?.get() as usize,
            shutdown_grace: Duration::from_secs(number("SHUTDOWN_GRACE_SECONDS")?.get().into()),
            allowed_hosts: settings.parsed("ALLOWED_HOSTS")?.unwrap_or_default(),
        })
    }
}
