//! Verifies the certificate of NATS, and reports why it is rejected: the client of NATS reports only that there is no connection.

use std::path::Path;
use std::sync::Arc;

use async_nats::rustls::client::WebPkiServerVerifier;
use async_nats::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use async_nats::rustls::crypto::ring;
use async_nats::rustls::pki_types::pem::PemObject;
use async_nats::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use async_nats::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::NatsSettingsError;
use super::event_log::SharedProblems;

/// The certificates of authorities in a text in PEM; empty if it has none, or one of them can't be used.
pub(crate) fn authorities(pem: &[u8]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    for certificate in found.unwrap_or_default() {
        if roots.add(certificate).is_err() {
            return RootCertStore::empty();
        }
    }
    roots
}

/// The TLS of the connection; None if no authority is known, so that the client decides.
pub(super) fn client_config(
    ca_file: Option<&Path>,
    problems: SharedProblems,
) -> Result<Option<ClientConfig>, NatsSettingsError> {
    let roots = match ca_file {
        Some(file) => {
            let roots = authorities(&std::fs::read(file).unwrap_or_default());
            if roots.is_empty() {
                return Err(NatsSettingsError::Certificates { path: file.to_owned() });
            }
            roots
        }
        None => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            roots
        }
    };
    let provider = Arc::new(ring::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let Ok(inner) = verifier else { return Ok(None) };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for all versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(ReportingVerifier { inner, problems }));
    Ok(Some(config.with_no_client_auth()))
}

/// Verifies as rustls does, and remembers why a certificate was rejected.
#[derive(Debug)]
struct ReportingVerifier {
    inner: Arc<WebPkiServerVerifier>,
    problems: SharedProblems,
}

impl ServerCertVerifier for ReportingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        if let Err(error) = &verified {
            self.problems.reject_certificate(explain(error));
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

fn explain(error: &Error) -> &'static str {
    match error {
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the certificate of NATS has expired"
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the certificate of NATS does not name the host of NATS_URL",
        _ => "the certificate of NATS is not trusted; see NATS_CA_FILE",
    }
}
