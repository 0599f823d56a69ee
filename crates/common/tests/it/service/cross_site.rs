//! Requests of browsers for pages of other sites, and hosts that are not served.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::TestService;

const TOKEN: (&str, &str) = ("INTERNAL_TOKEN", "the-internal-token-7d1f");

/// What browsers send for pages of other sites.
const FOREIGN: [&[(&str, &str)]; 8] = [
    &[("origin", "https://evil.example")],
    &[("origin", "null")],
    &[("origin", "http://127.0.0.1")],
    &[("origin", "http://127.0.0.1.evil.example")],
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "Cross-Site")],
    &[("sec-fetch-site", "cross-site"), ("origin", "OWN")],
    &[("sec-fetch-site", "same-site"), ("origin", "http://localhost:1")],
];

impl TestService {
    fn post_from(&self, headers: &[(&str, &str)]) -> reqwest::RequestBuilder {
        headers.iter().fold(self.post("/echo"), |request, (name, value)| {
            request.header(*name, if *value == "OWN" { &self.url } else { *value })
        })
    }
}

#[tokio::test]
async fn a_change_by_a_page_of_another_site_is_rejected_with_and_without_credentials() {
    for settings in [&[][..], &[TOKEN]] {
        let service = TestService::start(settings).await;
        for headers in FOREIGN {
            let request = || service.post_from(headers).header("x-internal-token", TOKEN.1);
            service.problem(request(), 403, "cross-site").await;
            // A form sends no JSON, and an unknown route is not revealed.
            service.problem(request().body("a=b"), 403, "cross-site").await;
        }
        for method in ["PUT", "DELETE", "PATCH", "PROPFIND"] {
            let method = method.parse().unwrap();
            let request = service.client.request(method, format!("{}/none", service.url));
            service.problem(request.header("origin", "https://evil.example"), 403, "cross-site").await;
        }
        let line = "greeter_credentials_refused_total{reason=\"cross_site\"}";
        assert_eq!(service.metric(line).await, Some(2 * FOREIGN.len() as u64 + 4));
    }
}

#[tokio::test]
async fn pages_of_the_service_and_programs_may_change_and_other_sites_may_read() {
    let service = TestService::start(&[]).await;
    let own = [
        &[][..],
        &[("origin", "OWN")],
        &[("origin", "OWN"), ("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
    ];
    for headers in own {
        let response = service.post_from(headers).send().await.unwrap();
        let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(answer, Value::Null, "{headers:?}");
    }
    // As `kubectl port-forward` and an ingress do: the browser's host, not the address that the service listens on.
    for (host, origin) in
        [("localhost:54321", "http://localhost:54321"), ("ops.example", "https://ops.example")]
    {
        let request = service.post("/echo").header("host", host).header("origin", origin);
        assert_eq!(request.send().await.unwrap().status(), 200, "{host}");
        let other = service.post("/echo").header("host", host).header("origin", "https://evil.example");
        service.problem(other, 403, "cross-site").await;
    }
    let read =
        service.get("/hello").header("origin", "https://evil.example").header("sec-fetch-site", "cross-site");
    let response = read.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(
        !response.headers().contains_key("access-control-allow-origin"),
        "the page can't read the answer"
    );
}

#[tokio::test]
async fn only_allowed_hosts_and_this_machine_are_served_and_probes_always_are() {
    let service = TestService::start(&[("ALLOWED_HOSTS", "greeter, greeter.trading.svc")]).await;
    let get = |path: &str, host: &str| service.get(path).header("host", host);
    for host in ["greeter", "greeter:8000", "GREETER.trading.svc", "localhost:9", "127.0.0.1", "[::1]:8000"] {
        assert_eq!(get("/hello", host).send().await.unwrap().status(), 200, "{host}");
    }
    for host in ["evil.example", "greeter.evil.example:8000", "10.1.2.3:8000"] {
        for path in ["/hello", "/open", "/none"] {
            service.problem(get(path, host), 403, "unknown-host").await;
        }
        let rebound = service.post("/echo").header("host", host).header("origin", format!("http://{host}"));
        service.problem(rebound, 403, "unknown-host").await;
        for path in ["/healthz", "/readyz", "/metrics"] {
            assert_eq!(get(path, host).send().await.unwrap().status(), 200, "{path}");
        }
    }
}

/// The status of a request with this version and these header lines.
async fn status(service: &TestService, version: &str, lines: &[&str]) -> String {
    let mut stream = TcpStream::connect(service.url.strip_prefix("http://").unwrap()).await.unwrap();
    let lines = lines.join("\r\n") + "\r\n";
    let request = format!("GET /hello {version}\r\n{lines}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_request_names_one_host() {
    for settings in [&[][..], &[("ALLOWED_HOSTS", "greeter")]] {
        let service = TestService::start(settings).await;
        for lines in [
            &[][..],
            &["host: localhost", "host: localhost"],
            &["host: localhost", "host: evil.example"],
            &["host: evil.example:80@localhost"],
            &["host: a b"],
            &["host:"],
        ] {
            assert_eq!(status(&service, "HTTP/1.1", lines).await, "400", "{lines:?}");
        }
        assert_eq!(status(&service, "HTTP/1.1", &["host: localhost:9"]).await, "200");
    }
    let service = TestService::start(&[]).await;
    assert_eq!(status(&service, "HTTP/1.0", &[]).await, "200");
}
