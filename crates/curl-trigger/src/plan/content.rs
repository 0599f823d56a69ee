//! The headers and the body of the request.

use alloc::{format, vec::Vec};

use super::files::{ReadFile, read_bytes, read_text};
use crate::{
    environment::Environment,
    exit::Failure,
    header::{Header, HeaderRule, Headers},
    idempotency,
    options::{BodyPart, Options},
};

/// The headers of all `-H`, files included.
pub(super) fn headers(options: &Options, files: &mut dyn ReadFile) -> Result<Headers, Failure> {
    let mut headers = Headers::default();
    let mut push =
        |text: &str| HeaderRule::parse(text).map(|rule| rule.into_iter().for_each(|rule| headers.push(rule)));
    for given in &options.headers {
        match given.strip_prefix('@') {
            Some(path) => read_text(files, path, "the header file")?.lines().try_for_each(&mut push)?,
            None => push(given)?,
        }
    }
    Ok(headers)
}

/// The parts of `-d` and related options, joined.
pub(super) fn body(options: &Options, files: &mut dyn ReadFile) -> Result<Option<Vec<u8>>, Failure> {
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

/// Adds the headers that are always sent, unless `-H` sets or removes them.
pub(super) fn add_default_headers(
    headers: &mut Headers,
    options: &Options,
    environment: &Environment<'_>,
    method: &str,
    has_body: bool,
) -> Result<(), Failure> {
    let own_agent = concat!("curl-trigger/", env!("CARGO_PKG_VERSION"));
    let agent = options.user_agent.as_deref().unwrap_or(own_agent);
    if !agent.is_empty() {
        headers.set_default(Header::new("User-Agent", agent)?);
    }
    headers.set_default(Header::new("Accept", if options.json { "application/json" } else { "*/*" })?);
    if has_body {
        let kind = if options.json { "application/json" } else { "application/x-www-form-urlencoded" };
        headers.set_default(Header::new("Content-Type", kind)?);
    }
    // All other methods are idempotent or safe (RFC 9110 section 9.2.2).
    if matches!(method, "POST" | "PATCH") {
        let flag = options.idempotency_key.as_deref();
        match idempotency::key(flag, environment) {
            Some(key) => headers.set_default(Header::new("Idempotency-Key", &format!("\"{key}\""))?),
            None if flag.is_some_and(|flag| !flag.is_empty()) => {
                return Err(Failure::usage(format_args!(
                    "option --idempotency-key needs at most 255 printable ASCII characters without quotes or backslashes"
                )));
            }
            None => {}
        }
    }
    Ok(())
}
