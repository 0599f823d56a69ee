use common::config::{ConfigError, Settings};
use registry_client::connection::NatsCredentials;
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::{Config, Environment, VARIABLES};

/// The credentials of the documentation of the client of NATS.
const CREDENTIALS: &str = "-----BEGIN NATS USER JWT-----
eyJ0eXAiOiJqd3QiLCJhbGciOiJlZDI1NTE5.e30.x
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
SUAIO3FHUX5PNV2LQIIP7TZ3N4L7TX3W53MQGEIVYFIGA635OZCKEYHFLM
------END USER NKEY SEED------
";

fn read(values: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let values: Map<String, Value> =
        values.iter().map(|(name, value)| (name.to_lowercase(), json!(value))).collect();
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    std::fs::write(file.path(), Value::Object(values).to_string()).unwrap();
    Config::new(Settings::load(Some(file.path()), &VARIABLES).unwrap())
}

fn config(values: &[(&str, &str)]) -> Config {
    read(values).unwrap_or_else(|error| panic!("{error}"))
}

/// The error of these settings.
fn problem(values: &[(&str, &str)]) -> String {
    match read(values) {
        Ok(_) => panic!("{values:?} are accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_defaults_are_those_of_the_replaced_system() {
    let config = config(&[]);
    assert_eq!(config.service.listen_address.to_string(), "[::]:8100");
    assert_eq!(config.nats.url.expose_secret(), "nats://localhost:4222");
    assert_eq!(
        (config.buckets.instances.as_str(), config.stale_threshold.as_secs()),
        ("service_registry", 35)
    );
    assert_eq!(
        (config.environment, config.deployment_version.as_str()),
        (Environment::Development, "v1.0.0-demo")
    );
}

#[test]
fn the_more_specific_variable_wins() {
    let port = |values: &[(&str, &str)]| config(values).service.listen_address.to_string();
    let (listen, own, container) =
        (("LISTEN_ADDR", "127.0.0.1:1"), ("API_PORT", "2"), ("API_CONTAINER_PORT", "3"));
    assert_eq!(port(&[container]), "[::]:3");
    assert_eq!(port(&[container, own]), "[::]:2");
    assert_eq!(port(&[container, own, listen]), "127.0.0.1:1");
    let url = |values: &[(&str, &str)]| config(values).nats.url.expose_secret().to_owned();
    let (host, client_port) = (("DEFAULT_NATS_HOST", "nats"), ("NATS_CLIENT_PORT", "4000"));
    assert_eq!(url(&[host, client_port]), "nats://nats:4000");
    assert_eq!(url(&[host, client_port, ("NATS_URL", "tls://a, nats://b:1")]), "tls://a, nats://b:1");
}

#[test]
fn production_does_not_use_a_nats_of_the_blacklist() {
    let production = ("ENVIRONMENT", "production");
    for url in ["nats://localhost:4222", "nats://nats,nats://127.0.0.1", "tls://LOCALHOST"] {
        assert!(
            problem(&[production, ("NATS_URL", url)]).contains("PRODUCTION_NATS_HOST_BLACKLIST"),
            "{url}"
        );
        config(&[("ENVIRONMENT", "staging"), ("NATS_URL", url)]);
    }
    assert!(problem(&[production]).starts_with("NATS_URL: the host localhost is in"));
    config(&[production, ("NATS_URL", "nats://nats")]);
    let blacklist = ("PRODUCTION_NATS_HOST_BLACKLIST", "nats, other");
    assert!(problem(&[production, blacklist, ("NATS_URL", "nats://other")]).contains("the host other"));
    config(&[production, blacklist, ("NATS_URL", "nats://localhost")]);
}

#[test]
fn wrong_values_are_errors_that_name_the_variable() {
    for (name, value) in [
        ("API_PORT", "http"),
        ("NATS_CLIENT_PORT", "70000"),
        ("ENVIRONMENT", "prod"),
        ("STALE_THRESHOLD_SECONDS", "0"),
        ("STALE_THRESHOLD_SECONDS", "301"),
        ("STALE_THRESHOLD_SECONDS", "1.5"),
        ("DEPLOYMENT_VERSION", "1.0.0"),
        ("NATS_KV_BUCKET", "a.b"),
        ("NATS_URL", "http://nats"),
        ("LISTEN_ADDR", "8100"),
        ("NATS_USER", "alice"),
        ("NATS_JS_DOMAIN", "a b"),
        ("NATS_JS_DOMAIN", "a.b"),
    ] {
        assert!(problem(&[(name, value)]).starts_with(name), "{name}={value}");
    }
}

#[test]
fn instances_and_definitions_have_different_buckets() {
    for values in [
        &[("DEFINITIONS_BUCKET", "service_registry")][..],
        &[("NATS_KV_BUCKET", "service_definitions")],
        &[("NATS_KV_BUCKET", "a"), ("DEFINITIONS_BUCKET", "a")],
    ] {
        let problem = problem(values);
        assert!(problem.starts_with("DEFINITIONS_BUCKET") && problem.contains("NATS_KV_BUCKET"), "{problem}");
    }
}

#[test]
fn an_error_about_the_url_does_not_contain_it() {
    for url in ["nats://alice:secret@nats:port", "http://alice:secret@nats", "alice:secret@[nats"] {
        let problem = problem(&[("NATS_URL", url)]);
        assert!(!problem.contains("secret"), "{problem}");
    }
}

#[test]
fn files_for_nats_are_checked_at_startup() {
    let written = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(written.path(), "no certificate, no credentials: secret").unwrap();
    for (name, needed) in [("NATS_CA_FILE", "certificate"), ("NATS_CREDS_FILE", "nsc generate creds")] {
        for url in ["nats://nats", "tls://nats"] {
            let absent = problem(&[("NATS_URL", url), (name, "/absent")]);
            assert!(absent.starts_with(&format!("{name}: /absent: No such file")), "{absent}");
            let wrong = problem(&[("NATS_URL", url), (name, written.path().to_str().unwrap())]);
            assert!(wrong.starts_with(name) && wrong.contains(needed), "{wrong}");
            assert!(!wrong.contains("secret"), "{wrong}");
        }
    }
}

#[test]
fn at_most_one_kind_of_credentials_is_used() {
    let written = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(written.path(), CREDENTIALS).unwrap();
    let file = ("NATS_CREDS_FILE", written.path().to_str().unwrap());
    let (user, password, token) = (("NATS_USER", "alice"), ("NATS_PASSWORD", "p"), ("NATS_TOKEN", "t"));
    let credentials = |values: &[(&str, &str)]| config(values).nats.credentials;
    assert!(credentials(&[]).is_none());
    assert!(matches!(credentials(&[token]), Some(NatsCredentials::Token(_))));
    assert!(matches!(credentials(&[user, password]), Some(NatsCredentials::Password { .. })));
    assert!(matches!(credentials(&[file]), Some(NatsCredentials::CredentialsFile(_))));
    for both in [&[token, file][..], &[user, password, file], &[user, password, token]] {
        assert!(problem(both).contains("only one of"), "{both:?}");
    }
}
