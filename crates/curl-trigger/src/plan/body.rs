//! The method, the body, and the parts of the URL that options add.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::form;
use crate::{
    encoding::push_form_encoded,
    exit::Failure,
    files::{ReadFile, read_bytes},
    options::{BodyPart, Options},
    text::{after_last, lossy},
    url::{Url, path::push_percent_encoded},
};

/// The method, the body and its type.
pub(super) struct RequestBody {
    pub(super) method: String,
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) content_type: Option<String>,
}

/// Reads the body, and adds the data of `-G` and the file name of `-T` to the URL.
pub(super) fn read(
    options: &Options,
    from_environment: bool,
    url: &mut Url,
    files: &mut dyn ReadFile,
) -> Result<RequestBody, Failure> {
    let has_data = !options.data.is_empty() && !options.get;
    let kinds = [has_data, !options.form.is_empty(), options.upload.is_some(), options.head];
    if kinds.iter().filter(|is_given| **is_given).count() > 1 {
        return Err(Failure::usage(format_args!("only one of -d, -F, -T and -I can be given")));
    }
    let data = data(options, files)?;
    let (method, bytes, content_type) = if let Some(path) = &options.upload {
        add_file_name(url, path);
        ("PUT", Some(read_bytes(files, path, "the file of -T,")?), None)
    } else if !options.form.is_empty() {
        let (body, kind) = form::encode(&options.form, files)?;
        ("POST", Some(body), Some(kind))
    } else if options.get {
        if let Some(data) = data {
            add_query(url, &lossy(&data))?;
        }
        (if options.head { "HEAD" } else { "GET" }, None, None)
    } else if data.is_some() {
        // The type of JSON is a header of -H in curl, with another position.
        let kind = (!options.json).then(|| "application/x-www-form-urlencoded".to_string());
        ("POST", data, kind)
    } else if options.head {
        ("HEAD", None, None)
    } else {
        (if from_environment { "POST" } else { "GET" }, None, None)
    };
    let method = options.method.as_deref().unwrap_or(method).to_string();
    Ok(RequestBody { method, bytes, content_type })
}

/// The parts of `-d` and related options, joined.
fn data(options: &Options, files: &mut dyn ReadFile) -> Result<Option<Vec<u8>>, Failure> {
    let mut body: Option<Vec<u8>> = None;
    for part in &options.data {
        let bytes = match part {
            BodyPart::Text(text) => text.clone().into_bytes(),
            BodyPart::File(path) => read_bytes(files, path, "the data file")?,
            BodyPart::FileWithoutLineBreaks(path) => {
                let mut bytes = read_bytes(files, path, "the data file")?;
                bytes.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
                bytes
            }
            BodyPart::UrlEncoded(text) => url_encoded(text, files)?.into_bytes(),
        };
        body = Some(match body {
            None => bytes,
            // curl joins form fields with `&`, and the parts of `--json` without a separator.
            Some(before) if options.json => [before, bytes].concat(),
            Some(before) => [before, bytes].join(&b'&'),
        });
    }
    Ok(body)
}

/// `--data-urlencode`: the name is sent unchanged.
fn url_encoded(text: &str, files: &mut dyn ReadFile) -> Result<String, Failure> {
    let at = text.find(['=', '@']);
    let (name, content) = text.split_at(at.unwrap_or(0));
    let mut encoded = String::from(name);
    if !name.is_empty() {
        encoded.push('=');
    }
    let read;
    let bytes = match (content.strip_prefix('@'), content.strip_prefix('=')) {
        (Some(path), _) if at.is_some() => {
            read = read_bytes(files, path, "the data file")?;
            &read
        }
        (_, Some(value)) if at.is_some() => value.as_bytes(),
        _ => content.as_bytes(),
    };
    push_form_encoded(&mut encoded, bytes);
    Ok(encoded)
}

/// Appends the data of `-G` to the query. As in curl, percent-encoded bytes get lower-case digits.
fn add_query(url: &mut Url, data: &str) -> Result<(), Failure> {
    let separator = match url.target.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    let mut query = String::new();
    let mut digits = 0;
    for character in data.chars() {
        query.push(if digits > 0 { character.to_ascii_lowercase() } else { character });
        digits = if character == '%' { 2_u8 } else { digits.saturating_sub(1) };
    }
    *url = url.join(&format!("{}{separator}{query}", url.target))?;
    Ok(())
}

/// Appends the name of the uploaded file to a URL that ends in `/`.
fn add_file_name(url: &mut Url, path: &str) {
    let (folder, query) = match url.target.split_once('?') {
        Some((folder, query)) => (folder, format!("?{query}")),
        None => (url.target.as_str(), String::new()),
    };
    if !folder.ends_with('/') || path == "-" {
        return;
    }
    let mut target = folder.to_string();
    for byte in after_last(path, b'/').bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            target.push(char::from(byte));
        } else {
            push_percent_encoded(&mut target, byte);
        }
    }
    url.target = target + &query;
}
