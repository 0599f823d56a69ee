//! Parsing and formatting IP addresses, in place of the standard library's code, which is five times as large.

use alloc::{format, string::String};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Parses an address.
pub fn parse(text: &str) -> Option<IpAddr> {
    parse_ipv4(text).map(IpAddr::V4).or_else(|| parse_ipv6(text).map(IpAddr::V6))
}

/// Parses four decimal numbers without leading zeros.
pub fn parse_ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        let is_number =
            part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'));
        *octet = part.parse().ok().filter(|_| is_number)?;
    }
    parts.next().is_none().then(|| octets.into())
}

/// Parses an address in one of the forms of RFC 4291 section 2.2.
pub fn parse_ipv6(text: &str) -> Option<Ipv6Addr> {
    let mut groups = [0; 8];
    let Some((before, after)) = crate::text::split_once(text, "::") else {
        return (parse_groups(text, &mut groups)? == 8).then(|| groups.into());
    };
    let mut tail = [0; 8];
    let (start, end) = (parse_groups(before, &mut groups)?, parse_groups(after, &mut tail)?);
    // `::` stands for at least one group.
    if start + end > 7 {
        return None;
    }
    groups.get_mut(8 - end..)?.copy_from_slice(tail.get(..end)?);
    Some(groups.into())
}

/// Parses groups of up to four hexadecimal digits; the last two may be an IPv4 address. Returns their number.
fn parse_groups(text: &str, groups: &mut [u16; 8]) -> Option<usize> {
    let mut count = 0;
    let mut rest = text.split(':').peekable();
    while let Some(part) = rest.next() {
        if text.is_empty() {
            break;
        }
        if rest.peek().is_none()
            && let Some(address) = parse_ipv4(part)
        {
            let [a, b, c, d] = address.octets();
            *groups.get_mut(count)? = u16::from_be_bytes([a, b]);
            *groups.get_mut(count + 1)? = u16::from_be_bytes([c, d]);
            return Some(count + 2);
        }
        let is_number = part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        *groups.get_mut(count)? = u16::from_str_radix(part, 16).ok().filter(|_| is_number)?;
        count += 1;
    }
    Some(count)
}

/// An address in the form of RFC 5952.
pub fn show(address: IpAddr) -> String {
    let groups = match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            let [a, b, c, d] = [a, b, c, d].map(u64::from);
            return format!("{a}.{b}.{c}.{d}");
        }
        IpAddr::V6(address) => address.segments(),
    };
    // `::` replaces the longest sequence of two or more zero groups, the first one if several are equally long.
    let zeros_at = |at: usize| groups.iter().skip(at).take_while(|group| **group == 0).count();
    let longest = (0..groups.len()).rev().max_by_key(|at| zeros_at(*at)).unwrap_or(0);
    let replaced = if zeros_at(longest) > 1 { longest..longest + zeros_at(longest) } else { 0..0 };
    let mut text = String::new();
    for (at, group) in groups.iter().enumerate() {
        if replaced.contains(&at) {
            if at == replaced.start {
                text.push_str("::");
            }
            continue;
        }
        if !text.is_empty() && !text.ends_with(':') {
            text.push(':');
        }
        text.extend([format!("{group:x}")]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ipv6_addresses_are_shortened() {
        for text in
            ["::", "::1", "fd00::10", "1:0:0:2::3", "2001:db8::", "1:2:3:4:5:6:7:8", "1:0:2:0:3:0:4:0"]
        {
            assert_eq!(show(text.parse().expect(text)), text);
        }
    }

    proptest! {
        #[test]
        fn a_text_is_parsed_as_by_the_standard_library(
            text in "[0-9]{1,3}(\\.[0-9]{1,3}){2,4}|[0-9a-f:.+]{0,20}|([0-9a-fA-F]{0,5}:){1,9}(:[0-9a-f]{0,4}){0,8}|(:?[0-9a-f]{1,4}:){0,6}(1\\.2\\.3\\.[0-9]{1,3})?",
        ) {
            prop_assert_eq!(parse(&text), text.parse().ok(), "{}", text);
        }

        #[test]
        fn a_formatted_address_parses_to_the_same_address(groups in any::<[u16; 8]>(), zeros in any::<u8>(), octets in any::<[u8; 4]>()) {
            let mut groups = groups;
            for (at, group) in groups.iter_mut().enumerate() {
                *group *= u16::from(zeros >> at & 1);
            }
            let (four, six) = (IpAddr::V4(Ipv4Addr::from(octets)), IpAddr::V6(Ipv6Addr::from(groups)));
            prop_assert_eq!(show(four).parse::<IpAddr>().expect("IPv4"), four);
            prop_assert_eq!(show(six).parse::<IpAddr>().expect("IPv6"), six);
        }
    }
}
