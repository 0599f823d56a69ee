//! Requests that a browser sends for a page of another site, and requests to hosts that are not served.
//!
//! A browser sends a `POST` without asking the service, whatever site the page is of. If the network or the browser is the
//! only protection, such a page could start runs. Browsers name the page's site in `Origin` and `Sec-Fetch-Site`, which
//! pages can't change; programs send neither. A site whose name is made to resolve to the service's address is of the same
//! origin for the browser, and is recognized by `ALLOWED_HOSTS` only.

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::allowed_hosts::AllowedHosts;
use super::error::ServiceError;
use super::probes::PROBE_PATHS;
use super::problem::ProblemKind;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The state of [`reject_cross_site`].
#[derive(Clone)]
pub(super) struct SiteRules {
    pub(super) allowed_hosts: AllowedHosts,
    /// Probes that the service has beside those of every service. Their callers name addresses of pods.
    pub(super) own_probes: &'static [&'static str],
}

/// Rejects requests to other hosts, and requests of other sites that may change something.
pub(super) async fn reject_cross_site(
    State(rules): State<SiteRules>,
    request: Request,
    next: Next,
) -> Response {
    match rules.check(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

impl SiteRules {
    fn check(&self, request: &Request) -> Result<(), ServiceError> {
        let (host, path) = (authority(request)?, request.uri().path());
        let is_probe = PROBE_PATHS.contains(&path) || self.own_probes.contains(&path);
        if !is_probe && !self.allowed_hosts.permits(host.as_ref().map(Authority::host)) {
            let detail = "The Host of the request is none of ALLOWED_HOSTS. Use one of them, or add it to the setting.";
            return Err(
                ServiceError::new(ProblemKind::UNKNOWN_HOST, detail).with_refusal_reason("unknown_host")
            );
        }
        if request.method().is_safe() || !is_cross_site(request.headers(), host.as_ref()) {
            return Ok(());
        }
        let detail = "A page of another site has sent this request. Send it from a page of this service, or without Origin.";
        Err(ServiceError::new(ProblemKind::CROSS_SITE, detail).with_refusal_reason("cross_site"))
    }
}

/// The host that the request is for. A target with a host replaces the header (RFC 9112, section 3.2.2). Without `ALLOWED_HOSTS`
/// it is checked too: another server in front of this one could read an ambiguous host differently.
fn authority(request: &Request) -> Result<Option<Authority>, ServiceError> {
    let invalid = || {
        ServiceError::bad_request("The request must have one Host header, with a host and possibly a port.")
    };
    let hosts: Vec<&HeaderValue> = request.headers().get_all(header::HOST).iter().collect();
    let named = match (request.uri().authority(), hosts.as_slice()) {
        // HTTP/1.0 has no Host, and later versions than 1.1 have it in the target.
        (None, []) if request.version() != Version::HTTP_11 => return Ok(None),
        (None, []) | (_, [_, _, ..]) => return Err(invalid()),
        (Some(authority), _) => authority.clone(),
        (None, [host]) => Authority::try_from(host.as_bytes()).map_err(|_| invalid())?,
    };
    if named.as_str().contains('@') { Err(invalid()) } else { Ok(Some(named)) }
}

fn is_cross_site(headers: &HeaderMap, host: Option<&Authority>) -> bool {
    let is_own = |origin: &HeaderValue| host.is_some_and(|host| is_origin_of(origin, host));
    headers.get_all(SEC_FETCH_SITE).iter().any(|site| site.as_bytes().eq_ignore_ascii_case(b"cross-site"))
        || !headers.get_all(header::ORIGIN).iter().all(is_own)
}

/// Whether the origin is the one of pages at this host. `null` is the origin of no host. The scheme is not compared, because
/// TLS may end in front of the service; it determines the port where none is named.
fn is_origin_of(origin: &HeaderValue, host: &Authority) -> bool {
    let parts = origin.to_str().ok().and_then(|text| text.split_once("://"));
    let Some((scheme, Ok(origin))) = parts.map(|(scheme, rest)| (scheme, rest.parse::<Authority>())) else {
        return false;
    };
    let default_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default_port);
    !origin.as_str().contains('@')
        && origin.host().eq_ignore_ascii_case(host.host())
        && port(&origin) == port(host)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::is_origin_of;

    fn is_own(origin: &str, host: &str) -> bool {
        let host = host.parse().expect("a host");
        is_origin_of(&HeaderValue::from_str(origin).expect("a header"), &host)
    }

    #[test]
    fn the_origin_of_a_page_of_the_service_has_its_host_and_port() {
        for (origin, host) in [
            ("http://localhost:8000", "localhost:8000"),
            ("http://127.0.0.1:54321", "127.0.0.1:54321"),
            ("http://[::1]:8000", "[::1]:8000"),
            ("http://trigger-api", "trigger-api"),
            ("http://trigger-api", "trigger-api:80"),
            ("https://ops.example", "ops.example"),
            ("https://ops.example", "OPS.example:443"),
        ] {
            assert!(is_own(origin, host), "{origin} {host}");
        }
    }

    #[test]
    fn every_other_origin_is_foreign() {
        for origin in [
            "http://evil.example",
            "http://localhost:8001",
            "http://localhost",
            "https://localhost.evil.example:8000",
            "http://localhost:8000@evil.example",
            "http://user@localhost:8000",
            "http://localhost:8000/path",
            "file://localhost:8000",
            "localhost:8000",
            "null",
            "",
        ] {
            assert!(!is_own(origin, "localhost:8000"), "{origin}");
        }
    }
}
