//! Connections to real servers: addresses, secrecy, TLS, poolers and failover.

mod addresses;
mod environment;
mod failover;
mod poolers;
mod secrecy;
mod strange_servers;
mod tls;

use std::process::{Command, Stdio};
use std::time::Duration;

use common::postgres::{Environment, Server};
use sqlx::{Executor, PgConnection, Row};
use tempfile::TempDir;

/// The name of the setting in messages.
const SETTING: &str = "TEST_DATABASE_URL";

/// The environment of a client: variables of libpq, and an empty home folder.
struct TestEnv {
    home: TempDir,
    variables: Vec<(String, String)>,
}

impl TestEnv {
    fn new(variables: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut variables: Vec<_> = variables.collect();
        variables.push(("HOME".to_owned(), home.path().to_str().unwrap().to_owned()));
        Self { home, variables }
    }

    fn server(&self, address: &str) -> Result<Server, String> {
        let variables = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let environment = Environment::of_user(&system_user(), variables);
        Server::parse_in(SETTING, &address.into(), "common-tests", &environment)
            .map_err(|error| error.to_string())
    }

    /// The user, the database and two settings of the connection, or the error.
    async fn connect(&self, address: &str) -> Result<String, String> {
        let mut connection = self.server(address)?.connect().await.map_err(|error| error.to_string())?;
        Ok(session(&mut connection).await)
    }

    /// The same with psql.
    fn psql(&self, address: &str) -> Result<String, String> {
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        let output = Command::new("psql")
            .args(["-X", "-w", "-A", "-t", "-c", SESSION_QUERY, "-d", address])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(variables)
            .stdin(Stdio::null())
            .output()
            .expect("psql is installed: apt-get install postgresql");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }
}

const SESSION_QUERY: &str = "SELECT current_user || '@' || current_database() || ':' || \
     coalesce(current_setting('work_mem'), '') || ':' || current_setting('port')";

async fn session(connection: &mut PgConnection) -> String {
    let row = connection.fetch_one(sqlx::raw_sql(SESSION_QUERY)).await.unwrap();
    row.get(0)
}

fn system_user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The server of an address, in an environment without variables.
fn server(address: &str) -> Server {
    TestEnv::new(&[]).server(address).unwrap()
}

/// The time limit of connecting.
const BUDGET: Duration = Duration::from_secs(30);
