//! Text functions in place of the standard library's search and address formatting, which would add an eighth to
//! the program's size.

use alloc::{
    format,
    string::{String, ToString},
};
use core::net::IpAddr;

/// The position of the first `part`.
pub fn find(text: &str, part: &str) -> Option<usize> {
    find_bytes(text.as_bytes(), part.as_bytes())
}

/// Whether the text contains this ASCII character.
pub fn has(text: &str, character: u8) -> bool {
    text.as_bytes().contains(&character)
}

/// The position of the first `part`, in bytes.
pub fn find_bytes(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(part.len())?;
    (0..=last).find(|at| bytes.get(*at..at + part.len()) == Some(part))
}

/// The text before and the text after the first `part`.
pub fn split_once<'a>(text: &'a str, part: &str) -> Option<(&'a str, &'a str)> {
    let at = find(text, part)?;
    Some((text.get(..at)?, text.get(at + part.len()..)?))
}

/// The text with every `part` replaced. `part` must not be empty.
pub fn replace(text: &str, part: &str, with: &str) -> String {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some((before, after)) = split_once(rest, part) {
        replaced.push_str(before);
        replaced.push_str(with);
        rest = after;
    }
    replaced.push_str(rest);
    replaced
}

/// Bytes as text. If they are not UTF-8, every byte outside ASCII becomes `?`.
pub fn lossy(bytes: &[u8]) -> String {
    match core::str::from_utf8(bytes) {
        Ok(text) => text.to_string(),
        Err(_) => bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect(),
    }
}

/// An address in the form of RFC 5952.
pub fn address(address: IpAddr) -> String {
    let groups = match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
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
    use core::net::{Ipv4Addr, Ipv6Addr};
    use proptest::prelude::*;

    #[test]
    fn ipv6_addresses_are_shortened() {
        for text in
            ["::", "::1", "fd00::10", "1:0:0:2::3", "2001:db8::", "1:2:3:4:5:6:7:8", "1:0:2:0:3:0:4:0"]
        {
            assert_eq!(address(text.parse().expect(text)), text);
        }
    }

    proptest! {
        #[test]
        fn a_formatted_address_parses_to_the_same_address(groups in any::<[u16; 8]>(), zeros in any::<u8>(), octets in any::<[u8; 4]>()) {
            let mut groups = groups;
            for (at, group) in groups.iter_mut().enumerate() {
                *group *= u16::from(zeros >> at & 1);
            }
            let (four, six) = (IpAddr::V4(Ipv4Addr::from(octets)), IpAddr::V6(Ipv6Addr::from(groups)));
            prop_assert_eq!(address(four).parse::<IpAddr>().expect("IPv4"), four);
            prop_assert_eq!(address(six).parse::<IpAddr>().expect("IPv6"), six);
        }

        #[test]
        fn searching_gives_the_same_results_as_the_standard_library(text in "[abé]{0,12}", part in "[abé]{1,3}") {
            prop_assert_eq!(find(&text, &part), text.find(&part));
            prop_assert_eq!(split_once(&text, &part), text.split_once(&part));
            prop_assert_eq!(replace(&text, &part, "-"), text.replace(&part, "-"));
        }
    }
}
