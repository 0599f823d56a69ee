//! Verification of server certificates.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage};

use super::certificate::CertificateNames;

fn algorithms() -> WebPkiSupportedAlgorithms {
    ring::default_provider().signature_verification_algorithms
}

/// Trusts servers whose certificate is issued by a root, or is itself a root.
///
/// OpenSSL, and therefore libpq and curl, accept a self-signed certificate that is its own root. webpki rejects it when it
/// is marked as a CA, as is the certificate that the commands in the Postgres manual create.
pub(crate) struct TrustedRoots {
    roots: Vec<CertificateDer<'static>>,
    anchors: RootCertStore,
    checks_names: bool,
}

impl TrustedRoots {
    /// Trusts only these roots. Without `checks_names`, a trusted server may have any name.
    pub(crate) fn new(roots: Vec<CertificateDer<'static>>, checks_names: bool) -> Self {
        let mut anchors = RootCertStore::empty();
        anchors.add_parsable_certificates(roots.iter().cloned());
        Self { roots, anchors, checks_names }
    }

    fn check_chain(
        &self,
        certificate: &EndEntityCert<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), webpki::Error> {
        let usage = KeyUsage::server_auth();
        let anchors = &self.anchors.roots;
        let verified =
            certificate.verify_for_usage(algorithms().all, anchors, intermediates, now, usage, None, None);
        match verified {
            // webpki reports both errors after it has checked the validity period.
            Err(webpki::Error::CaUsedAsEndEntity | webpki::Error::UnknownIssuer)
                if self.roots.contains(&certificate.der()) =>
            {
                Ok(())
            }
            outcome => outcome.map(drop),
        }
    }
}

/// Uses the common name where there is no alternative name of the host's kind, as libpq and curl do.
fn check_name(certificate: &EndEntityCert<'_>, name: &ServerName<'_>) -> Result<(), webpki::Error> {
    certificate.verify_is_valid_for_subject_name(name).or_else(|error| {
        let der = certificate.der();
        let names = CertificateNames::parse(&der).unwrap_or_default();
        let matches = match name {
            ServerName::DnsName(host) => names.common_name_is_host(host.as_ref()),
            ServerName::IpAddress(address) => names.common_name_is_address((*address).into()),
            _ => false,
        };
        if matches { Ok(()) } else { Err(error) }
    })
}

fn rejected(error: webpki::Error) -> Error {
    let problem = match error {
        webpki::Error::CertExpired { .. } | webpki::Error::InvalidCertValidity => CertificateError::Expired,
        webpki::Error::CertNotValidYet { .. } => CertificateError::NotValidYet,
        webpki::Error::CertNotValidForName(_) => CertificateError::NotValidForName,
        webpki::Error::UnknownIssuer => CertificateError::UnknownIssuer,
        webpki::Error::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        webpki::Error::BadDer | webpki::Error::BadDerTime => CertificateError::BadEncoding,
        other => CertificateError::Other(OtherError(Arc::new(other))),
    };
    Error::InvalidCertificate(problem)
}

impl ServerCertVerifier for TrustedRoots {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = EndEntityCert::try_from(end_entity).map_err(rejected)?;
        self.check_chain(&certificate, intermediates, now).map_err(rejected)?;
        if self.checks_names {
            check_name(&certificate, server_name).map_err(rejected)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &algorithms())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        algorithms().supported_schemes()
    }
}

impl fmt::Debug for TrustedRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (roots, checks_names) = (self.roots.len(), self.checks_names);
        f.debug_struct("TrustedRoots")
            .field("roots", &roots)
            .field("checks_names", &checks_names)
            .finish_non_exhaustive()
    }
}

/// Trusts every server, as `sslmode=prefer` and `require` of libpq do: the connection is encrypted, and the server is not
/// verified.
///
/// The signature of the handshake is not checked, because it proves nothing without a verified certificate. The certificate
/// is not parsed, so that certificates of X.509 version 1 work, which webpki can't parse.
#[cfg(feature = "postgres")]
#[derive(Debug)]
pub(crate) struct Unverified;

#[cfg(feature = "postgres")]
impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        algorithms().supported_schemes()
    }
}
