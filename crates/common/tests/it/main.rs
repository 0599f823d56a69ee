//! Tests of the public interface: request headers, files that change, a key server on a real socket, Postgres servers.

#![expect(clippy::unwrap_used, reason = "a failed preparation must fail its test")]

mod certificates;
mod child;
mod configuration;
mod empty_settings;
mod headers;
mod http_client;
mod input_files;
mod jwt_claims;
mod jwt_keys;
mod jwt_rotation;
mod key_server;
mod postgres;
mod properties;
mod secrecy;
mod service;
mod shared_secrets;
mod support;
mod token_reviews;
