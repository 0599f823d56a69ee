//! The shared parts of an HTTP service.
//!
//! A service consists of its routes, a [`ServiceStatus`] and a [`ServiceProgram`] that makes an [`HttpService`] and serves it. A
//! request passes these layers, from the outermost:
//!
//! 1. The request gets an id and a span. Its response is logged and counted.
//! 2. A panic becomes a problem with the status 500.
//! 3. The rules for browsers: the allowed hosts, and no changes by pages of other sites.
//! 4. The limit of concurrent requests, and the share of the client's address in them. The probes are exempt.
//! 5. Authentication, then the caller's rate limit and share; on the protected routes only.
//!
//! Beneath the layers, all connections share a budget of memory, which is derived from the limit of the process.
//!
//! Every error is a [`ServiceError`], and its response is a [`Problem`] (RFC 9457), or the document that the service's
//! [`ErrorFormat`] makes of it. tower-http catches panics and marks
//! the headers with credentials as sensitive. Its other layers respond with plain text, or accept what this module
//! rejects; [`read_json`] and [`RequestId`] have the details.

mod admission;
mod allowed_hosts;
mod config;
mod connection_io;
mod connections;
mod credential_metrics;
mod cross_site;
mod error;
mod error_format;
mod extract;
mod health_check;
mod http_service;
mod listener;
mod memory;
mod metrics;
mod negotiation;
mod probes;
mod problem;
mod program;
mod refusal_lines;
mod request_id;
mod request_log;
mod request_slot;
mod server;
mod shares;
mod sse;
mod streams;
mod trace_context;
mod trailing_slash;

pub use self::allowed_hosts::AllowedHosts;
pub use self::config::{ServiceConfig, VARIABLES};
pub use self::error::ServiceError;
pub use self::error_format::ErrorFormat;
pub use self::extract::{PathSegment, QueryParams, read_body, read_json};
pub use self::health_check::{HealthCheckError, check_health};
pub use self::http_service::{HttpService, ServiceRoutes};
pub use self::listener::{ListenError, listen};
pub use self::memory::{MemorySize, MemorySizeError};
pub use self::negotiation::Representation;
pub use self::probes::{ProbeDocument, ProbeState, Readiness, ServiceStatus, probe_routes};
pub use self::problem::{Problem, ProblemKind};
pub use self::program::{ServiceArgs, ServiceCommand, ServiceProgram, ServiceProgramError, run_service};
pub use self::request_id::RequestId;
pub use self::request_slot::RequestSlot;
pub use self::sse::{event_stream, last_event_id, ping};
pub use self::streams::{StreamSlot, Streams};
pub use self::trace_context::traceparent;
pub use self::trailing_slash::trailing_slash_redirects;
