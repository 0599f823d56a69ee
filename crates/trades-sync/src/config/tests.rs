//! Settings from a file; the environment has none of them.

use super::*;

fn config(settings: &str) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("settings.yaml");
    std::fs::write(&path, settings).expect("the folder can be written");
    Config::new(&Settings::load(Some(&path), &VARIABLES).expect("the file can be read"))
}

fn valid(settings: &str) -> Config {
    config(settings).unwrap_or_else(|error| panic!("{settings}: {error}"))
}

const D1: &str = "cloudflare_account_id: a\nd1_database_id: d\ncloudflare_api_token: t\n";

#[test]
fn without_settings_the_documented_defaults_apply() {
    let config = valid("internal_token: t");
    let api = config.api().expect("it has a token");
    assert_eq!(api.url, "https://api.haiphen.io/v1/internal/trades/snapshot");
    assert!(!api.accept_any_2xx);
    let reader = config.api_reader().expect("it has a token");
    assert_eq!(reader.url, "https://api.haiphen.io/v1/trades/snapshots");
    assert_eq!(valid(D1).d1().expect("it is complete").api_url, "https://api.cloudflare.com/client/v4");
    assert_eq!(config.retries().budget, Duration::from_mins(1));
    assert_eq!(config.sink_kind(None), SinkKind::Api);
    assert!(config.fallback(None).expect("it is optional").is_none());
}

#[test]
fn the_day_is_that_of_the_arguments_or_of_the_setting_or_today() {
    let (asked, set) = (jiff::civil::date(2026, 2, 9), jiff::civil::date(2026, 2, 10));
    let config = valid("sync_date: '2026-02-10'");
    assert_eq!((config.day(Some(asked)), config.day(None)), (asked, set));
    for unset in ["sink: api", "sync_date: ''", "sync_date: ' '"] {
        let config = valid(unset);
        assert_eq!(config.day(None), config.today(), "{unset}");
    }
}

#[test]
fn the_help_names_each_default() {
    let help = common::config::help(&VARIABLES);
    for (name, default) in [
        ("SINK", "api"),
        ("SNAPSHOT_API_URL", "https://api.haiphen.io"),
        ("ACCEPT_ANY_2XX", "false"),
        ("RETRY_BUDGET_SECONDS", "60"),
        ("MV_KPI_TABLE", "utils_statistics.trades_kpi_summary_mv"),
        ("TERMINATION_MESSAGE_PATH", "/dev/termination-log"),
    ] {
        let line = help.lines().find(|line| line.split_whitespace().next() == Some(name)).expect(name);
        assert!(line.ends_with(&format!("; {default}")), "{line}");
    }
}

#[test]
fn a_wrong_setting_is_an_error_even_if_no_command_uses_it() {
    for (setting, message) in [
        ("retry_budget_seconds: 0", "RETRY_BUDGET_SECONDS: 0 can't be used: use 1 to 3600"),
        ("retry_budget_seconds: 3601", "RETRY_BUDGET_SECONDS: 3601 can't be used"),
        ("sync_date: 2026-02-30", "SYNC_DATE: not an existing day in the format YYYY-MM-DD"),
        ("sync_date: '20260210'", "SYNC_DATE: not an existing day"),
        ("fallback: sqlite", "FALLBACK: \"sqlite\" can't be used: use d1 or none"),
        ("sink: s3", "SINK: \"s3\" can't be used: use api, d1 or sqlite"),
        ("accept_any_2xx: maybe", "ACCEPT_ANY_2XX: \"maybe\" can't be used"),
        ("report_timezone: Mars/Olympus", "REPORT_TIMEZONE: there is no time zone"),
        ("snapshot_api_url: x", "SNAPSHOT_API_URL: is not a valid URL"),
        ("d1_api_url: https://x/?a=b", "D1_API_URL: contains a query or fragment"),
        ("d1_database_id: a/b", "D1_DATABASE_ID: \"a/b\" can't be used: an id has letters"),
        ("read_token: \"a\\nb\"", "READ_TOKEN: contains characters that an HTTP header can't contain"),
        ("signing_secret_file: /nowhere/secret", "SIGNING_SECRET_FILE: /nowhere/secret: No such file"),
        ("database_url: mysql://x", "DATABASE_URL: "),
    ] {
        let error = config(setting).err().unwrap_or_else(|| panic!("{setting} was accepted"));
        assert!(error.to_string().starts_with(message), "{setting}: {error}");
    }
}

#[test]
fn a_missing_setting_is_an_error_only_where_it_is_required() {
    let config = valid("sink: sqlite");
    for (error, message) in [
        (config.database().err(), "DATABASE_URL: is not set, nor is DATABASE_URL_FILE"),
        (config.api().err(), "INTERNAL_TOKEN: is not set, nor is INTERNAL_TOKEN_FILE"),
        (
            config.api_reader().err(),
            "INTERNAL_TOKEN: is not set, nor is INTERNAL_TOKEN_FILE; set it or READ_TOKEN",
        ),
        (config.d1().err(), "CLOUDFLARE_ACCOUNT_ID: is not set"),
        (config.sqlite_path().err(), "SQLITE_PATH: is not set"),
    ] {
        let error = error.expect(message).to_string();
        assert!(error.starts_with(message), "{error}");
    }
}

#[test]
fn d1_is_the_fallback_of_the_api_alone_and_only_if_it_is_configured() {
    let has_fallback = |settings: &str, requested| {
        valid(settings).fallback(requested).map(|d1| d1.is_some()).map_err(|error| error.to_string())
    };
    assert_eq!(has_fallback(D1, None), Ok(true));
    assert_eq!(has_fallback(&format!("{D1}fallback: none"), None), Ok(false));
    assert_eq!(has_fallback(&format!("{D1}fallback: d1"), Some(SinkKind::Sqlite)), Ok(false));
    assert_eq!(has_fallback(&format!("{D1}sink: sqlite"), Some(SinkKind::Api)), Ok(true));
    assert_eq!(has_fallback("cloudflare_api_token: t", None), Ok(false));
    let error = has_fallback("fallback: d1", None).expect_err("D1 is required");
    assert!(error.starts_with("CLOUDFLARE_ACCOUNT_ID: is not set"), "{error}");
}

#[test]
fn a_token_that_permits_reading_only_is_preferred_for_reading() {
    let reader = |settings| valid(settings).api_reader().expect("it has a token").credential;
    let both = reader("internal_token: t\nread_token: r");
    assert!(matches!(both, ReadCredential::ReadToken(_)), "{both:?}");
    let internal = reader("internal_token: t");
    assert!(matches!(internal, ReadCredential::InternalToken(_)), "{internal:?}");
}

#[test]
fn the_parts_of_a_url_are_joined_with_one_slash() {
    let config = valid("internal_token: t\nsnapshot_api_url: http://x/base/\nsnapshot_endpoint: days/");
    assert_eq!(config.api().expect("it has a token").url, "http://x/base/days");
}
