//! `sslmode`, and the files for TLS.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, SupportedProtocolVersion};

use super::values::Values;
use crate::config::input_file;
use crate::tls::{self, TrustedRoots, Unverified};

/// The value of `sslmode`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum SslMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// The source of the trusted roots.
#[derive(Clone, Debug)]
enum TrustedRootSource {
    /// The certificates of the system, or of `SSL_CERT_FILE`.
    System,
    /// A file.
    File(PathBuf),
    /// A file that may be absent.
    DefaultFile(PathBuf),
    Unset,
}

/// The settings of an address for TLS.
#[derive(Clone)]
pub(super) struct TlsSettings {
    pub(super) mode: SslMode,
    /// Whether the operator has set the mode.
    pub(super) mode_is_chosen: bool,
    roots: TrustedRootSource,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    versions: Vec<&'static SupportedProtocolVersion>,
}

impl TlsSettings {
    pub(super) fn read(values: &Values<'_>) -> Result<Self, String> {
        let (mode, mode_is_chosen, roots) = mode_and_roots(values)?;
        let in_home = |name: &str| values.environment.in_home(name).filter(|path| path.exists());
        let named = |keyword| values.get(keyword).map(PathBuf::from);
        let certificate = named("sslcert").or_else(|| in_home(".postgresql/postgresql.crt"));
        let key = named("sslkey").or_else(|| in_home(".postgresql/postgresql.key"));
        Ok(Self { mode, mode_is_chosen, roots, certificate, key, versions: versions(values)? })
    }

    /// The configuration of a handshake. It reads the files each time, because they may have been renewed.
    ///
    /// # Errors
    /// What is wrong with a file. The error does not contain its path, which is a part of the address.
    pub(super) fn config(&self) -> Result<ClientConfig, String> {
        let checks_names = self.mode == SslMode::VerifyFull;
        let verifier: Arc<dyn ServerCertVerifier> = match self.roots()? {
            Some(roots) => Arc::new(TrustedRoots::new(roots, checks_names)),
            None => Arc::new(Unverified),
        };
        let config = tls::with_verifier(&self.versions, verifier);
        let Some(certificate) = &self.certificate else {
            return Ok(config.with_no_client_auth());
        };
        let key = self.key.as_ref().ok_or("sslcert is set without sslkey")?;
        let chain = certificates(certificate, "sslcert")?;
        if let Err(webpki::Error::UnsupportedCertVersion) = webpki::EndEntityCert::try_from(&chain[0]) {
            return Err("the certificate of sslcert is of X.509 version 1, which is not supported; make one of version 3"
                .to_owned());
        }
        let key = PrivateKeyDer::from_pem_slice(&read(key, "sslkey")?)
            .map_err(|_| "the file of sslkey contains no private key in PEM without a password")?;
        let config = config.with_client_auth_cert(chain, key);
        config.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                "the key of sslkey does not belong to the certificate of sslcert".to_owned()
            }
            _ => "the certificate of sslcert or the key of sslkey is of a kind that is not supported"
                .to_owned(),
        })
    }

    /// The roots to verify the server with; None when it is not verified.
    fn roots(&self) -> Result<Option<Vec<CertificateDer<'static>>>, String> {
        match &self.roots {
            TrustedRootSource::File(path) => certificates(path, "sslrootcert").map(Some),
            TrustedRootSource::DefaultFile(path) if path.exists() => {
                certificates(path, "~/.postgresql/root.crt, the default of sslrootcert,").map(Some)
            }
            TrustedRootSource::System => Ok(Some(tls::system_roots())),
            _ if self.mode >= SslMode::VerifyCa => Ok(Some(tls::system_roots())),
            _ => Ok(None),
        }
    }
}

fn mode_and_roots(values: &Values<'_>) -> Result<(SslMode, bool, TrustedRootSource), String> {
    let roots = match values.get("sslrootcert") {
        Some("system") => TrustedRootSource::System,
        Some(path) => TrustedRootSource::File(path.into()),
        None => {
            let default = values.environment.in_home(".postgresql/root.crt");
            default.map_or(TrustedRootSource::Unset, TrustedRootSource::DefaultFile)
        }
    };
    let required = || (values.environment.variable("PGREQUIRESSL")?.starts_with('1')).then_some("require");
    let (mode, chosen) = match values.get("sslmode").or_else(required) {
        Some("disable") => (SslMode::Disable, true),
        Some("prefer") => (SslMode::Prefer, true),
        Some("require") => (SslMode::Require, true),
        Some("verify-ca") => (SslMode::VerifyCa, true),
        Some("verify-full") => (SslMode::VerifyFull, true),
        None if matches!(roots, TrustedRootSource::System) => (SslMode::VerifyFull, true),
        None => (SslMode::Prefer, false),
        Some("allow") => return Err("sslmode=allow is not supported; use prefer or require".to_owned()),
        Some(_) => {
            return Err(
                "has an sslmode other than disable, prefer, require, verify-ca and verify-full".to_owned()
            );
        }
    };
    if matches!(roots, TrustedRootSource::System) && mode != SslMode::VerifyFull {
        return Err("has sslrootcert=system, which needs sslmode=verify-full".to_owned());
    }
    Ok((mode, chosen, roots))
}

fn versions(values: &Values<'_>) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    const NAMES: [&str; 4] = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

    let position = |keyword: &str, default| match values.get(keyword) {
        None => Ok(default),
        Some(value) => NAMES
            .iter()
            .position(|name| name.eq_ignore_ascii_case(value))
            .ok_or_else(|| format!("has an {keyword} other than TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3")),
    };
    let min = position("ssl_min_protocol_version", 2)?;
    let max = position("ssl_max_protocol_version", 3)?;
    let supported = [(2, &rustls::version::TLS12), (3, &rustls::version::TLS13)];
    let allowed = supported.into_iter().filter(|(version, _)| (min..=max).contains(version));
    let versions: Vec<_> = allowed.map(|(_, version)| version).collect();
    if versions.is_empty() {
        return Err("allows no version of TLS that is supported; those are TLSv1.2 and TLSv1.3".to_owned());
    }
    Ok(versions)
}

fn read(path: &Path, keyword: &str) -> Result<Vec<u8>, String> {
    input_file::read(path, input_file::MAX_BYTES)
        .map_err(|error| format!("the file of {keyword} can't be read: {error}"))
}

fn certificates(path: &Path, keyword: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path, keyword)?).collect();
    let found = found.unwrap_or_default();
    if found.is_empty() {
        Err(format!("the file of {keyword} contains no certificate in PEM"))
    } else {
        Ok(found)
    }
}
