use super::*;
use alloc::vec;
use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    SanType,
};
use std::{net::Ipv4Addr, string::String};

fn certificate(common_names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut parameters = CertificateParams::new(vec![]).expect("parameters");
    parameters.distinguished_name.remove(DnType::CommonName);
    // rcgen stores one value per type; a custom type with the same identifier allows a second common name.
    let types = [DnType::CommonName, DnType::CustomDnType(vec![2, 5, 4, 3])];
    for (kind, name) in types.into_iter().zip(common_names) {
        parameters.distinguished_name.push(kind, *name);
    }
    change(&mut parameters);
    let key = KeyPair::generate().expect("a key");
    parameters.self_signed(&key).expect("a certificate").der().to_vec()
}

fn matches(der: &[u8], host: &str) -> bool {
    Certificate::parse(der)
        .expect("a certificate")
        .common_name_matches(host, host.parse::<Ipv4Addr>().is_err())
}

#[test]
fn the_last_common_name_is_compared() {
    let der = certificate(&["first.test", "last.test"], |_| {});
    assert!(matches(&der, "last.test") && !matches(&der, "first.test"));
    assert!(!matches(&certificate(&[], |_| {}), ""));
}

#[test]
fn alternative_names_of_hosts_replace_the_common_name() {
    let with = |name: SanType| {
        matches(&certificate(&["a.test"], |parameters| parameters.subject_alt_names.push(name)), "a.test")
    };
    assert!(!with(SanType::DnsName("b.test".try_into().expect("a name"))));
    assert!(!with(SanType::IpAddress(Ipv4Addr::LOCALHOST.into())));
    assert!(with(SanType::Rfc822Name("a@b.test".try_into().expect("an address"))));
}

#[test]
fn wildcards_match_as_in_curl() {
    for (pattern, host, expected) in [
        ("a.test", "A.TEST", true),
        ("a.test.", "a.test", true),
        ("a.test", "a.test.", true),
        ("*.b.test", "a.b.test", true),
        ("*.B.test", "a.b.TEST", true),
        ("*.b.test", "a.a.b.test", false),
        ("*.b.test", "b.test", false),
        ("*.b.test", ".b.test", false),
        ("*.test", "a.test", false),
        ("*", "a", false),
        ("a*.b.test", "ab.b.test", false),
        ("a.*.test", "a.b.test", false),
        ("10.0.0.1", "10.0.0.1", true),
        ("*.0.0.1", "10.0.0.1", false),
        ("", "a", false),
    ] {
        assert_eq!(matches(&certificate(&[pattern], |_| {}), host), expected, "{pattern} for {host}");
    }
}

#[test]
fn a_certificate_for_other_usages_does_not_allow_servers() {
    let allowed = |usages: &[KeyUsagePurpose], extended: &[ExtendedKeyUsagePurpose]| {
        let der = certificate(&[], |parameters| {
            parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            parameters.key_usages = usages.to_vec();
            parameters.extended_key_usages = extended.to_vec();
        });
        Certificate::parse(&der).expect("a certificate").allows_servers()
    };
    let (server, client) = (ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth);
    assert!(allowed(&[], &[]));
    assert!(allowed(&[KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature], &[]));
    assert!(!allowed(&[KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign], &[]));
    assert!(allowed(&[], &[client.clone(), server]));
    assert!(!allowed(&[], &[client]));
    assert!(!allowed(&[], &[ExtendedKeyUsagePurpose::Any]));
}

/// The certificate without its version field.
fn version_1(der: &[u8]) -> Vec<u8> {
    let (_, certificate) = DerElements(der).next().expect("a certificate");
    let mut parts = DerElements(certificate);
    let (_, signed) = parts.next().expect("the signed part");
    let signed = signed.strip_prefix(&VERSION_3).expect("version 3");
    sequence(&[&sequence(&[signed]).expect("short"), parts.0]).expect("short")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn version_1_becomes_version_3(name in "[a-z]{1,60}") {
        let der = certificate(&[&name], |parameters| parameters.custom_extensions.clear());
        prop_assert_eq!(to_version_3(&der), None);
        let old = version_1(&der);
        prop_assert!(matches(&old, &name));
        prop_assert_eq!(to_version_3(&old), Some(der));
    }

    #[test]
    fn an_encoded_length_decodes_to_the_same_length(length in prop_oneof![0..300_usize, 65_000..65_536_usize]) {
        let content = vec![7; length];
        let written = sequence(&[&content]).expect("short enough");
        let mut elements = DerElements(&written);
        prop_assert_eq!(elements.next(), Some((SEQUENCE, &content[..])));
        prop_assert_eq!(elements.next(), None);
    }

    #[test]
    fn no_bytes_crash_it(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut der = certificate(&["a.test"], |parameters| {
            parameters.subject_alt_names.push(SanType::DnsName(String::from("b.test").try_into().expect("a name")));
            parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        });
        let at = at.index(der.len());
        der[at] = byte;
        der.truncate(cut.index(der.len()));
        if let Some(certificate) = Certificate::parse(&der) {
            certificate.common_name_matches("a.test", true);
            certificate.allows_servers();
        }
        to_version_3(&der);
    }
}
