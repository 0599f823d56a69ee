//! X.509 certificates (RFC 5280), as far as a server's certificate that is its own root needs them.
//!
//! webpki checks chains. It does not compare a host with a subject's common name, does not read certificates of
//! version 1, and skips the purposes of an authority's certificate. curl, with OpenSSL, does all three, so that a
//! certificate of `openssl req -x509 -subj /CN=host` works there with `--cacert`.

use alloc::vec::Vec;

const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// The context tags of a certificate's version and extensions.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// The context tags of a host's name and address among the alternative names.
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;
/// The field that says version 3.
const VERSION_3: [u8; 5] = [VERSION, 3, 2, 1, 2];

const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 17];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
const SERVER_AUTHENTICATION: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
/// Digital signature, key encipherment and key agreement: a TLS server needs one of them.
const TLS_KEY_USAGES: u8 = 0x80 | 0x20 | 0x08;

/// The parts of a certificate that say which hosts and purposes it is for.
#[derive(Clone, Copy, Debug)]
pub struct Certificate<'a> {
    subject: &'a [u8],
    extensions: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Finds the parts; `None` if this is no certificate.
    pub fn parse(der: &'a [u8]) -> Option<Self> {
        let (_, certificate) = Elements(der).next()?;
        let (_, signed) = Elements(certificate).next()?;
        let mut fields = Elements(signed).skip_while(|(tag, _)| *tag == VERSION);
        // Before the subject: serial number, algorithm, issuer, validity.
        let (_, subject) = fields.nth(4)?;
        let extensions = fields.find(|(tag, _)| *tag == EXTENSIONS);
        let extensions = extensions.and_then(|(_, list)| Elements(list).next()).unwrap_or_default().1;
        Some(Self { subject, extensions })
    }

    /// Whether the certificate is for this host by its common name: the subject's last one, unless there are
    /// alternative names of hosts. `is_name` is false for an address, which no wildcard covers.
    pub fn common_name_is(&self, host: &str, is_name: bool) -> bool {
        let names_hosts = |names| Elements(names).any(|(tag, _)| matches!(tag, DNS_NAME | IP_ADDRESS));
        if self.extension(ALTERNATIVE_NAMES).is_some_and(names_hosts) {
            return false;
        }
        let attributes = Elements(self.subject).flat_map(|(_, attributes)| Elements(attributes));
        let name = attributes.filter_map(|(_, attribute)| value(attribute, COMMON_NAME)).last();
        name.is_some_and(|name| covers(name, host.as_bytes(), is_name))
    }

    /// Whether the key may be used by a TLS server. A certificate that does not limit its use is for all.
    pub fn is_for_servers(&self) -> bool {
        let key_usage = self.extension(KEY_USAGE);
        let extended = self.extension(EXTENDED_KEY_USAGE);
        // The first byte of a bit string is the number of unused bits.
        key_usage.is_none_or(|bits| bits.get(1).is_some_and(|bits| bits & TLS_KEY_USAGES != 0))
            && extended.is_none_or(|uses| Elements(uses).any(|(_, purpose)| purpose == SERVER_AUTHENTICATION))
    }

    /// The content of an extension's value.
    fn extension(&self, oid: &[u8]) -> Option<&'a [u8]> {
        let value = Elements(self.extensions).find_map(|(_, extension)| value(extension, oid))?;
        Elements(value).next().map(|(_, content)| content)
    }
}

/// A certificate of version 1 as one of version 3, whose signature then no longer matches; `None` if it is of a
/// later version.
pub fn version_3(der: &[u8]) -> Option<Vec<u8>> {
    let (_, certificate) = Elements(der).next()?;
    let mut parts = Elements(certificate);
    let (_, signed) = parts.next()?;
    if signed.first() == Some(&VERSION) {
        return None;
    }
    sequence(&[&sequence(&[&VERSION_3, signed])?, parts.0])
}

/// Whether a pattern covers a host as curl compares them: equal, or `*.` for the first label of a name if two
/// labels follow.
fn covers(pattern: &[u8], host: &[u8], is_name: bool) -> bool {
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

/// The last element of a sequence that begins with this identifier.
fn value<'a>(sequence: &'a [u8], oid: &[u8]) -> Option<&'a [u8]> {
    let mut elements = Elements(sequence);
    if elements.next()? != (OID, oid) {
        return None;
    }
    elements.last().map(|(_, content)| content)
}

/// The tags and contents of DER elements in a row. It ends where something is malformed.
struct Elements<'a>(&'a [u8]);

impl<'a> Iterator for Elements<'a> {
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

/// A sequence of these parts; `None` if it is too long.
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
