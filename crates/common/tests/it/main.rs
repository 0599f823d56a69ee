//! The crate from the outside: requests' headers, files that change, a key server on a real socket, Postgres servers.

#![expect(clippy::unwrap_used, reason = "what can't be prepared fails its test, with the place")]

mod certificates;
mod child;
mod configuration;
mod headers;
mod http_client;
mod jwt_claims;
mod jwt_keys;
mod jwt_rotation;
mod key_server;
mod postgres;
mod properties;
mod secrecy;
mod shared_secrets;
mod support;
mod token_reviews;
