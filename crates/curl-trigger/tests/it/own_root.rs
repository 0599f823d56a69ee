//! A server certificate that is itself in the CA file, compared with Debian's curl.

use std::thread;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType,
    date_time_ymd,
};
use rustls::{
    SupportedProtocolVersion,
    version::{TLS12, TLS13},
};

use crate::support::{
    authority::{Authority, ServerCertificate},
    program::{EmptyRoot, curl, tls},
};

const HOST: &str = "backend.test";

/// Calls the host with both programs, which trust only this certificate, and compares the exit codes.
fn compare(
    about: &str,
    served: &ServerCertificate,
    trusted: &ServerCertificate,
    host: &str,
    code: i32,
    version: &'static SupportedProtocolVersion,
) {
    let port = served.serve(version);
    let url = format!("https://{host}:{port}/");
    let hosts = format!("127.0.0.1 {host}\n");
    let root = EmptyRoot::new(tls(), &[("ca.crt", &trusted.pem()), ("etc/hosts", &hosts)]);
    let ours = root.run(&["-sS", "--cacert", "/ca.crt", &url], &[]);
    let resolve = format!("{host}:{port}:127.0.0.1");
    let theirs = curl(&["-sS", "--resolve", &resolve, "--cacert", &root.path("ca.crt"), &url]);
    let codes = (theirs.code, ours.code);
    assert_eq!(codes, (Some(code), Some(code)), "{about}: curl {}; curl-trigger {}", theirs.err, ours.err);
    assert_eq!(theirs.out, ours.out, "{about}");
}

type ChangeParameters = fn(&mut CertificateParams);

/// Each case has a description, the common name of a certificate, its other parameters, a host, and the exit code.
fn compare_all(cases: &[(&str, &str, ChangeParameters, &str, i32)]) {
    thread::scope(|scope| {
        for (about, common_name, change, host, code) in cases {
            scope.spawn(move || {
                let certificate = ServerCertificate::self_signed(common_name, change);
                compare(about, &certificate, &certificate, host, *code, &TLS13);
            });
        }
    });
}

fn unchanged(_: &mut CertificateParams) {}

fn authority(parameters: &mut CertificateParams) {
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

fn names(parameters: &mut CertificateParams, name: &str) {
    parameters.subject_alt_names.push(SanType::DnsName(name.try_into().expect("a name")));
}

#[test]
fn it_is_accepted_with_and_without_the_properties_of_an_authority() {
    compare_all(&[
        ("without basic constraints", HOST, unchanged, HOST, 0),
        ("CA:TRUE", HOST, authority, HOST, 0),
        ("CA:FALSE", HOST, |parameters| parameters.is_ca = IsCa::ExplicitNoCa, HOST, 0),
        ("CA:TRUE with an alternative name", "x", |p| (authority(p), names(p, HOST)).1, HOST, 0),
        ("CA:FALSE with an alternative name", "x", |parameters| names(parameters, HOST), HOST, 0),
    ]);
}

#[test]
fn the_name_is_checked_as_curl_checks_it() {
    compare_all(&[
        ("another common name", "other.test", authority, HOST, 60),
        ("another alternative name", "x", |p| (authority(p), names(p, "other.test")).1, HOST, 60),
        ("an alternative name beside it", HOST, |p| names(p, "other.test"), HOST, 60),
        ("an address beside it", HOST, |p| p.subject_alt_names.push(loopback(2)), HOST, 60),
        ("a mail address beside it", HOST, |p| p.subject_alt_names.push(mail()), HOST, 0),
        ("upper case", "BACKEND.test", authority, HOST, 0),
        ("a wildcard", "*.backend.test", authority, "a.backend.test", 0),
        ("a wildcard for two labels", "*.backend.test", authority, "a.b.backend.test", 60),
        ("a wildcard below a top-level domain", "*.test", authority, HOST, 60),
        ("a wildcard within a label", "back*.b.test", authority, "backend.b.test", 60),
    ]);
}

#[test]
fn addresses_are_checked_as_curl_checks_them() {
    compare_all(&[
        ("an address as the common name", "127.0.0.1", authority, "127.0.0.1", 0),
        ("another address as the common name", "127.0.0.2", authority, "127.0.0.1", 60),
        ("a wildcard for an address", "*.0.0.1", authority, "127.0.0.1", 60),
        ("an address as alternative name", "x", |p| p.subject_alt_names.push(loopback(1)), "127.0.0.1", 0),
        ("another one", "127.0.0.1", |p| p.subject_alt_names.push(loopback(2)), "127.0.0.1", 60),
        ("a name beside it", "127.0.0.1", |p| names(p, HOST), "127.0.0.1", 60),
    ]);
}

#[test]
fn the_validity_period_is_checked() {
    let past: ChangeParameters = |p| (authority(p), p.not_after = date_time_ymd(2020, 1, 1)).1;
    let future: ChangeParameters = |p| (authority(p), p.not_before = date_time_ymd(3020, 1, 1)).1;
    compare_all(&[
        ("CA:TRUE, expired", HOST, past, HOST, 60),
        ("CA:TRUE, not yet valid", HOST, future, HOST, 60),
        ("CA:FALSE, expired", HOST, |p| p.not_after = date_time_ymd(2020, 1, 1), HOST, 60),
        ("CA:FALSE, not yet valid", HOST, |p| p.not_before = date_time_ymd(3020, 1, 1), HOST, 60),
    ]);
}

#[test]
fn the_key_usage_is_checked() {
    compare_all(&[
        ("for clients only", HOST, |p| client(p), HOST, 60),
        ("CA:TRUE, for clients only", HOST, |p| (authority(p), client(p)).1, HOST, 60),
        ("CA:TRUE, for signing certificates only", HOST, |p| (authority(p), signs(p)).1, HOST, 60),
    ]);
}

#[test]
fn another_certificate_with_the_same_name_is_rejected() {
    for change in [unchanged as ChangeParameters, authority] {
        let (served, trusted) =
            (ServerCertificate::self_signed(HOST, change), ServerCertificate::self_signed(HOST, change));
        compare("another key", &served, &trusted, HOST, 60, &TLS13);
    }
}

#[test]
fn a_certificate_of_version_1_is_accepted_as_its_own_root() {
    for version in [&TLS12, &TLS13] {
        let certificate = ServerCertificate::self_signed(HOST, unchanged).version_1();
        compare("version 1", &certificate, &certificate, HOST, 0, version);
        compare("version 1, another name", &certificate, &certificate, "other.test", 60, version);
    }
    let expired =
        ServerCertificate::self_signed(HOST, |p| p.not_after = date_time_ymd(2020, 1, 1)).version_1();
    compare("version 1, expired", &expired, &expired, HOST, 60, &TLS13);
    let (served, trusted) =
        (ServerCertificate::self_signed(HOST, unchanged), ServerCertificate::self_signed(HOST, unchanged));
    compare("version 1, another key", &served.version_1(), &trusted.version_1(), HOST, 60, &TLS13);
}

#[test]
fn a_certificate_that_an_authority_issued_is_accepted_as_a_root() {
    let mut parameters = CertificateParams::new(vec![HOST.to_string()]).expect("parameters");
    let certificate = Authority::new().issue(&parameters);
    compare("an alternative name", &certificate, &certificate, HOST, 0, &TLS13);
    parameters = CertificateParams::new(vec![]).expect("parameters");
    parameters.distinguished_name.push(DnType::CommonName, HOST);
    let certificate = Authority::new().issue(&parameters);
    compare("a common name", &certificate, &certificate, HOST, 0, &TLS13);
}

#[test]
fn a_certificate_below_a_root_needs_alternative_names() {
    let mut parameters = CertificateParams::new(vec![]).expect("parameters");
    parameters.distinguished_name.push(DnType::CommonName, "127.0.0.1");
    let authority = Authority::new();
    let url = format!("https://127.0.0.1:{}/", authority.issue(&parameters).serve(&TLS13));
    let root = EmptyRoot::new(tls(), &[("ca.crt", &authority.pem)]);
    curl(&["-sS", "--cacert", &root.path("ca.crt"), &url]).exits(0);
    root.run(&["-sS", "--cacert", "/ca.crt", &url], &[]).exits(60);
}

#[test]
fn it_is_accepted_with_both_versions_of_tls_and_both_variables() {
    let certificate = ServerCertificate::self_signed("127.0.0.1", authority);
    for version in [&TLS12, &TLS13] {
        let url = format!("https://127.0.0.1:{}/", certificate.serve(version));
        let root = EmptyRoot::new(tls(), &[("server.crt", &certificate.pem())]);
        for variable in ["CURL_CA_BUNDLE", "SSL_CERT_FILE"] {
            root.run(&["-sS", &url], &[(variable, "/server.crt")]).exits(0);
        }
    }
}

#[test]
fn the_error_contains_the_reason() {
    let expired =
        ServerCertificate::self_signed(HOST, |p| (authority(p), p.not_after = date_time_ymd(2020, 1, 1)).1);
    for (certificate, part) in
        [(expired, "expired"), (ServerCertificate::self_signed("x", authority), "another name")]
    {
        let hosts = format!("127.0.0.1 {HOST}\n");
        let root = EmptyRoot::new(tls(), &[("ca.crt", &certificate.pem()), ("etc/hosts", &hosts)]);
        let url = format!("https://{HOST}:{}/", certificate.serve(&TLS13));
        let output = root.run(&["-sS", "--cacert", "/ca.crt", &url], &[]).exits(60);
        assert!(output.err.contains(part), "{}", output.err);
    }
}

fn loopback(last: u8) -> SanType {
    SanType::IpAddress([127, 0, 0, last].into())
}

fn mail() -> SanType {
    SanType::Rfc822Name("a@b.test".try_into().expect("an address"))
}

fn client(parameters: &mut CertificateParams) {
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}

fn signs(parameters: &mut CertificateParams) {
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
}
