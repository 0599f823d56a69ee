//! The parts of an X.509 certificate (RFC 5280) that decide whether a server certificate in the CA file is accepted.
//!
//! webpki checks certificate chains. It does not compare the host with the subject's common name, does not parse
//! certificates of version 1, and does not check the key usage of a certificate of an authority. curl with OpenSSL
//! does all three, so that a certificate of `openssl req -x509 -subj /CN=host` works there with `--cacert`.

use alloc::vec::Vec;

const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// The context tags of a certificate's version and extensions.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// The context tags of DNS names and IP addresses in the alternative names.
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;
/// The version field of a certificate of version 3.
const VERSION_3: [u8; 5] = [VERSION, 3, 2, 1, 2];

const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 17];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
const SERVER_AUTHENTICATION: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
/// Digital signature, key encipherment and key agreement: a TLS server's key needs one of them.
const TLS_KEY_USAGES: u8 = 0x80 | 0x20 | 0x08;

/// The parts of a certificate that contain its hosts and key usages.
#[derive(Clone, Copy, Debug)]
pub struct Certificate<'a> {
    subject: &'a [u8],
    extensions: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Parses a certificate; `None` if it is malformed.
    pub fn parse(der: &'a [u8]) -> Option<Self> {
        let (_, certificate) = DerElements(der).next()?;
        let (_, signed) = DerElements(certificate).next()?;
        let mut fields = DerElements(signed).skip_while(|(tag, _)| *tag == VERSION);
        // The fields before the subject are serial number, algorithm, issuer and validity.
        let (_, subject) = fields.nth(4)?;
        let extensions = fields.find(|(tag, _)| *tag == EXTENSIONS);
        let extensions = extensions.and_then(|(_, list)| DerElements(list).next()).unwrap_or_default().1;
        Some(Self { subject, extensions })
    }

    /// Whether the last common name of the subject matches the host. It is ignored if the alternative names contain a
    /// DNS name or an IP address. `is_name` is false for an address, which a wildcard never matches.
    pub fn common_name_matches(&self, host: &str, is_name: bool) -> bool {
        let has_hosts = |names| DerElements(names).any(|(tag, _)| matches!(tag, DNS_NAME | IP_ADDRESS));
        if self.extension(ALTERNATIVE_NAMES).is_some_and(has_hosts) {
            return false;
        }
        let attributes = DerElements(self.subject).flat_map(|(_, attributes)| DerElements(attributes));
        let name = attributes.filter_map(|(_, attribute)| value(attribute, COMMON_NAME)).last();
        name.is_some_and(|name| matches_pattern(name, host.as_bytes(), is_name))
    }

    /// Whether a TLS server may use the certificate. A certificate without key usages has no restriction.
    pub fn allows_servers(&self) -> bool {
        let key_usage = self.extension(KEY_USAGE);
        let extended = self.extension(EXTENDED_KEY_USAGE);
        // The first byte of a bit string is the number of unused bits.
        key_usage.is_none_or(|bits| bits.get(1).is_some_and(|bits| bits & TLS_KEY_USAGES != 0))
            && extended
                .is_none_or(|uses| DerElements(uses).any(|(_, purpose)| purpose == SERVER_AUTHENTICATION))
    }

    /// The content of an extension's value.
    fn extension(&self, oid: &[u8]) -> Option<&'a [u8]> {
        let value = DerElements(self.extensions).find_map(|(_, extension)| value(extension, oid))?;
        DerElements(value).next().map(|(_, content)| content)
    }
}

/// Splits consecutive certificates in DER; empty if the bytes are in another form.
pub fn split(mut der: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut elements = DerElements(der);
    while let Some((SEQUENCE, _)) = elements.next() {
        let (certificate, rest) = der.split_at(der.len() - elements.0.len());
        found.push(certificate);
        der = rest;
    }
    found
}

/// Converts a certificate of version 1 to version 3, which invalidates its signature. `None` if it has a later
/// version.
pub fn to_version_3(der: &[u8]) -> Option<Vec<u8>> {
    let (_, certificate) = DerElements(der).next()?;
    let mut parts = DerElements(certificate);
    let (_, signed) = parts.next()?;
    if signed.first() == Some(&VERSION) {
        return None;
    }
    sequence(&[&sequence(&[&VERSION_3, signed])?, parts.0])
}

/// Whether a pattern matches a host, with curl's rules: they are equal, or the pattern starts with `*.`, followed by
/// at least two labels, and the `*` matches the first label.
fn matches_pattern(pattern: &[u8], host: &[u8], is_name: bool) -> bool {
    let pattern = pattern.strip_suffix(b".").unwrap_or(pattern);
    let host = host.strip_suffix(b".").unwrap_or(host);
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    let Some(parent) = pattern.strip_prefix(b"*.").filter(|parent| is_name && parent.contains(&b'.')) else {
        return false;
    };
    let mut labels = host.splitn(2, |byte| *byte == b'.');
    labels.next().is_some_and(|first| !first.is_empty())
        && labels.next().is_some_and(|rest| rest.eq_ignore_ascii_case(parent))
}

/// The last element of a sequence whose first element is this identifier.
fn value<'a>(sequence: &'a [u8], oid: &[u8]) -> Option<&'a [u8]> {
    let mut elements = DerElements(sequence);
    if elements.next()? != (OID, oid) {
        return None;
    }
    elements.last().map(|(_, content)| content)
}

/// Iterates over the tags and contents of consecutive DER elements. It ends at a malformed element.
struct DerElements<'a>(&'a [u8]);

impl<'a> Iterator for DerElements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[tag, first], rest) = core::mem::take(&mut self.0).split_first_chunk()?;
        let (length, rest) = match first {
            0..=0x7f => (first.into(), rest),
            0x81 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
            0x82 => {
                rest.split_first_chunk().map(|(length, rest)| (u16::from_be_bytes(*length).into(), rest))?
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }
}

/// Encodes a sequence of these parts; `None` if it is too long.
fn sequence(parts: &[&[u8]]) -> Option<Vec<u8>> {
    let content = parts.concat();
    let [high, low] = u16::try_from(content.len()).ok()?.to_be_bytes();
    let mut bytes = Vec::new();
    match (high, low) {
        (0, 0..=0x7f) => bytes.extend([SEQUENCE, low]),
        (0, _) => bytes.extend([SEQUENCE, 0x81, low]),
        _ => bytes.extend([SEQUENCE, 0x82, high, low]),
    }
    bytes.extend(content);
    Some(bytes)
}

#[cfg(test)]
mod tests;
