//! The options of curl that are refused, with advice.

use crate::exit::Failure;

/// What to do instead, and the options: words without their dashes. A word that ends in `*` is a prefix.
pub(super) const REFUSED: &[(&str, &str)] = &[
    (
        "requests are sent directly; allow the connection in the network policy, and remove the option",
        "x proxy* preproxy socks* haproxy-protocol U p suppress-connect-headers",
    ),
    ("name the file with -o FILE", "O remote-name* J remote-header-name output-dir"),
    (
        "the whole response is written to the file of -o, in an existing folder; remove the option",
        "create-dirs create-file-mode C continue-at r range R remote-time no-clobber remove-on-error xattr \
         etag-compare etag-save z time-cond max-filesize",
    ),
    ("one request is made; use a container for each request", ": next Z parallel* fail-early rate"),
    (
        "give credentials with -u USER:PASSWORD, with -H 'Authorization: ...', or in a file with -K or -H @FILE",
        "anyauth digest ntlm* negotiate n netrc* oauth2-bearer aws-sigv4 delegation krb service-name sasl-* login-options",
    ),
    ("cookies are not stored; send them with -b NAME=VALUE", "c cookie-jar j junk-session-cookies"),
    (
        "TLS is configured with --cacert and -k; client certificates are not supported",
        "E cert* key key-type pass capath crlfile pinnedpubkey ciphers tls13-ciphers curves tls-max tlsuser \
         tlspassword tlsauthtype engine egd-file random-file 2 sslv2 3 sslv3 ssl-* false-start",
    ),
    (
        "names are resolved with the pod's /etc/hosts and DNS; use hostAliases of the pod, and -H 'Host: ...'",
        "resolve connect-to dns-* doh-* interface local-port unix-socket abstract-unix-socket happy-eyeballs-timeout-ms",
    ),
    ("limit the time with -m", "limit-rate Y speed-limit y speed-time expect100-timeout"),
    (
        "HTTP/1.1 is used; remove the option",
        "0 http1.0 http2* http3* http0.9 raw tr-encoding ignore-content-length",
    ),
    ("use -v, which prints to the standard error", "trace* stderr libcurl"),
    (
        "a redirected POST keeps its method only after 307 and 308, or with -X; use the final URL",
        "post301 post302 post303",
    ),
    ("write the URL as it is to be sent", "path-as-is request-target url-query proto-default"),
    (
        "it is not needed; remove the option",
        "no-alpn no-npn no-sessionid styled-output ssl proto* hsts alt-svc tcp-fastopen disallow-username-in-url \
         1 tlsv1 tlsv1.0 tlsv1.1 metalink compressed-ssh form-escape",
    ),
    (
        "only HTTP and HTTPS are supported; remove the option",
        "ftp-* a append B use-ascii crlf disable-eprt disable-epsv l list-only P Q quote mail-* t telnet-option tftp-* \
         hostpubmd5 hostpubsha256 pubkey",
    ),
    ("docs/curl-trigger.md is the manual, and --help lists the options", "M manual"),
];

/// The failure for an option that is not supported. `name` has no dashes; `shown` has.
pub(super) fn failure(shown: &str, name: &str) -> Failure {
    let matches = |word: &str| match word.strip_suffix('*') {
        Some(prefix) => name.len() > 1 && name.starts_with(prefix),
        None => word == name,
    };
    let known = REFUSED.iter().find(|(_, words)| words.split_ascii_whitespace().any(matches));
    match known {
        Some((advice, _)) => {
            Failure::usage(format_args!("option {shown} of curl is not supported: {advice}"))
        }
        None => Failure::usage(format_args!("option {shown} is unknown; --help lists the options")),
    }
}
