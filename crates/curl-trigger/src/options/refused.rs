//! The options of curl that are refused, with advice.

use crate::exit::Failure;

/// What to do instead, and the options: words without their dashes. A word that ends in `*` is a prefix.
pub(super) const REFUSED: &[(&str, &str)] = &[
    ("requests are sent directly, without a proxy", "x proxy* preproxy socks* haproxy-protocol U p"),
    ("name the file with -o FILE", "O remote-name* J remote-header-name output-dir"),
    (
        "the whole response is written to the file of -o, in a folder that exists",
        "create-* C continue-at r range R remote-time no-clobber remove-on-error etag-* z time-cond max-filesize",
    ),
    ("one request is made; use a container for each", ": next Z parallel* rate"),
    (
        "give credentials with -u, with -H 'Authorization: ...', or in a file with -K or -H @FILE",
        "anyauth digest ntlm* negotiate n netrc* oauth2-bearer aws-sigv4",
    ),
    ("cookies are not stored; send them with -b NAME=VALUE", "c cookie-jar j junk-session-cookies"),
    (
        "TLS has the options --cacert, -k, --tlsv1.2 and --tlsv1.3",
        "E cert* key* pass capath crlfile pinnedpubkey ciphers tls* curves 1 2 3 ssl*",
    ),
    (
        "use hostAliases of the pod, and -H 'Host: ...'",
        "resolve connect-to dns-* doh-* interface local-port unix-socket abstract-unix-socket",
    ),
    ("limit the time with -m", "limit-rate Y y speed-* expect100-timeout"),
    ("HTTP/1.1 is used", "0 http* raw tr-encoding ignore-content-length no-alpn no-npn"),
    ("use -v, which prints to the standard error", "trace* stderr"),
    ("a redirected POST keeps its method after 307 and 308, or with -X", "post30*"),
    ("write the URL as it is to be sent", "path-as-is request-target url-query proto*"),
];

/// The failure for an option that is not supported. `name` has no dashes; `shown` has.
pub(super) fn failure(shown: &str, name: &str) -> Failure {
    let matches = |word: &str| match word.strip_suffix('*') {
        Some(prefix) => name.len() > 1 && name.starts_with(prefix),
        None => word == name,
    };
    let known = REFUSED.iter().find(|(_, words)| words.split_ascii_whitespace().any(matches));
    let advice = known.map_or("remove it, or see --help for another one", |(advice, _)| advice);
    Failure::usage(format_args!("option {shown} is not supported: {advice}"))
}
