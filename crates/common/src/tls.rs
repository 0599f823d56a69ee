//! TLS for outgoing connections: rustls with ring, and the system's trust.

use reqwest::Certificate;

/// The certificates that the system trusts. None at all is no error yet: an image without them serves
/// plain HTTP, and a TLS handshake says itself that it trusts nobody.
pub(crate) fn system_roots() -> Vec<Certificate> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        tracing::warn!("this system has no CA certificates; mount some and name them in SSL_CERT_FILE");
    }
    found.certs.iter().filter_map(|der| Certificate::from_der(der).ok()).collect()
}

/// Chooses ring for the whole process: it builds without cmake and links statically.
pub fn install_provider() {
    // An error means that it is chosen already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
