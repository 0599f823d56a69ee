//! HTTP clients.

use reqwest::ClientBuilder;

/// A builder of clients. It installs the TLS provider of this process, without which no client can be built.
pub(crate) fn client_builder() -> ClientBuilder {
    // An error means that it is already installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}
