//! The target of connections: an address that is completed from the environment.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;

use super::conninfo;
use super::environment::Environment;
use super::keywords::KEYWORDS;
use super::names;
use super::passfile::{self, Login};
use super::session_attributes::SessionAttributes;
use super::session_options;
use super::sql_error::MAX_REASON_BYTES;
use super::tls_settings::TlsSettings;
use super::values::Values;
use crate::text::single_line;

const DEFAULT_PORT: u16 = 5432;
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// The default time limit of connecting to one address. libpq has no limit but that of the system.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// The parsed and completed address.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) candidates: Vec<Candidate>,
    pub(super) user: String,
    pub(super) database: String,
    pub(super) application_name: String,
    /// Server settings of the session, by name.
    pub(super) options: Vec<(String, String)>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) session: SessionAttributes,
    pub(super) tls: TlsSettings,
}

/// One of the servers that an address names.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) password: Option<SecretString>,
}

/// The place of a server.
#[derive(Clone)]
pub(super) enum Host {
    /// A folder with a Unix socket. A name that starts with `@` is in the abstract namespace.
    Socket(String),
    /// A name or an address, and the address to use instead of a DNS lookup.
    Tcp { name: String, address: Option<IpAddr> },
}

impl Target {
    /// Parses an address and completes it.
    ///
    /// # Errors
    /// What is wrong, without any part of the address. An error that comes from an environment variable names it.
    pub(super) fn parse(
        text: &str,
        application_name: &str,
        environment: &Environment,
    ) -> Result<Self, String> {
        Self::complete(text, application_name, environment).map_err(|problem| {
            // The variable without which the outcome is another one is the cause.
            let cause = KEYWORDS.iter().filter_map(|keyword| keyword.variable).find(|variable| {
                let without = environment.without(variable);
                let outcome = without.map(|without| Self::complete(text, application_name, &without));
                outcome.is_some_and(|outcome| outcome.err().as_ref() != Some(&problem))
            });
            match cause {
                Some(variable) if !problem.contains(variable) => {
                    format!("can't be used with this environment: {variable} {problem}")
                }
                _ => problem,
            }
        })
    }

    fn complete(text: &str, application_name: &str, environment: &Environment) -> Result<Self, String> {
        let values = Values { parameters: conninfo::parse(text)?, environment };
        check_variables(environment)?;
        let user = values.get("user").or(environment.user());
        let user = user
            .ok_or("names no user, and the system has no name for the one this program runs as")?
            .to_owned();
        let database = values.get("dbname").unwrap_or(&user).to_owned();
        names::check_user(&user)?;
        names::check_database(&database)?;
        let application_name = values
            .get("application_name")
            .or(values.get("fallback_application_name"))
            .unwrap_or(application_name);
        let mut candidates = candidates(&values)?;
        let password = values.get("password").map(SecretString::from);
        let hosts = values.list("host");
        for (index, candidate) in candidates.iter_mut().enumerate() {
            let is_default = hosts.get(index).is_none_or(|host| host.is_empty());
            let login = Login {
                host: host_in_file(candidate, is_default),
                port: candidate.port,
                database: &database,
                user: &user,
            };
            candidate.password = password.clone().or_else(|| password_from_file(&values, &login));
        }
        Ok(Self {
            candidates,
            application_name: application_name.to_owned(),
            options: session_options::parse(&values)?,
            connect_timeout: connect_timeout(&values)?,
            session: values.get("target_session_attrs").unwrap_or("any").parse()?,
            tls: TlsSettings::read(&values)?,
            user,
            database,
        })
    }

    /// One candidate with database and user, for a message.
    pub(super) fn place(&self, candidate: &Candidate) -> String {
        let Self { database, user, .. } = self;
        single_line(&format!("{candidate} (database {database}, user {user})"), MAX_REASON_BYTES)
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        match &self.host {
            Host::Tcp { name, .. } if name.contains(':') => write!(f, "[{name}]:{port}"),
            Host::Tcp { name, .. } | Host::Socket(name) => write!(f, "{name}:{port}"),
        }
    }
}

/// Rejects variables that are not supported, like the same keywords in an address.
fn check_variables(environment: &Environment) -> Result<(), String> {
    for keyword in KEYWORDS {
        if let Some((variable, value)) =
            keyword.variable.and_then(|name| Some((name, environment.variable(name)?)))
        {
            let problem = keyword.check(variable, value);
            problem.map_err(|problem| format!("can't be used with this environment: {problem}"))?;
        }
    }
    Ok(())
}

fn candidates(values: &Values<'_>) -> Result<Vec<Candidate>, String> {
    let (names, addresses, ports) = (values.list("host"), values.list("hostaddr"), values.list("port"));
    let count = names.len().max(addresses.len()).max(1);
    for (list, keyword) in [(&names, "host"), (&addresses, "hostaddr")] {
        if !list.is_empty() && list.len() != count {
            return Err(format!("has a different number of values for {keyword} than of hosts"));
        }
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(
            "has a different number of ports than of hosts; give one for all, or one for each".to_owned()
        );
    }
    let mut candidates = Vec::with_capacity(count);
    for index in 0..count {
        let entry = |list: &[&str]| list.get(index).copied().unwrap_or_default().to_owned();
        let port = if ports.len() == 1 { ports[0].to_owned() } else { entry(&ports) };
        let port = parse_port(&port)?;
        let host = host(entry(&names), &entry(&addresses), port)?;
        candidates.push(Candidate { host, port, password: None });
    }
    Ok(candidates)
}

fn parse_port(text: &str) -> Result<u16, String> {
    if text.is_empty() {
        return Ok(DEFAULT_PORT);
    }
    let port = text.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| "has a port that is not a number from 1 to 65535".to_owned())
}

fn host(name: String, address: &str, port: u16) -> Result<Host, String> {
    names::check_host(&name)?;
    if !address.is_empty() {
        let address: IpAddr = address.parse().map_err(|_| "has a hostaddr that is not an IP address")?;
        let name = if name.is_empty() { address.to_string() } else { name };
        return Ok(Host::Tcp { name, address: Some(address) });
    }
    if name.is_empty() {
        let socket = format!(".s.PGSQL.{port}");
        let folder = SOCKET_FOLDERS.into_iter().find(|folder| Path::new(folder).join(&socket).exists());
        // Without a socket, as in a container, the server can be reached over TCP only.
        let localhost = || Host::Tcp { name: "localhost".to_owned(), address: None };
        return Ok(folder.map_or_else(localhost, |folder| Host::Socket(folder.to_owned())));
    }
    if name.starts_with(['/', '@']) {
        return Ok(Host::Socket(name));
    }
    Ok(Host::Tcp { address: name.parse().ok(), name })
}

fn password_from_file(values: &Values<'_>, login: &Login<'_>) -> Option<SecretString> {
    let named = values.get("passfile").map(Into::into);
    passfile::find(&named.or_else(|| values.environment.in_home(".pgpass"))?, login)
}

/// The name of a host in a password file: that of the address, or `localhost` for the default socket.
fn host_in_file(candidate: &Candidate, is_default: bool) -> &str {
    match &candidate.host {
        Host::Socket(folder) if is_default || folder == SOCKET_FOLDERS[0] => "localhost",
        Host::Socket(name) | Host::Tcp { name, .. } => name,
    }
}

fn connect_timeout(values: &Values<'_>) -> Result<Option<Duration>, String> {
    let Some(text) = values.get("connect_timeout") else {
        return Ok(Some(CONNECT_TIMEOUT));
    };
    let seconds: i32 =
        text.trim().parse().map_err(|_| "has a connect_timeout that is not a number of seconds")?;
    // As in libpq, zero means no limit, and the minimum is two seconds.
    let limit = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0);
    Ok(limit.map(|seconds| Duration::from_secs(seconds.max(2))))
}
