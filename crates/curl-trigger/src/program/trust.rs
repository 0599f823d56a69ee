//! The verification of server certificates.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt;

use curl_trigger::{
    certificate::{Certificate, split, to_version_3},
    exit::{ExitCode, Failure},
    plan::{Plan, SERVICE_ACCOUNT_CA, SYSTEM_CA},
};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{
        WebPkiSupportedAlgorithms, ring::default_provider, verify_tls12_signature, verify_tls13_signature,
    },
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};

use crate::files;

/// The maximum size of a CA file, in bytes. The file of the public authorities has a quarter of a megabyte.
const MAX_CA_FILE: usize = 4 * 1024 * 1024;

/// Accepts a chain to one of the roots, and a root itself as the server's certificate; with `-k`, any certificate.
///
/// The second is a rule of curl that webpki does not have. It does not weaken the verification: the owner of a root's
/// key can sign a certificate that webpki accepts.
pub(crate) struct CertificateVerifier {
    roots: RootCertStore,
    /// The certificates that the roots were read from.
    certificates: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
    host: String,
    /// `-k`
    accepts_any: bool,
}

impl CertificateVerifier {
    /// Reads the trusted authorities: those of the configured file, else those of the cluster and of the system.
    pub(crate) fn new(plan: &Plan, host: String) -> Result<Arc<Self>, Failure> {
        let algorithms = default_provider().signature_verification_algorithms;
        let accepts_any = plan.insecure;
        let mut trust =
            Self { roots: RootCertStore::empty(), certificates: Vec::new(), algorithms, host, accepts_any };
        if accepts_any {
            return Ok(Arc::new(trust));
        }
        if let Some(path) = &plan.ca_file {
            let bytes = files::read(path, MAX_CA_FILE).map_err(|why| ca_failure(path, &why))?;
            trust.add(&bytes);
            if trust.roots.is_empty() {
                return Err(ca_failure(path, "it has no certificate"));
            }
            return Ok(Arc::new(trust));
        }
        for path in core::iter::once(SERVICE_ACCOUNT_CA).chain(SYSTEM_CA) {
            files::read(path, MAX_CA_FILE).map(|bytes| trust.add(&bytes)).unwrap_or_default();
        }
        if trust.roots.is_empty() {
            return Err(ca_failure(
                SERVICE_ACCOUNT_CA,
                "and there is no CA file of the system: set one with --cacert",
            ));
        }
        Ok(Arc::new(trust))
    }

    /// Adds the certificates that can be used as authorities: a bundle in PEM form, or DER certificates as in the image.
    fn add(&mut self, bytes: &[u8]) {
        for der in split(bytes) {
            self.roots.add_parsable_certificates([CertificateDer::from(der)]);
        }
        for certificate in CertificateDer::pem_slice_iter(bytes).filter_map(Result::ok) {
            self.roots.add_parsable_certificates([CertificateDer::from(certificate.as_ref())]);
            self.certificates.push(certificate);
        }
    }

    /// Checks a certificate that is a root itself: its validity period, its key usages and the host.
    fn verify_root(
        &self,
        der: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let supported = supported(der);
        let certificate = ParsedCertificate::try_from(&supported)?;
        // Without roots, rustls checks only the certificate itself, starting with its validity period. Without the
        // standard library, it reports the certificate of an authority as `Other`.
        let roots = RootCertStore::empty();
        let checked =
            verify_server_cert_signed_by_trust_anchor(&certificate, &roots, &[], now, self.algorithms.all);
        match checked {
            Ok(())
            | Err(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::Other(_))) => {
            }
            Err(error) => return Err(error),
        }
        let parsed = Certificate::parse(der).filter(Certificate::allows_servers);
        let parsed = parsed.ok_or(CertificateError::InvalidPurpose)?;
        let is_name = matches!(name, ServerName::DnsName(_));
        verify_server_name(&certificate, name).or_else(|error| match error {
            Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) if parsed.common_name_matches(&self.host, is_name) => Ok(()),
            error => Err(error),
        })
    }
}

impl fmt::Debug for CertificateVerifier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Trust")
    }
}

impl ServerCertVerifier for CertificateVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.accepts_any {
            return Ok(ServerCertVerified::assertion());
        }
        if self.certificates.iter().any(|root| root.as_ref() == end_entity.as_ref()) {
            self.verify_root(end_entity, name, now)?;
        } else {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let (roots, algorithms) = (&self.roots, self.algorithms.all);
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)?;
            verify_server_name(&certificate, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, &supported(certificate), signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, &supported(certificate), signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Converts a certificate to a version that webpki parses.
fn supported<'a>(certificate: &'a CertificateDer<'_>) -> CertificateDer<'a> {
    to_version_3(certificate).map_or_else(|| CertificateDer::from(certificate.as_ref()), CertificateDer::from)
}

fn ca_failure(path: &str, why: &str) -> Failure {
    Failure::new(ExitCode::CaFile, format_args!("the CA file {path} can't be used: {why}"))
}
