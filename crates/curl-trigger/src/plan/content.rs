//! The headers of the request.

use alloc::{format, string::ToString};

use super::{body::RequestBody, literal::LiteralVariables};
use crate::{
    encoding::base64,
    environment::Environment,
    exit::Failure,
    files::{ReadFile, read_text},
    header::{Header, HeaderRule, Headers},
    idempotency,
    options::{BodyPart, Options},
    text::has,
};

/// The headers of all `-H`, files included. An error names the option by its position, because its text may be a secret.
pub(super) fn headers(options: &Options, files: &mut dyn ReadFile) -> Result<Headers, Failure> {
    let mut headers = Headers::default();
    let mut push = |text: &str, place: &str| match HeaderRule::parse(text) {
        Ok(rule) => {
            if let Some(rule) = rule {
                headers.push(rule);
            }
            Ok(())
        }
        Err(failure) => Err(Failure::usage(format_args!("{place} is not a header: {}", failure.message))),
    };
    for (number, given) in (1_u64..).zip(&options.headers) {
        match given.strip_prefix('@') {
            Some(path) => {
                for (line, text) in (1_u64..).zip(read_text(files, path, "the header file")?.lines()) {
                    push(text, &format!("line {line} of {path}, a file of -H,"))?;
                }
            }
            None => push(given, &format!("the value of option -H number {number}"))?,
        }
    }
    Ok(headers)
}

/// Adds the headers that are always sent, and those of other options, unless `-H` sets or removes them.
pub(super) fn add_default_headers(
    headers: &mut Headers,
    options: &Options,
    environment: &Environment<'_>,
    body: &RequestBody,
) -> Result<(), Failure> {
    let mut set = |name: &str, value: &str| {
        let header = Header::new(name, value).map_err(|failure| in_header(name, &failure))?;
        headers.set_default(header);
        Ok::<(), Failure>(())
    };
    if let Some(user) = &options.user {
        set("Authorization", &basic(user))?;
    }
    let own_agent = concat!("curl-trigger/", env!("CARGO_PKG_VERSION"));
    let agent = options.user_agent.as_deref().unwrap_or(own_agent);
    if !agent.is_empty() {
        set("User-Agent", agent)?;
    }
    if !options.json {
        set("Accept", "*/*")?;
    }
    if options.compressed {
        set("Accept-Encoding", "identity")?;
    }
    if let Some(referer) = options.referer.as_deref().filter(|referer| !referer.is_empty()) {
        set("Referer", referer)?;
    }
    if !options.cookies.is_empty() {
        set("Cookie", &options.cookies.join(";"))?;
    }
    // All other methods are idempotent or safe (RFC 9110 section 9.2.2).
    if matches!(body.method.as_str(), "POST" | "PATCH") {
        let flag = options.idempotency_key.as_deref();
        match idempotency::key(flag, environment) {
            Some(key) => set("Idempotency-Key", &format!("\"{key}\""))?,
            None if flag.is_some_and(|flag| !flag.is_empty()) => {
                return Err(Failure::usage(format_args!(
                    "option --idempotency-key needs at most 255 printable ASCII characters without quotes or backslashes"
                )));
            }
            None => {}
        }
    }
    if options.json {
        for name in ["Content-Type", "Accept"] {
            if !headers.mentions(name) {
                headers.push(HeaderRule::Set(Header::new(name, "application/json")?));
            }
        }
    }
    body.content_type.as_ref().map_or(Ok(()), |kind| headers.set_content_type(kind))
}

/// The value of `Authorization` for `USER:PASSWORD`.
pub(super) fn basic(user: &str) -> alloc::string::String {
    // Without a colon, curl asks for the password, and gets an empty one if there is no terminal.
    let colon = if has(user, b':') { "" } else { ":" };
    format!("Basic {}", base64(format!("{user}{colon}").as_bytes()))
}

fn in_header(name: &str, failure: &Failure) -> Failure {
    Failure::usage(format_args!("the header {name} can't be sent: {}", failure.message))
}

/// Searches the texts of the arguments for variables that were not expanded.
pub(super) fn search_variables(found: &mut LiteralVariables, url: &str, options: &Options) {
    found.search("the URL", url);
    for header in &options.headers {
        let name = header.split([':', ';']).next().filter(|name| !has(name, b'$'));
        found.search(&name.map_or("a header".to_string(), |name| format!("the header {name}")), header);
    }
    for part in &options.data {
        if let BodyPart::Text(text) | BodyPart::UrlEncoded(text) = part {
            found.search("the body", text);
        }
    }
    for field in &options.form {
        found.search("the body", &field.text);
    }
    let others = [&options.user, &options.user_agent, &options.referer];
    for text in others.into_iter().flatten().chain(&options.cookies) {
        found.search("a header", text);
    }
}
