//! Each form of address connects to the server that psql connects to, or is rejected where psql rejects it.

use std::os::unix::fs::PermissionsExt;
use std::sync::OnceLock;

use sqlx::{Connection, Executor, PgConnection};
use testkit::postgres::{Server, Setup};

use super::TestEnv;

const PASSWORD: &str = "p@s:s/w?o#r%d";
const ENCODED: &str = "p%40s%3As%2Fw%3Fo%23r%25d";

/// A server on IPv4, IPv6 and a Unix socket, with a user whose password has every special character.
async fn shared() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        Server::start_with(&Setup::default().with("listen_addresses", "127.0.0.1,::1").with_hba(
            "local all reader scram-sha-256\nlocal all all trust\nhost all all all scram-sha-256\n",
        ))
    });
    let url = format!("postgres://postgres:secret@127.0.0.1:{}/postgres", server.port());
    let mut admin = PgConnection::connect(&url).await.unwrap();
    let user = super::system_user();
    let sql = format!(
        "DO $$ BEGIN PERFORM pg_advisory_xact_lock(1); IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'reader') THEN
            CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'; CREATE ROLE plain LOGIN PASSWORD 'plain';
            CREATE ROLE \"{user}\" LOGIN PASSWORD 'plain'; END IF; END $$"
    );
    admin.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql))).await.unwrap();
    // Another test may have created it. The lock ends with the connection.
    admin.execute("SELECT pg_advisory_lock(2)").await.unwrap();
    let _ = admin.execute("CREATE DATABASE \"odd; a=b&\"").await;
    server
}

/// The outcome for an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expected {
    /// Both connect, to the same database as the same user.
    Connected,
    /// Both reject it.
    Rejected,
    /// It is rejected here with this text in the error. psql may accept it.
    Unsupported(&'static str),
}

use Expected::{Connected, Rejected, Unsupported};

/// Address, variables and outcome.
type AddressCase = (&'static str, &'static [(&'static str, &'static str)], Expected);

/// `PORT`, `FOLDER`, `ENCODED` and `HOME` are placeholders for values of the test run.
const TABLE: &[AddressCase] = &[
    ("postgres://plain:plain@127.0.0.1:PORT/postgres", &[], Connected),
    ("postgresql://plain:plain@127.0.0.1:PORT/postgres", &[], Connected),
    ("postgres://plain:plain@localhost:PORT/postgres", &[], Connected),
    ("postgres://reader:ENCODED@127.0.0.1:PORT/postgres", &[], Connected),
    ("postgres://plain:plain@[::1]:PORT/postgres", &[], Connected),
    ("postgres://plain:plain@::1:PORT/postgres", &[], Rejected),
    ("postgres://plain:plain@[::1/postgres", &[], Rejected),
    ("postgres://plain:plain@[]:PORT/postgres", &[], Rejected),
    ("postgres://plain:plain@[::1]x:PORT/postgres", &[], Rejected),
    ("postgres://plain:wrong@127.0.0.1:PORT/postgres", &[], Rejected),
    ("postgres://plain:plain@127.0.0.1:PORT/absent", &[], Rejected),
    ("postgres://plain:plain@127.0.0.1:1/postgres", &[], Rejected),
    ("postgres://plain:plain@absent.invalid:PORT/postgres", &[], Rejected),
    ("postgres://plain:plain@127.0.0.1:0/postgres", &[], Rejected),
    ("postgres://plain:plain@127.0.0.1:65536/postgres", &[], Rejected),
    ("postgres://plain:plain@127.0.0.1:port/postgres", &[], Rejected),
    ("postgres://plain:pl%61in@127.0.0.1:PORT/p%6Fstgres", &[], Connected),
    ("postgres://plain:pl%zzin@127.0.0.1:PORT/postgres", &[], Rejected),
    ("postgres://plain:plain%00@127.0.0.1:PORT/postgres", &[], Rejected),
    // Sockets.
    ("postgres://plain@/postgres?host=FOLDER&port=PORT", &[], Connected),
    ("postgres://reader:ENCODED@/postgres?host=FOLDER&port=PORT", &[], Connected),
    ("postgres://ENCODEDFOLDER:PORT/postgres?user=plain", &[], Connected),
    ("host=FOLDER port=PORT user=plain dbname=postgres", &[], Connected),
    ("host=FOLDER/absent port=PORT user=plain dbname=postgres", &[], Rejected),
    ("dbname=postgres", &[("PGHOST", "FOLDER"), ("PGPORT", "PORT")], Connected),
    ("postgres:///postgres", &[("PGHOST", "FOLDER"), ("PGPORT", "PORT")], Connected),
    ("postgres://", &[("PGHOST", "FOLDER"), ("PGPORT", "PORT"), ("PGUSER", "postgres")], Connected),
    // Key-value strings.
    ("host=127.0.0.1 port=PORT user=plain password=plain dbname=postgres", &[], Connected),
    ("host = 127.0.0.1 port= 'PORT' user =plain password='pl\\ain' dbname=postgres", &[], Connected),
    ("host=127.0.0.1 port=PORT user=reader password='p@s:s/w?o#r%d' dbname=postgres", &[], Connected),
    ("host=127.0.0.1 port=PORT user=reader password=p@s:s/w?o#r%d dbname=postgres", &[], Connected),
    ("host=127.0.0.1 port=PORT user=plain password='plain dbname=postgres", &[], Rejected),
    ("host=127.0.0.1 port=PORT user=plain password=plain dbname=postgres word", &[], Rejected),
    ("host=127.0.0.1 port=PORT user=plain password=plain dbname=postgres colour=red", &[], Rejected),
    ("hostaddr=127.0.0.1 port=PORT user=plain password=plain dbname=postgres", &[], Connected),
    (
        "host=absent.invalid hostaddr=127.0.0.1 port=PORT user=plain password=plain dbname=postgres",
        &[],
        Connected,
    ),
    ("hostaddr=localhost port=PORT user=plain password=plain dbname=postgres", &[], Rejected),
    ("host=a,b hostaddr=127.0.0.1 port=PORT user=plain password=plain dbname=postgres", &[], Rejected),
    // Several hosts.
    ("postgres://plain:plain@127.0.0.1:1,127.0.0.1:PORT/postgres", &[], Connected),
    (
        "postgres://plain:plain@127.0.0.1:1,[::1]:PORT/postgres?target_session_attrs=read-write",
        &[],
        Connected,
    ),
    ("postgres://plain:plain@absent.invalid,127.0.0.1/postgres?port=PORT", &[], Connected),
    ("postgres://plain:plain@127.0.0.1,127.0.0.1,127.0.0.1/postgres?port=PORT,PORT", &[], Rejected),
    ("postgres://plain:wrong@127.0.0.1:PORT,127.0.0.1:PORT/postgres", &[], Rejected),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?target_session_attrs=primary", &[], Connected),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?target_session_attrs=prefer-standby", &[], Connected),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?target_session_attrs=standby", &[], Rejected),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?target_session_attrs=read-only", &[], Rejected),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?target_session_attrs=writable", &[], Rejected),
    // Passwords and other values from the environment and from files.
    ("postgres://plain@127.0.0.1:PORT/postgres", &[("PGPASSWORD", "plain")], Connected),
    ("postgres://plain:wrong@127.0.0.1:PORT/postgres", &[("PGPASSWORD", "plain")], Rejected),
    ("postgres://reader@127.0.0.1:PORT/postgres", &[("PGPASSWORD", PASSWORD)], Connected),
    ("postgres://plain@127.0.0.1:PORT/postgres", &[], Rejected),
    ("postgres://plain@127.0.0.1:PORT/postgres", &[("PGPASSFILE", "HOME/passwords")], Connected),
    ("postgres://reader@127.0.0.1:PORT/postgres", &[("PGPASSFILE", "HOME/passwords")], Connected),
    ("postgres://reader@localhost:PORT/postgres", &[("PGPASSFILE", "HOME/passwords")], Rejected),
    ("postgres://plain@127.0.0.1:PORT/postgres?passfile=HOME/passwords", &[], Connected),
    ("postgres://plain@127.0.0.1:PORT/postgres", &[("PGPASSFILE", "HOME/readable")], Rejected),
    // Only the default folder of sockets is named localhost in a password file.
    ("host=/tmp port=PORT user=reader dbname=postgres", &[("PGPASSFILE", "HOME/passwords")], Connected),
    ("postgres://127.0.0.1:PORT/postgres", &[("PGUSER", "plain"), ("PGPASSWORD", "plain")], Connected),
    ("postgres://plain:plain@127.0.0.1:PORT", &[("PGDATABASE", "postgres")], Connected),
    ("postgres://plain:plain@127.0.0.1:PORT", &[], Rejected),
    ("postgres://127.0.0.1:PORT/postgres", &[("PGPASSWORD", "plain")], Connected),
    // Parameters.
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?options=-c%20work_mem%3D3MB", &[], Connected),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?options=--work-mem%3D3MB", &[], Connected),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres", &[("PGOPTIONS", "-c work_mem=3MB")], Connected),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?options=", &[("PGOPTIONS", "-c geqo=off")], Connected),
    (
        "host=127.0.0.1 port=PORT user=plain password=plain dbname=postgres options='-cwork_mem=3MB'",
        &[],
        Connected,
    ),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?options=-c%20work_mem%3Dmuch", &[], Rejected),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?user=reader&password=ENCODED", &[], Connected),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?colour=red", &[], Rejected),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?sslmode", &[], Rejected),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?sslmode=disable=", &[], Rejected),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?sslmode=sometimes", &[], Rejected),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?sslmode=disable", &[], Connected),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?sslmode=prefer", &[], Connected),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?sslmode=require", &[], Rejected),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?ssl=true", &[], Rejected),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres", &[("PGSSLMODE", "require")], Rejected),
    (
        "postgres://plain:plain@127.0.0.1:PORT/postgres?sslmode=disable",
        &[("PGSSLMODE", "require")],
        Connected,
    ),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?connect_timeout=5&keepalives=1", &[], Connected),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?connect_timeout=soon", &[], Rejected),
    (
        "postgres://plain:plain@127.0.0.1:PORT/postgres?channel_binding=prefer&gssencmode=disable",
        &[],
        Connected,
    ),
    // Names with escaped separators.
    ("postgres://plain:plain@127.0.0.1:PORT/odd%3B%20a%3Db%26", &[], Connected),
    ("host=127.0.0.1 port=PORT user=plain password=plain dbname='odd; a=b&'", &[], Connected),
    ("host=127.0.0.1 port=PORT user=plain password=plain", &[("PGDATABASE", "odd; a=b&")], Connected),
    ("postgres://plain:plain@127.0.0.1:PORT/odd;%20a%3Db%26", &[], Unsupported("%3B")),
    // Not supported.
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?sslpassword=hunter2", &[], Unsupported("sslpassword")),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?sslmode=allow", &[], Unsupported("sslmode=allow")),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?sslcrl=/absent", &[], Unsupported("sslcrl")),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?application_name=a@b", &[], Unsupported("%40")),
    ("postgres://plain:pl?ain@127.0.0.1:PORT/postgres", &[], Rejected),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres", &[("PGSSLCRL", "/absent")], Unsupported("PGSSLCRL")),
    // An error in a variable is reported with the name of the variable.
    ("postgres://plain:plain@127.0.0.1/postgres", &[("PGPORT", "x")], Unsupported("PGPORT has a port")),
    (
        "postgres://plain@127.0.0.1:PORT/postgres",
        &[("PGSSLMODE", "bad")],
        Unsupported("PGSSLMODE has an sslmode"),
    ),
    ("postgres:///postgres", &[("PGHOST", "a;b")], Unsupported("PGHOST has a host")),
    (
        "postgres://plain@127.0.0.1:PORT/postgres",
        &[("PGCONNECT_TIMEOUT", "x")],
        Unsupported("PGCONNECT_TIMEOUT has a"),
    ),
    ("postgres://plain:plain@127.0.0.1:PORT/postgres?options=-d%201", &[], Unsupported("options")),
    ("host=127.0.0.1 port=PORT user=plain password=plain dbname=postgres replication=off", &[], Connected),
    (
        "host=127.0.0.1 port=PORT user=plain password=plain dbname=postgres requirepeer=postgres",
        &[],
        Unsupported("requirepeer"),
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_form_of_address_has_the_same_outcome_as_with_psql() {
    let server = shared().await;
    let (port, folder) = (server.port().to_string(), server.socket_folder().to_str().unwrap());
    // The server's socket, also in /tmp.
    let socket = format!(".s.PGSQL.{port}");
    let link = tempfile::TempPath::try_from_path(std::path::Path::new("/tmp").join(&socket)).unwrap();
    std::os::unix::fs::symlink(std::path::Path::new(folder).join(&socket), &link).unwrap();
    let mut wrong = Vec::new();
    for (address, variables, expected) in TABLE {
        let mut env = TestEnv::new(&[]);
        let home = env.home.path().to_str().unwrap().to_owned();
        let complete = |text: &str| {
            let text = text.replace("ENCODEDFOLDER", &folder.replace('/', "%2F")).replace("ENCODED", ENCODED);
            text.replace("PORT", &port).replace("FOLDER", folder).replace("HOME", &home)
        };
        for (name, mode) in [("passwords", 0o600), ("readable", 0o644)] {
            let path = env.home.path().join(name);
            let lines = "# the users of the test\n/tmp:*:*:reader:p@s\\:s/w?o#r%d\n127.0.0.1:*:postgres:reader:p@s\\:s/w?o#r%d\n127.0.0.1:PORT:*:plain:plain\n";
            std::fs::write(&path, [b"\xff is not UTF-8\n", complete(lines).as_bytes()].concat()).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        }
        env.variables.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), complete(value))));
        let address = complete(address);
        let (psql, ours) = (env.psql(&address), env.connect(&address).await);
        let agrees = match expected {
            Connected => psql.is_ok() && psql == ours,
            Rejected => psql.is_err() && ours.is_err(),
            Unsupported(name) => ours.as_ref().is_err_and(|error| error.contains(name)),
        };
        if !agrees {
            wrong.push(format!(
                "{address} {variables:?}\n  expected {expected:?}\n  psql {psql:?}\n  ours {ours:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_password_file_in_the_home_folder_is_found() {
    let server = shared().await;
    let env = TestEnv::new(&[]);
    let path = env.home.path().join(".pgpass");
    std::fs::write(&path, "*:*:*:plain:plain").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    let address = format!("postgres://plain@127.0.0.1:{}/postgres", server.port());
    assert!(env.connect(&address).await.unwrap().starts_with("plain@postgres"));
}

#[test]
fn a_server_is_shown_as_host_port_database_and_user() {
    let server =
        super::server("postgres://u:p@[::1]:5433,db/d?application_name=secret&options=-c%20a%3Dsecret");
    assert_eq!(server.to_string(), "[::1]:5433, db:5432 (database d, user u)");
    assert_eq!(format!("{server:?}"), format!("Server({server})"));
}
