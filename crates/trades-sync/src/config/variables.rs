//! The variables that the program reads, and their defaults.

use common::config::Variable;
use common::telemetry;

/// Defines a variable that has a default. The help text contains the default.
macro_rules! with_default {
    ($name:ident, $help:literal, $default:ident: $type:ty = $value:literal) => {
        pub(crate) const $default: $type = $value;
        const $name: Variable = Variable::plain(stringify!($name), concat!($help, "; ", $value));
    };
}

with_default!(SINK, "api, d1 or sqlite", DEFAULT_SINK: &str = "api");
with_default!(SNAPSHOT_API_URL, "the receiver", DEFAULT_SNAPSHOT_API_URL: &str = "https://api.haiphen.io");
with_default!(
    SNAPSHOT_ENDPOINT,
    "the path that days are sent to",
    DEFAULT_SNAPSHOT_ENDPOINT: &str = "/v1/internal/trades/snapshot"
);
with_default!(
    SNAPSHOT_READ_ENDPOINT,
    "the path that verify reads stored days from",
    DEFAULT_SNAPSHOT_READ_ENDPOINT: &str = "/v1/trades/snapshots"
);
with_default!(
    ACCEPT_ANY_2XX,
    "true: a day counts as stored after any 2xx, without the contract's confirmation",
    DEFAULT_ACCEPT_ANY_2XX: bool = false
);
with_default!(D1_API_URL, "Cloudflare's API", DEFAULT_D1_API_URL: &str = "https://api.cloudflare.com/client/v4");
with_default!(
    RETRY_BUDGET_SECONDS,
    "the time limit of a request or of connecting to Postgres, over all attempts",
    DEFAULT_RETRY_BUDGET_SECONDS: u64 = 60
);
with_default!(
    TERMINATION_MESSAGE_PATH,
    "a file that the summary is also written to (the default only if it exists)",
    DEFAULT_TERMINATION_MESSAGE_PATH: &str = "/dev/termination-log"
);

/// The maximum of `RETRY_BUDGET_SECONDS`.
pub(super) const MAX_RETRY_BUDGET_SECONDS: u64 = 3600;

/// Every variable that the program reads.
pub const VARIABLES: [Variable; 26] = [
    Variable::secret("DATABASE_URL", "postgres://USER:PASSWORD@HOST:PORT/DATABASE"),
    trading_views::VARIABLES[0],
    trading_views::VARIABLES[1],
    trading_views::VARIABLES[2],
    trading_views::VARIABLES[3],
    Variable::plain("SYNC_DATE", "the day, if no argument names one; today in REPORT_TIMEZONE"),
    SINK,
    SNAPSHOT_API_URL,
    SNAPSHOT_ENDPOINT,
    SNAPSHOT_READ_ENDPOINT,
    ACCEPT_ANY_2XX,
    Variable::secret("INTERNAL_TOKEN", "the receiver's token, sent as X-Internal-Token"),
    Variable::secret("READ_TOKEN", "a token that permits reading only, for verify; INTERNAL_TOKEN"),
    Variable::secret("SIGNING_SECRET", "adds X-Signature, the HMAC-SHA256 of the body; none"),
    Variable::secret("CLOUDFLARE_API_TOKEN", "a token with permission to edit D1"),
    Variable::plain("CLOUDFLARE_ACCOUNT_ID", "the account that owns the D1 database"),
    Variable::plain("D1_DATABASE_ID", "the D1 database"),
    D1_API_URL,
    Variable::plain("SQLITE_PATH", "the file of the sqlite sink"),
    Variable::plain("FALLBACK", "d1 or none, used if the API is unreachable; d1 if D1 is configured"),
    trading_views::VARIABLES[4],
    RETRY_BUDGET_SECONDS,
    TERMINATION_MESSAGE_PATH,
    telemetry::VARIABLES[0],
    telemetry::VARIABLES[1],
    telemetry::VARIABLES[2],
];
