//! The table of all supported options, for the parser, `--help` and the manual.

use alloc::string::String;

/// An option.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum OptionId {
    CaCert,
    Compressed,
    Config,
    ConnectTimeout,
    Cookie,
    Data,
    DataBinary,
    DataRaw,
    DataUrlencode,
    DumpHeader,
    Fail,
    FailWithBody,
    Form,
    FormString,
    Get,
    Globoff,
    Head,
    Header,
    Help,
    IdempotencyKey,
    Include,
    Insecure,
    Ipv4,
    Ipv6,
    Json,
    Location,
    LocationTrusted,
    MaxRedirs,
    MaxTime,
    Name,
    /// Accepted for compatibility with curl, without an effect.
    NoOperation,
    /// The same, with a value.
    NoOperationValue,
    Output,
    Referer,
    Request,
    Retry,
    RetryAllErrors,
    RetryConnrefused,
    RetryDelay,
    RetryMaxTime,
    ShowError,
    Silent,
    Tls13,
    UploadFile,
    Url,
    User,
    UserAgent,
    Verbose,
    Version,
    Wait,
    WaitTimeout,
    WriteOut,
}

/// One spelling of an option.
pub(super) struct OptionSpec {
    pub(super) short: char,
    pub(super) long: &'static str,
    pub(super) option: OptionId,
    /// The name of the value; empty for a flag.
    pub(super) value: &'static str,
    /// The difference from curl's option; empty if it is the same, and [`OWN`] if curl has no such option. The reason why an
    /// option has no effect.
    /// Only for the manual.
    #[cfg(test)]
    pub(super) difference: &'static str,
    /// For options that curl does not have, and for the manual.
    pub(super) about: &'static str,
}

/// An option without a short form.
pub(super) const NONE: char = '\0';
/// The option has curl's meaning.
const SAME: &str = "";
/// curl has no such option.
pub(super) const OWN: &str = "+";

/// The column of the descriptions in `--help`.
const ABOUT_COLUMN: usize = 30;

/// The arguments are short form, long form, option, value, difference, description.
const fn entry(
    short: char,
    long: &'static str,
    option: OptionId,
    value: &'static str,
    difference: &'static str,
    about: &'static str,
) -> OptionSpec {
    #[cfg(not(test))]
    let about = if matches!(difference.as_bytes(), [b'+']) { about } else { "" };
    OptionSpec {
        short,
        long,
        option,
        value,
        #[cfg(test)]
        difference,
        about,
    }
}

#[rustfmt::skip]
pub(super) const OPTIONS: &[OptionSpec] = &[
    entry('X', "request", OptionId::Request, "METHOD", SAME, "the method"),
    entry('I', "head", OptionId::Head, "", SAME, "a HEAD request; print the headers"),
    entry('H', "header", OptionId::Header, "LINE|@FILE", "a malformed header is an error; one space follows the colon", "a header, or a file with one per line"),
    entry('d', "data", OptionId::Data, "DATA|@FILE", SAME, "a body; line breaks of a file are removed"),
    entry(NONE, "data-ascii", OptionId::Data, "DATA|@FILE", SAME, "the same as --data"),
    entry(NONE, "data-binary", OptionId::DataBinary, "DATA|@FILE", SAME, "a body; a file is sent unchanged"),
    entry(NONE, "data-raw", OptionId::DataRaw, "DATA", SAME, "a body; @ has no special meaning"),
    entry(NONE, "data-urlencode", OptionId::DataUrlencode, "DATA", SAME, "a percent-encoded body: [NAME]=TEXT, [NAME]@FILE"),
    entry('G', "get", OptionId::Get, "", SAME, "send the data as the query of the URL"),
    entry(NONE, "json", OptionId::Json, "DATA|@FILE", SAME, "a JSON body with its headers"),
    entry('F', "form", OptionId::Form, "NAME=CONTENT", "one file per field; no headers= and encoder=", "a form field: text, @FILE or <FILE, ;type= and ;filename="),
    entry(NONE, "form-string", OptionId::FormString, "NAME=TEXT", SAME, "a form field; @, < and ; have no special meaning"),
    entry('T', "upload-file", OptionId::UploadFile, "FILE", "no Expect header; the standard input is sent with its length", "PUT a file; its name is appended to a URL that ends in /"),
    entry('A', "user-agent", OptionId::UserAgent, "TEXT", SAME, "the User-Agent header"),
    entry('e', "referer", OptionId::Referer, "URL", "without ;auto", "the Referer header"),
    entry('b', "cookie", OptionId::Cookie, "NAME=VALUE", "no file", "the Cookie header"),
    entry('u', "user", OptionId::User, "USER:PASSWORD", "without a colon the password is empty; there is no prompt", "Basic authentication"),
    entry(NONE, "compressed", OptionId::Compressed, "", "the response must not be compressed", "ask for a response without compression"),
    entry(NONE, "url", OptionId::Url, "URL", SAME, "the URL"),
    entry('g', "globoff", OptionId::Globoff, "", SAME, "braces and brackets in the URL have no special meaning"),
    entry('K', "config", OptionId::Config, "FILE", "an invalid line is an error; the file has no -K", "read options from a file, one per line"),
    entry('f', "fail", OptionId::Fail, "", SAME, "exit with 22 on HTTP 400 and above, print no body"),
    entry(NONE, "fail-with-body", OptionId::FailWithBody, "", SAME, "the same, but print the body"),
    entry('s', "silent", OptionId::Silent, "", SAME, "print only the response"),
    entry('S', "show-error", OptionId::ShowError, "", "the outcome is printed too", "with -s: print errors"),
    entry('i', "include", OptionId::Include, "", SAME, "print the response headers before the body"),
    entry('v', "verbose", OptionId::Verbose, "", "secrets are masked", "print both heads"),
    entry('o', "output", OptionId::Output, "FILE", "opened before the request is sent", "write the response to a file"),
    entry('D', "dump-header", OptionId::DumpHeader, "FILE", SAME, "write the response headers to a file"),
    entry('w', "write-out", OptionId::WriteOut, "FORMAT|@FILE", "the variables below", "print variables such as %{http_code} at the end"),
    entry('L', "location", OptionId::Location, "", "credentials are sent only within the origin", "follow redirects"),
    entry(NONE, "location-trusted", OptionId::LocationTrusted, "", SAME, "the same, and send the credentials to every host"),
    entry(NONE, "max-redirs", OptionId::MaxRedirs, "N", SAME, "the maximum number of redirects"),
    entry('m', "max-time", OptionId::MaxTime, "SECONDS", "the default is one hour", "the maximum time of a request"),
    entry(NONE, "connect-timeout", OptionId::ConnectTimeout, "SECONDS", SAME, "the maximum time until the request can be sent"),
    entry(NONE, "retry", OptionId::Retry, "N", SAME, "retry on timeouts and HTTP 408, 429, 500, 502, 503, 504"),
    entry(NONE, "retry-delay", OptionId::RetryDelay, "SECONDS", SAME, "a fixed pause between attempts"),
    entry(NONE, "retry-max-time", OptionId::RetryMaxTime, "SECONDS", SAME, "the maximum time until the last retry"),
    entry(NONE, "retry-connrefused", OptionId::RetryConnrefused, "", SAME, "retry when the connection is refused"),
    entry(NONE, "retry-all-errors", OptionId::RetryAllErrors, "", SAME, "retry on any error"),
    entry('4', "ipv4", OptionId::Ipv4, "", SAME, "connect to IPv4 addresses only"),
    entry('6', "ipv6", OptionId::Ipv6, "", SAME, "connect to IPv6 addresses only"),
    entry(NONE, "cacert", OptionId::CaCert, "FILE", SAME, "trust only these certificate authorities"),
    entry('k', "insecure", OptionId::Insecure, "", SAME, "do not verify the server's certificate"),
    entry(NONE, "tlsv1.3", OptionId::Tls13, "", SAME, "TLS 1.3 only"),
    entry(NONE, "tlsv1.2", OptionId::NoOperation, "", "it is the minimum", "no effect"),
    entry(NONE, "basic", OptionId::NoOperation, "", "it is the method of -u", "no effect"),
    entry(NONE, "noproxy", OptionId::NoOperationValue, "HOSTS", "no proxy is used", "no effect"),
    entry('N', "no-buffer", OptionId::NoOperation, "", "the output is not buffered", "no effect"),
    entry('#', "progress-bar", OptionId::NoOperation, "", "there is no progress bar", "no effect"),
    entry(NONE, "no-progress-meter", OptionId::NoOperation, "", "there is none", "no effect"),
    entry(NONE, "keepalive", OptionId::NoOperation, "", "there are no keepalive probes", "no effect"),
    entry(NONE, "keepalive-time", OptionId::NoOperationValue, "SECONDS", "there are no keepalive probes", "no effect"),
    entry(NONE, "tcp-nodelay", OptionId::NoOperation, "", "a request is sent at once", "no effect"),
    entry(NONE, "http1.1", OptionId::NoOperation, "", "it is the version", "no effect"),
    entry('q', "disable", OptionId::NoOperation, "", "no .curlrc is read", "no effect"),
    entry(NONE, "wait", OptionId::Wait, "", OWN, "wait for the end of the run, exit with its outcome"),
    entry(NONE, "wait-timeout", OptionId::WaitTimeout, "SECONDS", OWN, "the maximum time of --wait"),
    entry(NONE, "idempotency-key", OptionId::IdempotencyKey, "KEY", OWN, "replaces the Job's name; empty sends none"),
    entry(NONE, "name", OptionId::Name, "NAME", OWN, "the name in the outcome line"),
    entry('h', "help", OptionId::Help, "", "this list", "print this help"),
    entry('V', "version", OptionId::Version, "", "the version of curl-trigger", "print the version"),
];

impl OptionId {
    pub(super) fn takes_value(self) -> bool {
        OPTIONS.iter().any(|entry| entry.option == self && !entry.value.is_empty())
    }
}

impl OptionSpec {
    pub(super) fn help_line(&self) -> String {
        let mut line = String::from(if self.short == NONE { "      " } else { "  -" });
        if self.short != NONE {
            line.push(self.short);
            line.push_str(", ");
        }
        for part in ["--", self.long, " ", self.value] {
            line.push_str(part);
        }
        if !self.about.is_empty() {
            while line.len() < ABOUT_COLUMN {
                line.push(' ');
            }
            line.push_str(self.about);
        }
        line.push('\n');
        line
    }
}

pub(super) fn find_long(name: &str) -> Option<OptionId> {
    OPTIONS.iter().find(|entry| entry.long == name).map(|entry| entry.option)
}

pub(super) fn find_short(letter: char) -> Option<OptionId> {
    OPTIONS.iter().find(|entry| entry.short == letter && letter != NONE).map(|entry| entry.option)
}
