//! The parser of addresses: URLs and key-value strings (`conninfo_parse` and `conninfo_uri_parse` in libpq's
//! fe-connect.c).
//!
//! No error contains a part of the address but libpq's keywords, because an unknown word may be a part of a password.

use std::collections::HashMap;

use super::{keywords, names};

const SPECIAL_CHARACTERS: &str = "seems to contain a password with special characters that are not encoded; write @ as %40, / as %2F, \
     ? as %3F and % as %25 in the password, or put it into PGPASSWORD";
const ENCODING: &str = "contains a % that is not followed by two hexadecimal digits; write % as %25";
const ENCODE: &str = "write a space as %20, = as %3D, ; as %3B and & as %26 in it";
const QUOTE: &str = "put it between single quotes";

/// The values that an address sets, by keyword.
pub(super) type Parameters = HashMap<&'static str, String>;

/// Parses an address.
pub(super) fn parse(text: &str) -> Result<Parameters, String> {
    let text = text.trim();
    let url = text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"));
    match url {
        Some(rest) => parse_url(rest),
        None if text.contains('=') => parse_pairs(text),
        None => {
            Err("is neither a URL (postgres://USER:PASSWORD@HOST:PORT/DATABASE) nor a list of keyword=value"
                .to_owned())
        }
    }
}

fn store(parameters: &mut Parameters, name: &str, value: String) -> Result<(), String> {
    let keyword = keywords::find(name).ok_or(
        "contains a keyword that libpq does not have; check the spelling, and encode or quote special characters",
    )?;
    keyword.check(keyword.name, &value)?;
    parameters.insert(keyword.name, value);
    Ok(())
}

fn parse_url(rest: &str) -> Result<Parameters, String> {
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    // libpq would accept these too, and use a part of the password as the host or the database.
    if path.contains('@') || authority.matches('@').count() > 1 {
        return Err(SPECIAL_CHARACTERS.to_owned());
    }
    let mut parameters = Parameters::new();
    let hosts = match authority.split_once('@') {
        Some((login, hosts)) => {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            store_decoded(&mut parameters, "user", user)?;
            store_decoded(&mut parameters, "password", password)?;
            hosts
        }
        None => authority,
    };
    let (hosts, ports) = split_hosts(hosts)?;
    store_decoded(&mut parameters, "host", &hosts)?;
    store_decoded(&mut parameters, "port", &ports)?;
    let (database, query) = path.split_once('?').unwrap_or((path, ""));
    store_decoded(&mut parameters, "dbname", database.strip_prefix('/').unwrap_or(database))?;
    parse_query(&mut parameters, query)?;
    Ok(parameters)
}

/// Stores a part of a URL, unless it is empty.
fn store_decoded(parameters: &mut Parameters, name: &'static str, part: &str) -> Result<(), String> {
    if part.is_empty() {
        return Ok(());
    }
    names::check_plain(name, part, ENCODE)?;
    store(parameters, name, decode(part)?)
}

/// The hosts and the ports of a URL, each as a comma-separated list.
fn split_hosts(text: &str) -> Result<(String, String), String> {
    const BRACKETS: &str = "contains an IPv6 address that is not of the form [ADDRESS]:PORT";

    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for entry in text.split(',') {
        let (host, rest) = match entry.strip_prefix('[') {
            Some(address) => {
                address.split_once(']').filter(|(address, _)| !address.is_empty()).ok_or(BRACKETS)?
            }
            None => entry.split_at(entry.find(':').unwrap_or(entry.len())),
        };
        let port = match rest.strip_prefix(':') {
            Some(port) => port,
            None if rest.is_empty() => "",
            None => return Err(BRACKETS.to_owned()),
        };
        hosts.push(host);
        ports.push(port);
    }
    // An empty entry in a list of several hosts means the default.
    Ok((hosts.join(","), ports.join(",")))
}

fn parse_query(parameters: &mut Parameters, query: &str) -> Result<(), String> {
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair
            .split_once('=')
            .filter(|(_, value)| !value.contains('='))
            .ok_or("contains a parameter behind the ? that is not keyword=value; write = as %3D and & as %26 in values")?;
        let name = decode(name)?;
        names::check_plain(&name, value, ENCODE)?;
        let value = decode(value)?;
        // libpq accepts this spelling of JDBC.
        if name == "ssl" && value == "true" {
            store(parameters, "sslmode", "require".to_owned())?;
        } else {
            store(parameters, &name, value)?;
        }
    }
    Ok(())
}

/// Decodes percent-encoding.
pub(super) fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |place: usize| after.get(place).and_then(|digit| char::from(*digit).to_digit(16));
        let value = digit(0).zip(digit(1)).map(|(high, low)| high * 16 + low);
        let byte = value.and_then(|value| u8::try_from(value).ok()).filter(|byte| *byte != 0);
        bytes.push(byte.ok_or(ENCODING)?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| "contains encoded bytes that are not UTF-8".to_owned())
}

fn parse_pairs(text: &str) -> Result<Parameters, String> {
    const PAIRS: &str = "is not a list of keyword=value; quote values with spaces as 'value', and write ' as \\' and \\ as \\\\";

    let mut parameters = Parameters::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) =
            rest.split_at(rest.find(|c: char| c == '=' || c.is_ascii_whitespace()).ok_or(PAIRS)?);
        let value = after.trim_start().strip_prefix('=').ok_or(PAIRS)?.trim_start();
        let is_quoted = value.starts_with('\'');
        let (value, after) = take_value(value).ok_or(PAIRS)?;
        if !is_quoted {
            names::check_plain(name, &value, QUOTE)?;
        }
        store(&mut parameters, name, value)?;
        rest = after.trim_start();
    }
    Ok(parameters)
}

/// The value at the start of a text and the rest of the text; None when a quote is not closed.
fn take_value(text: &str) -> Option<(String, &str)> {
    let (quoted, text) = match text.strip_prefix('\'') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Some((value, &text[place + 1..])),
            space if !quoted && space.is_ascii_whitespace() => return Some((value, &text[place..])),
            other => value.push(other),
        }
    }
    (!quoted).then_some((value, ""))
}

#[cfg(test)]
mod tests {
    use super::{Parameters, decode, parse};

    fn parameters(pairs: &[(&'static str, &str)]) -> Parameters {
        pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    }

    #[test]
    fn a_url_and_a_key_value_string_set_the_same_parameters() {
        let url = parse("postgres://u:p%40w@h:1,[::1]/d?sslmode=require");
        let pairs = parse("user = u password='p@w' host=h,::1 port='1,' dbname=d sslmode=require");
        let expected = [
            ("user", "u"),
            ("password", "p@w"),
            ("host", "h,::1"),
            ("port", "1,"),
            ("dbname", "d"),
            ("sslmode", "require"),
        ];
        assert_eq!(url, Ok(parameters(&expected)));
        assert_eq!(pairs, url);
    }

    #[test]
    fn quotes_and_backslashes_are_removed_from_a_value() {
        let parsed = parse(r"password='it\'s a \\ b' user=a\bc");
        assert_eq!(parsed, Ok(parameters(&[("password", r"it's a \ b"), ("user", "abc")])));
        assert!(parse("password='open").is_err());
    }

    #[test]
    fn only_complete_escapes_of_utf_8_are_decoded() {
        assert_eq!(decode("a%20%C3%A4"), Ok("a ä".to_owned()));
        for wrong in ["%", "%4", "%zz", "%00", "%ff"] {
            assert!(decode(wrong).is_err(), "{wrong}");
        }
    }
}
