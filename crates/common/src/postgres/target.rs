//! What an address means, once it is completed from the environment.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;

use super::conninfo::{self, Parameters};
use super::environment::Environment;
use super::keywords::KEYWORDS;
use super::names;
use super::passfile::{self, Login};
use super::session_attributes::SessionAttributes;
use super::tls_settings::TlsSettings;

const DEFAULT_PORT: u16 = 5432;
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// How long a connection to one address may take by default. libpq waits for as long as the system does.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Everything that connecting takes.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) candidates: Vec<Candidate>,
    pub(super) user: String,
    pub(super) database: String,
    pub(super) application_name: String,
    /// Server settings of the session: name and value.
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

/// Where a server is.
#[derive(Clone)]
pub(super) enum Host {
    /// A folder with a Unix socket; one that begins with `@` is in the abstract namespace.
    Socket(String),
    /// A name or an address, and the address to use in place of looking the name up.
    Tcp { name: String, address: Option<IpAddr> },
}

/// The values of keywords: from the address, else from the variables of the environment.
pub(super) struct Values<'a> {
    parameters: Parameters,
    environment: &'a Environment,
}

impl Values<'_> {
    /// A value that is neither unset nor empty. An empty value in the address hides the variable.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let variable = || {
            let variable = KEYWORDS.iter().find(|keyword| keyword.name == name)?.variable?;
            self.environment.variable(variable)
        };
        let value = self.parameters.get(name).map(String::as_str).or_else(variable);
        value.filter(|value| !value.is_empty())
    }

    /// Whether both the address and the environment give a value that is not empty.
    fn is_set_twice(&self, name: &str) -> bool {
        let variable =
            KEYWORDS.iter().find(|keyword| keyword.name == name).and_then(|keyword| keyword.variable);
        self.parameters.get(name).is_some_and(|value| !value.is_empty())
            && variable
                .and_then(|name| self.environment.variable(name))
                .is_some_and(|value| !value.is_empty())
    }

    pub(super) fn environment(&self) -> &Environment {
        self.environment
    }

    fn list(&self, name: &str) -> Vec<&str> {
        self.get(name).map_or_else(Vec::new, |list| list.split(',').map(str::trim).collect())
    }
}

impl Target {
    /// Reads an address and completes it.
    ///
    /// # Errors
    /// What is wrong, without any part of the address.
    pub(super) fn read(
        text: &str,
        application_name: &str,
        environment: &Environment,
    ) -> Result<Self, String> {
        Self::complete(text, application_name, environment).map_err(|problem| {
            let blamed = KEYWORDS.iter().filter_map(|keyword| keyword.variable).find(|variable| {
                let without = environment.without(variable);
                let outcome = without.map(|without| Self::complete(text, application_name, &without));
                outcome.is_some_and(|outcome| outcome.err().as_ref() != Some(&problem))
            });
            match blamed {
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
        for (place, candidate) in candidates.iter_mut().enumerate() {
            let is_default = hosts.get(place).is_none_or(|host| host.is_empty());
            let login = Login {
                host: host_in_file(candidate, is_default),
                port: candidate.port,
                database: &database,
                user: &user,
            };
            candidate.password = password.clone().or_else(|| from_file(&values, &login));
        }
        Ok(Self {
            candidates,
            application_name: application_name.to_owned(),
            options: session_options(&values)?,
            connect_timeout: connect_timeout(&values)?,
            session: values.get("target_session_attrs").unwrap_or("any").parse()?,
            tls: TlsSettings::read(&values)?,
            user,
            database,
        })
    }
}

/// A variable that can't be honoured is an error, as it is in an address.
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
    for (list, what) in [(&names, "host"), (&addresses, "hostaddr")] {
        if !list.is_empty() && list.len() != count {
            return Err(format!("has a different number of values for {what} than of hosts"));
        }
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(
            "has a different number of ports than of hosts; give one for all, or one for each".to_owned()
        );
    }
    let mut candidates = Vec::with_capacity(count);
    for place in 0..count {
        let entry = |list: &[&str]| list.get(place).copied().unwrap_or_default().to_owned();
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
        // Where there is no socket, as in a container, the server is more likely to be reached over TCP.
        let localhost = || Host::Tcp { name: "localhost".to_owned(), address: None };
        return Ok(folder.map_or_else(localhost, |folder| Host::Socket(folder.to_owned())));
    }
    if name.starts_with(['/', '@']) {
        return Ok(Host::Socket(name));
    }
    Ok(Host::Tcp { address: name.parse().ok(), name })
}

fn from_file(values: &Values<'_>, login: &Login<'_>) -> Option<SecretString> {
    let named = values.get("passfile").map(Into::into);
    passfile::find(&named.or_else(|| values.environment().in_home(".pgpass"))?, login)
}

/// How a password file names a host: as the address does. The default socket is `localhost`.
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
    // As for libpq: zero is no limit, and two seconds is the smallest.
    let limit = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0);
    Ok(limit.map(|seconds| Duration::from_secs(seconds.max(2))))
}

/// Reads `-c name=value` and `--name=value`, in which a backslash precedes a space or a backslash of a value.
fn session_options(values: &Values<'_>) -> Result<Vec<(String, String)>, String> {
    const FORM: &str = "has options of another form than -c name=value or --name=value";

    if values.is_set_twice("options") {
        // sqlx adds those of PGOPTIONS, whatever the address has.
        return Err("has options, and PGOPTIONS is set as well; use one of the two".to_owned());
    }
    let mut options = Vec::new();
    let mut words = split_words(values.get("options").unwrap_or_default()).into_iter();
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("--") {
            Some(setting) => setting.to_owned(),
            None if word == "-c" => words.next().ok_or(FORM)?,
            None => word.strip_prefix("-c").ok_or(FORM)?.to_owned(),
        };
        let (name, value) = setting.split_once('=').ok_or(FORM)?;
        options.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(options)
}

/// The words of a command line, as a server splits `options`.
fn split_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => word.extend(characters.next()),
            space if space.is_ascii_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            other => word.push(other),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}
