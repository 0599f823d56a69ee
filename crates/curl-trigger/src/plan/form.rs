//! The body of `-F`: `multipart/form-data` (RFC 7578), with curl's syntax of the fields.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use crate::{
    exit::Failure,
    files::{ReadFile, read_bytes},
    options::FormField,
    text::{after_last, find_bytes},
};

/// One part of the form.
struct Part {
    head: String,
    content: Vec<u8>,
}

/// The body and its type.
pub(super) fn encode(fields: &[FormField], files: &mut dyn ReadFile) -> Result<(Vec<u8>, String), Failure> {
    let mut parts = Vec::new();
    for (number, field) in (1_u64..).zip(fields) {
        parts.push(part(field, number, files)?);
    }
    let boundary = boundary(&parts);
    let mut body = Vec::new();
    for part in &parts {
        let head = format!("--{boundary}\r\n{}\r\n", part.head);
        for bytes in [head.as_bytes(), &part.content, b"\r\n"] {
            body.extend_from_slice(bytes);
        }
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok((body, format!("multipart/form-data; boundary={boundary}")))
}

/// A line that no part contains. It has curl's form, but is not random, so every attempt of a Job sends the same body.
fn boundary(parts: &[Part]) -> String {
    let mut number = 0_u64;
    loop {
        let boundary = format!("------------------------{number:016}");
        if !parts.iter().any(|part| find_bytes(&part.content, boundary.as_bytes()).is_some()) {
            return boundary;
        }
        number += 1;
    }
}

fn part(field: &FormField, number: u64, files: &mut dyn ReadFile) -> Result<Part, Failure> {
    let unsupported = |what: &str| Failure::usage(format_args!("field {number} of -F {what}"));
    let (name, value) =
        field.text.split_once('=').ok_or_else(|| unsupported("has no '='; write it as NAME=CONTENT"))?;
    if field.is_literal {
        return Ok(Part { head: head(name, None, None), content: value.as_bytes().to_vec() });
    }
    if value.starts_with('(') || (name.is_empty() && value == ")") {
        return Err(unsupported("has nested parts: only --form-string supports such a text"));
    }
    let is_upload = value.starts_with('@');
    let path = value.strip_prefix(['@', '<']);
    let value = FieldValue::parse(path.unwrap_or(value), is_upload).map_err(unsupported)?;
    let Some(path) = path.map(|_| value.content.as_str()) else {
        let content = value.content.clone().into_bytes();
        return Ok(Part { head: head(name, value.filename.as_deref(), value.content_type(None)), content });
    };
    let content = read_bytes(files, path, "the form file")?;
    let own_name = Some(after_last(path, b'/')).filter(|_| is_upload);
    let filename = value.filename.as_deref().or(own_name);
    let kind = value.content_type(filename.or(Some(path)).filter(|_| path != "-"));
    let kind = kind.or_else(|| filename.filter(|_| path != "-").map(|_| "application/octet-stream"));
    Ok(Part { head: head(name, filename, kind), content })
}

/// A content or path with its parameters: `CONTENT;type=TYPE;filename=NAME`.
#[derive(Default)]
struct FieldValue {
    content: String,
    kind: Option<String>,
    filename: Option<String>,
}

impl FieldValue {
    fn parse(text: &str, is_upload: bool) -> Result<Self, &'static str> {
        let ends: &[char] = if is_upload { &[';', ','] } else { &[';'] };
        let (content, mut rest) = word(text, ends);
        let mut value = Self { content, ..Self::default() };
        while let Some(given) = rest.strip_prefix(';') {
            let parameter = given.trim_start_matches(' ');
            let text;
            if let Some(kind) = parameter.strip_prefix("type=") {
                (text, rest) = word(kind, ends);
                value.kind = Some(text);
            } else if let Some(name) = parameter.strip_prefix("filename=") {
                (text, rest) = word(name, ends);
                value.filename = Some(text);
            } else if parameter.starts_with("headers=") || parameter.starts_with("encoder=") {
                return Err("has headers= or encoder=: remove it");
            } else {
                (text, rest) = word(given, ends);
                // A parameter after the type, such as charset, is a part of it. As in curl, another one is ignored.
                if let Some(kind) = &mut value.kind {
                    kind.push(';');
                    kind.push_str(&text);
                }
            }
        }
        if rest.is_empty() { Ok(value) } else { Err("has several files: use a field for each") }
    }

    /// The type, else that of the name's ending.
    fn content_type<'a>(&'a self, name: Option<&str>) -> Option<&'a str> {
        const TYPES: [(&str, &str); 10] = [
            (".gif", "image/gif"),
            (".jpg", "image/jpeg"),
            (".jpeg", "image/jpeg"),
            (".png", "image/png"),
            (".svg", "image/svg+xml"),
            (".txt", "text/plain"),
            (".htm", "text/html"),
            (".html", "text/html"),
            (".pdf", "application/pdf"),
            (".xml", "application/xml"),
        ];
        let name = name.or(self.filename.as_deref()).unwrap_or_default().to_ascii_lowercase();
        let known = TYPES.iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, kind)| *kind);
        self.kind.as_deref().or(known)
    }
}

/// The text up to one of the characters, or in double quotes, and the text from that character on.
fn word<'a>(text: &'a str, ends: &[char]) -> (String, &'a str) {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut word = String::new();
        let mut characters = quoted.chars();
        while let Some(character) = characters.next() {
            match character {
                '"' => {
                    let rest = characters.as_str();
                    return (word, rest.get(rest.find(ends).unwrap_or(rest.len())..).unwrap_or_default());
                }
                '\\' => {
                    let escaped = characters.clone().next().filter(|c| matches!(c, '"' | '\\'));
                    word.push(escaped.unwrap_or('\\'));
                    if escaped.is_some() {
                        characters.next();
                    }
                }
                other => word.push(other),
            }
        }
    }
    let (word, rest) = text.split_at(text.find(ends).unwrap_or(text.len()));
    (word.to_string(), rest)
}

fn head(name: &str, filename: Option<&str>, kind: Option<&str>) -> String {
    let mut head = String::from("Content-Disposition: form-data");
    let name = Some(name).filter(|name| !name.is_empty());
    for (parameter, value) in [("name", name), ("filename", filename)] {
        if let Some(value) = value {
            head += &["; ", parameter, "=\"", &escaped(value), "\""].concat();
        }
    }
    head.push_str("\r\n");
    // A text without a file name has the type text/plain by default.
    if let Some(kind) = kind.filter(|kind| filename.is_some() || !kind.starts_with("text/plain")) {
        head += &["Content-Type: ", &escaped(kind), "\r\n"].concat();
    }
    head
}

/// Escapes the characters that would end a quoted name or a line.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '"' => escaped.push_str("%22"),
            '\r' => escaped.push_str("%0D"),
            '\n' => escaped.push_str("%0A"),
            other => escaped.push(other),
        }
    }
    escaped
}
