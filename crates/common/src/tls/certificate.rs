//! The parts of a certificate that webpki does not expose: its common name, and the kinds of its alternative names.

use std::net::IpAddr;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// The names of a certificate that decide whether its common name may be used in place of alternative names.
#[derive(Debug, Default)]
pub(super) struct CertificateNames<'a> {
    common: Option<&'a str>,
    dns: bool,
    addresses: bool,
}

impl<'a> CertificateNames<'a> {
    /// Parses the names; None when the certificate is malformed.
    pub(super) fn parse(certificate: &'a [u8]) -> Option<Self> {
        let fields = to_be_signed(certificate)?;
        // The fields: version and serial number, algorithm, issuer, validity, subject. The version is tagged.
        let mut sequences = fields.iter().filter(|(tag, _)| *tag == SEQUENCE).map(|(_, content)| *content);
        let subject = sequences.nth(3)?;
        let mut names = Self { common: common_name(subject), ..Self::default() };
        let extensions = fields.iter().find(|(tag, _)| *tag == EXTENSIONS);
        for name in extensions.map_or_else(Vec::new, |(_, content)| alternative_names(content)) {
            names.dns |= name == DNS_NAME;
            names.addresses |= name == IP_ADDRESS;
        }
        Some(names)
    }

    /// Whether the common name is this DNS name, and there is no alternative DNS name.
    pub(super) fn common_name_is_host(&self, host: &str) -> bool {
        let matches = |name: &str| match name.strip_prefix("*.") {
            Some(parent) => host.split_once('.').is_some_and(|(label, rest)| {
                !label.is_empty() && parent.contains('.') && rest.eq_ignore_ascii_case(parent)
            }),
            None => name.eq_ignore_ascii_case(host),
        };
        !self.dns && self.common.is_some_and(matches)
    }

    /// Whether the common name is this address, and there is no alternative name.
    pub(super) fn common_name_is_address(&self, address: IpAddr) -> bool {
        let matches = |name: &str| name.parse() == Ok(address);
        !self.dns && !self.addresses && self.common.is_some_and(matches)
    }
}

fn to_be_signed(certificate: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let certificate = only(certificate, SEQUENCE)?;
    let (tag, content, _) = element(certificate)?;
    (tag == SEQUENCE).then(|| elements(content)).flatten()
}

/// The first common name of a subject.
fn common_name(subject: &[u8]) -> Option<&str> {
    for (_, set) in elements(subject)?.into_iter().filter(|(tag, _)| *tag == SET) {
        for (_, attribute) in elements(set)? {
            if let [(OBJECT_IDENTIFIER, COMMON_NAME), (_, value)] = elements(attribute)?[..] {
                return std::str::from_utf8(value).ok().filter(|name| !name.contains('\0'));
            }
        }
    }
    None
}

/// The tags of the alternative names.
fn alternative_names(extensions: &[u8]) -> Vec<u8> {
    let find = || {
        for (_, extension) in elements(only(extensions, SEQUENCE)?)? {
            let parts = elements(extension)?;
            if parts.first() == Some(&(OBJECT_IDENTIFIER, SUBJECT_ALTERNATIVE_NAME)) {
                let (_, value) = parts.iter().find(|(tag, _)| *tag == OCTET_STRING)?;
                return elements(only(value, SEQUENCE)?);
            }
        }
        None
    };
    find().unwrap_or_default().into_iter().map(|(tag, _)| tag).collect()
}

/// The content of the input's only element.
fn only(input: &[u8], expected: u8) -> Option<&[u8]> {
    let (tag, content, rest) = element(input)?;
    (tag == expected && rest.is_empty()).then_some(content)
}

/// All elements of the input, by tag and content.
fn elements(mut input: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut found = Vec::new();
    while !input.is_empty() {
        let (tag, content, rest) = element(input)?;
        found.push((tag, content));
        input = rest;
    }
    Some(found)
}

/// The first element in DER: its tag, its content, and the rest of the input.
fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        ..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}
