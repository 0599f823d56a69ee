//! Connections to real servers: addresses, secrecy, TLS, poolers and failover.

mod addresses;
mod environment;
mod failover;
mod log;
mod poolers;
mod secrecy;
mod strange_servers;
mod tls;

use std::process::{Command, Stdio};
use std::time::Duration;

use common::postgres::{Environment, Server};
use sqlx::{Executor, PgConnection, Row};
use tempfile::TempDir;

/// The variable that the tests read addresses from.
const SETTING: &str = "TEST_DATABASE_URL";

/// An address with the variables that complete it, in an empty home folder.
struct Surroundings {
    home: TempDir,
    variables: Vec<(String, String)>,
}

impl Surroundings {
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

    /// Who is connected to which database, or the error.
    async fn connect(&self, address: &str) -> Result<String, String> {
        let mut connection = self.server(address)?.connect().await.map_err(|error| error.to_string())?;
        Ok(whereabouts(&mut connection).await)
    }

    /// The same through psql.
    fn psql(&self, address: &str) -> Result<String, String> {
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        let output = Command::new("psql")
            .args(["-X", "-w", "-A", "-t", "-c", WHEREABOUTS, "-d", address])
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

const WHEREABOUTS: &str = "SELECT current_user || '@' || current_database() || ':' || \
     coalesce(current_setting('work_mem'), '') || ':' || current_setting('port')";

async fn whereabouts(connection: &mut PgConnection) -> String {
    let row = connection.fetch_one(sqlx::raw_sql(WHEREABOUTS)).await.unwrap();
    row.get(0)
}

fn system_user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// An address that is read in surroundings without variables.
fn server(address: &str) -> Server {
    Surroundings::new(&[]).server(address).unwrap()
}

const PATIENCE: Duration = Duration::from_secs(30);
