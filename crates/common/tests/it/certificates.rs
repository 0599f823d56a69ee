//! Certificates for the servers and clients of the tests.

use std::process::Command;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    date_time_ymd,
};
use tempfile::NamedTempFile;

/// A certificate and its key, as PEM.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// An authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn root(&self) -> String {
        self.0.pem()
    }

    /// A certificate with a common name and alternative names.
    pub(crate) fn issue(&self, common_name: &str, names: &[&str]) -> Certificate {
        self.issue_with(common_name, names, |_| {})
    }

    /// A certificate that was valid for a day in the year 2001.
    pub(crate) fn issue_expired(&self, names: &[&str]) -> Certificate {
        self.issue_with("expired", names, |params| {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 2);
        })
    }

    fn issue_with(
        &self,
        common_name: &str,
        names: &[&str],
        change: impl Fn(&mut CertificateParams),
    ) -> Certificate {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = named(common_name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Certificate { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// The self-signed certificate of the Postgres manual: version 3, marked as a CA, without alternative names.
pub(crate) fn self_signed_by_the_manual(name: &str) -> Certificate {
    let subject = format!("/CN={name}");
    openssl(&["req", "-new", "-x509", "-days", "365", "-nodes", "-text", "-subj", &subject])
}

/// A self-signed certificate with a key on the curve P-521, which is not supported.
pub(crate) fn on_curve_p521(name: &str) -> Certificate {
    let subject = format!("/CN={name}");
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp521r1"];
    openssl(&[&["req", "-new", "-x509", "-days", "365", "-nodes", "-subj", &subject], &key[..]].concat())
}

/// A self-signed certificate of X.509 version 1.
pub(crate) fn version_1(name: &str) -> Certificate {
    let subject = format!("/CN={name}");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (request, key, certificate) = (path("request"), path("key"), path("certificate"));
    run(&["req", "-new", "-nodes", "-subj", &subject, "-out", &request, "-keyout", &key]);
    run(&["x509", "-req", "-in", &request, "-signkey", &key, "-days", "365", "-out", &certificate]);
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    Certificate { certificate: read(&certificate), key: read(&key) }
}

fn openssl(arguments: &[&str]) -> Certificate {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("certificate"), folder.path().join("key"));
    let files = ["-out", certificate.to_str().unwrap(), "-keyout", key.to_str().unwrap()];
    run(&[arguments, &files].concat());
    let read = |path| std::fs::read_to_string(path).unwrap();
    Certificate { certificate: read(&certificate), key: read(&key) }
}

fn run(arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).output();
    let output = output.expect("openssl is installed: apt-get install openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A file with this content, for a parameter such as `sslrootcert`.
pub(crate) fn file(content: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    file
}
