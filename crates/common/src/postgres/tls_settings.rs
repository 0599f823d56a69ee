//! `sslmode` and the files that TLS takes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, SupportedProtocolVersion};

use super::target::Values;
use crate::tls::{self, TrustedRoots, Unverified};

/// How much TLS is asked for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Mode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// The roots to trust.
#[derive(Clone, Debug)]
enum Roots {
    /// Those of the system, or of `SSL_CERT_FILE`.
    System,
    /// Those of a file.
    File(PathBuf),
    /// Those of a file, where it exists.
    DefaultFile(PathBuf),
    Unset,
}

/// Everything about TLS that an address sets.
#[derive(Clone)]
pub(super) struct TlsSettings {
    pub(super) mode: Mode,
    /// Whether the mode was chosen by the operator and is not the default.
    pub(super) mode_is_chosen: bool,
    roots: Roots,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    versions: Vec<&'static SupportedProtocolVersion>,
}

impl TlsSettings {
    pub(super) fn read(values: &Values<'_>) -> Result<Self, String> {
        let (mode, mode_is_chosen, roots) = mode_and_roots(values)?;
        let in_home = |name: &str| values.environment().in_home(name).filter(|path| path.exists());
        let named = |keyword| values.get(keyword).map(PathBuf::from);
        let certificate = named("sslcert").or_else(|| in_home(".postgresql/postgresql.crt"));
        let key = named("sslkey").or_else(|| in_home(".postgresql/postgresql.key"));
        Ok(Self { mode, mode_is_chosen, roots, certificate, key, versions: versions(values)? })
    }

    /// The configuration of a handshake. The files are read now: they may have been renewed.
    ///
    /// # Errors
    /// What is wrong with a file. Its path is not shown, as it is a part of the address.
    pub(super) fn config(&self) -> Result<ClientConfig, String> {
        let checks_names = self.mode == Mode::VerifyFull;
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
            Roots::File(path) => certificates(path, "sslrootcert").map(Some),
            Roots::DefaultFile(path) if path.exists() => {
                certificates(path, "~/.postgresql/root.crt, the default of sslrootcert,").map(Some)
            }
            Roots::System => Ok(Some(tls::system_roots())),
            _ if self.mode >= Mode::VerifyCa => Ok(Some(tls::system_roots())),
            _ => Ok(None),
        }
    }
}

fn mode_and_roots(values: &Values<'_>) -> Result<(Mode, bool, Roots), String> {
    let roots = match values.get("sslrootcert") {
        Some("system") => Roots::System,
        Some(path) => Roots::File(path.into()),
        None => {
            let default = values.environment().in_home(".postgresql/root.crt");
            default.map_or(Roots::Unset, Roots::DefaultFile)
        }
    };
    let required = || (values.environment().variable("PGREQUIRESSL")?.starts_with('1')).then_some("require");
    let (mode, chosen) = match values.get("sslmode").or_else(required) {
        Some("disable") => (Mode::Disable, true),
        Some("prefer") => (Mode::Prefer, true),
        Some("require") => (Mode::Require, true),
        Some("verify-ca") => (Mode::VerifyCa, true),
        Some("verify-full") => (Mode::VerifyFull, true),
        None if matches!(roots, Roots::System) => (Mode::VerifyFull, true),
        None => (Mode::Prefer, false),
        Some("allow") => return Err("sslmode=allow is not supported; use prefer or require".to_owned()),
        Some(_) => {
            return Err(
                "has an sslmode other than disable, prefer, require, verify-ca and verify-full".to_owned()
            );
        }
    };
    if matches!(roots, Roots::System) && mode != Mode::VerifyFull {
        return Err("has sslrootcert=system, which needs sslmode=verify-full".to_owned());
    }
    Ok((mode, chosen, roots))
}

fn versions(values: &Values<'_>) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    const NAMES: [&str; 4] = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

    let place = |keyword: &str, default| match values.get(keyword) {
        None => Ok(default),
        Some(value) => NAMES
            .iter()
            .position(|name| name.eq_ignore_ascii_case(value))
            .ok_or_else(|| format!("has an {keyword} other than TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3")),
    };
    let (least, most) = (place("ssl_min_protocol_version", 2)?, place("ssl_max_protocol_version", 3)?);
    let supported = [(2, &rustls::version::TLS12), (3, &rustls::version::TLS13)];
    let allowed = supported.into_iter().filter(|(place, _)| (least..=most).contains(place));
    let versions: Vec<_> = allowed.map(|(_, version)| version).collect();
    if versions.is_empty() {
        return Err("allows no version of TLS that is supported; those are TLSv1.2 and TLSv1.3".to_owned());
    }
    Ok(versions)
}

fn read(path: &Path, what: &str) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("the file of {what} can't be read: {}", error.kind()))
}

fn certificates(path: &Path, what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path, what)?).collect();
    let found = found.unwrap_or_default();
    if found.is_empty() {
        Err(format!("the file of {what} contains no certificate in PEM"))
    } else {
        Ok(found)
    }
}
