//! TLS for outgoing connections: rustls with ring, the system's roots, and the checks that libpq and curl make.

mod certificate;
mod verifier;

use std::error::Error;
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::CertificateDer;
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, OtherError, SupportedProtocolVersion, WantsVerifier,
};

use crate::config::{file_from_environment, input_file};
use crate::text::single_line;

pub(crate) use self::verifier::TrustedRoots;
#[cfg(feature = "postgres")]
pub(crate) use self::verifier::Unverified;

/// The certificates that the system trusts, or those of the file that `SSL_CERT_FILE` names. An empty list is not an error
/// here: an image without certificates can use plain HTTP, and a TLS handshake reports the missing root.
pub(crate) fn system_roots() -> Vec<CertificateDer<'static>> {
    let named = file_from_environment("SSL_CERT_FILE");
    if let Some(error) = named.and_then(|file| input_file::open(&file).err()) {
        tracing::warn!(%error, "SSL_CERT_FILE can't be read, so no https server is trusted");
        return Vec::new();
    }
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let errors: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        tracing::warn!(
            errors = single_line(&errors.join("; "), 512),
            "no CA certificates can be read, so no https server is trusted; mount a file with certificates, and name it in SSL_CERT_FILE"
        );
    }
    found.certs
}

/// Selects ring for the whole process: it builds without cmake and links statically.
pub fn install_provider() {
    // An error means that a provider is already selected.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Whether the scheme of the URL is https, so that a proxy can read neither requests nor answers.
pub(crate) fn is_https(base_url: &str) -> bool {
    base_url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"))
}

/// A client configuration for HTTPS that verifies servers with the system's roots.
pub(crate) fn system_config() -> ClientConfig {
    let verifier = TrustedRoots::new(system_roots(), true);
    with_verifier(rustls::ALL_VERSIONS, Arc::new(verifier)).with_no_client_auth()
}

type WantsClientCert = ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

/// A client configuration without a client certificate yet.
pub(crate) fn with_verifier(
    versions: &[&'static SupportedProtocolVersion],
    verifier: Arc<dyn ServerCertVerifier>,
) -> WantsClientCert {
    let builder: ConfigBuilder<ClientConfig, WantsVerifier> =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("ring has cipher suites for all versions");
    builder.dangerous().with_custom_certificate_verifier(verifier)
}

/// Why the server's certificate was rejected, if `error` or one of its sources is such a rejection.
pub(crate) fn certificate_problem(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        // The source of an I/O error is the source of the error it wraps, not that error itself.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(wrapped) = wrapped {
            next = Some(wrapped);
            continue;
        }
        if let Some(rustls::Error::InvalidCertificate(problem)) = error.downcast_ref() {
            return Some(explain(problem));
        }
        next = error.source();
    }
    None
}

fn explain(problem: &CertificateError) -> String {
    let words = match problem {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "is not valid yet",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "does not name this host"
        }
        CertificateError::UnknownIssuer => "is issued by no trusted authority",
        CertificateError::BadSignature => "is not signed by the authority that it names",
        CertificateError::BadEncoding => "is malformed",
        CertificateError::Other(OtherError(other)) => match other.downcast_ref() {
            Some(webpki::Error::CaUsedAsEndEntity) => {
                "is that of an authority (CA), and not itself a trusted root"
            }
            Some(webpki::Error::UnsupportedCertVersion) => {
                "is of X.509 version 1, which can't be verified; make one of version 3"
            }
            _ => "is not acceptable",
        },
        other => {
            return format!(
                "the server's certificate is not acceptable: {}",
                single_line(&other.to_string(), 200)
            );
        }
    };
    format!("the server's certificate {words}")
}
