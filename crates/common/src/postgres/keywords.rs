//! The keywords of libpq (up to version 18), their environment variables, and how far they are supported.

/// How far a keyword is supported.
#[derive(Clone, Copy, Debug)]
pub(super) enum Support {
    /// It has the meaning of libpq.
    Full,
    /// Any value is accepted and has no effect.
    Ignored,
    /// These values are accepted, because they are the only behavior.
    Only(&'static [&'static str]),
    /// Every value that is not empty is rejected.
    None,
}

/// A keyword.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keyword {
    pub(super) name: &'static str,
    /// The environment variable that is used where the address does not set it.
    pub(super) variable: Option<&'static str>,
    pub(super) support: Support,
}

const fn keyword(name: &'static str, variable: &'static str, support: Support) -> Keyword {
    let variable = if variable.is_empty() { None } else { Some(variable) };
    Keyword { name, variable, support }
}

const OFF: Support = Support::Only(&["false", "off", "no", "0"]);

pub(super) const KEYWORDS: &[Keyword] = &[
    keyword("application_name", "PGAPPNAME", Support::Full),
    keyword("channel_binding", "PGCHANNELBINDING", Support::Only(&["prefer", "disable"])),
    keyword("client_encoding", "PGCLIENTENCODING", Support::Only(&["UTF8", "utf8", "UTF-8", "utf-8"])),
    keyword("connect_timeout", "PGCONNECT_TIMEOUT", Support::Full),
    keyword("dbname", "PGDATABASE", Support::Full),
    keyword("fallback_application_name", "", Support::Full),
    keyword("gssdelegation", "PGGSSDELEGATION", Support::Only(&["0"])),
    keyword("gssencmode", "PGGSSENCMODE", Support::Only(&["disable", "prefer"])),
    keyword("gsslib", "PGGSSLIB", Support::Ignored),
    keyword("host", "PGHOST", Support::Full),
    keyword("hostaddr", "PGHOSTADDR", Support::Full),
    keyword("keepalives", "", Support::Ignored),
    keyword("keepalives_count", "", Support::Ignored),
    keyword("keepalives_idle", "", Support::Ignored),
    keyword("keepalives_interval", "", Support::Ignored),
    keyword("krbsrvname", "PGKRBSRVNAME", Support::Ignored),
    keyword("load_balance_hosts", "PGLOADBALANCEHOSTS", Support::Only(&["disable"])),
    keyword("max_protocol_version", "PGMAXPROTOCOLVERSION", Support::Only(&["3.0", "3.2", "latest"])),
    keyword("min_protocol_version", "PGMINPROTOCOLVERSION", Support::Only(&["3.0"])),
    keyword("oauth_client_id", "", Support::None),
    keyword("oauth_client_secret", "", Support::None),
    keyword("oauth_issuer", "", Support::None),
    keyword("oauth_scope", "", Support::None),
    keyword("options", "PGOPTIONS", Support::Full),
    keyword("passfile", "PGPASSFILE", Support::Full),
    keyword("password", "PGPASSWORD", Support::Full),
    keyword("port", "PGPORT", Support::Full),
    keyword("replication", "", OFF),
    keyword("require_auth", "PGREQUIREAUTH", Support::None),
    keyword("requirepeer", "PGREQUIREPEER", Support::None),
    keyword("scram_client_key", "", Support::None),
    keyword("scram_server_key", "", Support::None),
    keyword("service", "PGSERVICE", Support::None),
    keyword("servicefile", "PGSERVICEFILE", Support::Ignored),
    keyword("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION", Support::Full),
    keyword("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION", Support::Full),
    keyword("sslcert", "PGSSLCERT", Support::Full),
    keyword("sslcertmode", "PGSSLCERTMODE", Support::Only(&["allow"])),
    keyword("sslcompression", "PGSSLCOMPRESSION", Support::Only(&["0"])),
    keyword("sslcrl", "PGSSLCRL", Support::None),
    keyword("sslcrldir", "PGSSLCRLDIR", Support::None),
    keyword("sslkey", "PGSSLKEY", Support::Full),
    keyword("sslkeylogfile", "", Support::None),
    keyword("sslmode", "PGSSLMODE", Support::Full),
    keyword("sslnegotiation", "PGSSLNEGOTIATION", Support::Only(&["postgres"])),
    keyword("sslpassword", "", Support::None),
    keyword("sslrootcert", "PGSSLROOTCERT", Support::Full),
    keyword("sslsni", "PGSSLSNI", Support::Only(&["1"])),
    keyword("target_session_attrs", "PGTARGETSESSIONATTRS", Support::Full),
    keyword("tcp_user_timeout", "", Support::Ignored),
    keyword("user", "PGUSER", Support::Full),
];

/// The keyword of this name.
pub(super) fn find(name: &str) -> Option<&'static Keyword> {
    KEYWORDS.iter().find(|keyword| keyword.name == name)
}

impl Keyword {
    /// Rejects a value that is not supported. `name` is the keyword or the variable that sets it.
    pub(super) fn check(&self, name: &str, value: &str) -> Result<(), String> {
        match self.support {
            Support::Only(values) if !value.is_empty() && !values.contains(&value) => {
                Err(format!("{name} is supported with {} only; remove it", values.join(" or ")))
            }
            Support::None if !value.is_empty() => Err(format!("{name} is not supported; remove it")),
            _ => Ok(()),
        }
    }
}
