//! No error and no log line contains a part of a password or of an invalid address.

use std::fmt::Write;

use super::TestEnv;
use crate::support::log::LogCapture;

/// Passwords, and invalid addresses that contain them.
const INVALID: &[(&str, &str)] = &[
    ("12/zq7xjv", "postgres://reader:12/zq7xjv@db:5432/trades"),
    ("/a?bcd", "postgres://reader:/a?bcd@db/trades"),
    ("zq7xjv", "postgres://reader:pw@db:5432/trades?sslpassword=zq7xjv"),
    ("zq7xjv", "postgres://reader@db/trades?sslpassword=zq7xjv"),
    ("zq7xjv", "host=db user=reader sslpassword=zq7xjv"),
    ("zq7@xjv", "postgres://reader:zq7@xjv@db:5432/trades"),
    ("zq7?xjv", "postgres://reader:zq7?xjv@db/trades"),
    ("zq7/xjv", "postgres://reader:zq7/xjv@db/trades"),
    ("zq7?a=xjv", "postgres://reader:zq7?a=xjv@db/trades"),
    ("5432?user=zq7xjv", "postgres://reader:5432?user=zq7xjv@db/trades"),
    ("zq7xjv", "postgres://reader:zq7xjv"),
    ("zq7xjv", "postgres://db:zq7xjv/trades"),
    ("zq7%zzxjv", "postgres://reader:zq7%zzxjv@db/trades"),
    ("zq7%", "postgres://reader:zq7%@db/trades"),
    ("zq7%ffxjv", "postgres://reader:zq7%ffxjv@db/trades"),
    ("zq7%00xjv", "postgres://reader:zq7%00xjv@db/trades"),
    ("zq7&xjv", "postgres://db/trades?user=reader&password=zq7&xjv"),
    ("zq7=xjv", "postgres://db/trades?user=reader&password=zq7=xjv"),
    ("zq7&xjv=x", "postgres://db/trades?user=reader&password=zq7&xjv=x"),
    ("zq7 xjv", "host=db user=reader password=zq7 xjv"),
    ("zq7 xjv=x", "host=db user=reader password=zq7 xjv=x"),
    ("zq7'xjv", "host=db user=reader password='zq7'xjv'"),
    ("'zq7xjv", "host=db user=reader password='zq7xjv"),
    ("zq7xjv", "postgre://reader:zq7xjv@db/trades?sslmode=require"),
    ("zq7xjv", "Postgres://reader:zq7xjv@db/trades"),
    ("zq7xjv", "\"postgres://reader:zq7xjv@db/trades\""),
    ("zq7xjv", "reader:zq7xjv@db:5432/trades"),
    ("zq7xjv", "zq7xjv"),
    ("[zq7xjv", "postgres://reader@[zq7xjv/trades"),
    ("zq7xjv", "postgres://reader@db:5432:zq7xjv/trades"),
    ("zq7xjv", "postgres://reader:pw@db/trades?zq7xjv"),
    ("zq7xjv", "postgres://reader:pw@db/trades?zq7xjv=x"),
    ("zq7xjv", "postgres://reader:pw@db/trades?sslmode=zq7xjv"),
    ("zq7xjv", "postgres://reader:pw@db/trades?target_session_attrs=zq7xjv"),
    ("zq7xjv", "postgres://reader:pw@db/trades?connect_timeout=zq7xjv"),
    ("zq7xjv", "postgres://reader:pw@db/trades?channel_binding=zq7xjv"),
    ("zq7xjv", "postgres://reader:pw@db/trades?options=zq7xjv"),
    ("zq7xjv", "postgres://reader:pw@db/trades?ssl_min_protocol_version=zq7xjv"),
    ("zq7xjv", "host=db hostaddr=zq7xjv"),
    ("zq7xjv", "host=db;port=6001;user=reader;password=zq7xjv"),
    ("zq7xjv", "host=db,port=6001,user=reader,password=zq7xjv"),
    ("zq7xjv", "host=db&user=reader&password=zq7xjv"),
    ("zq7xjv", "host=db?password=zq7xjv user=reader"),
    ("zq7xjv", "host='db zq7xjv'"),
    ("zq7xjv", "host='\"zq7xjv\"'"),
    ("zq7xjv", "host=reader:zq7xjv@db"),
    ("zq7xjv", "host=reader:zq7xjv"),
    ("zq7xjv", "host=zq7xjv%db"),
    ("zq7xjv", "host=/tmp;password=zq7xjv"),
    ("zq7xjv", "host=db user=reader;password=zq7xjv"),
    ("zq7xjv", "host=db user=reader:zq7xjv"),
    ("zq7xjv", "host=db user=reader;zq7xjv"),
    ("zq7xjv", "host=db dbname=trades,password=zq7xjv"),
    ("zq7xjv", "host=db dbname=trades&zq7xjv"),
    ("zq7xjv", "host=db dbname='trades; Password = zq7xjv'"),
    ("zq7xjv", "host=db dbname=postgres://reader:zq7xjv@db/trades"),
    ("zq7xjv", "postgres://reader@db:6001/trades&password=zq7xjv"),
    ("zq7xjv", "postgres://reader@db:6001/trades;password=zq7xjv"),
    ("zq7xjv", "postgres://reader@db:6001/trades password=zq7xjv"),
    ("zq7xjv", "postgres://reader@db:6001/trades;zq7xjv"),
    ("zq7xjv", "postgres://db;user=reader;password=zq7xjv/trades"),
    ("zq7xjv", "postgres://reader%3Azq7xjv@db/trades"),
    ("zq7xjv", "postgres://reader;zq7xjv@db/trades"),
    ("zq7xjv", "postgres://reader@db/trades?user=reader:zq7xjv"),
    ("zq7xjv", "postgres://reader@db/trades?dbname=trades;zq7xjv"),
];

#[test]
fn an_error_about_an_address_contains_no_part_of_its_password() {
    let (log, _guard) = LogCapture::install();
    for (password, address) in INVALID {
        let error = TestEnv::new(&[]).server(address).expect_err(address);
        assert!(error.starts_with(super::SETTING), "{error}");
        let shown = format!("{error} {}", log.text()).to_lowercase();
        for piece in pieces(password) {
            assert!(!shown.contains(&piece), "{piece} of {address} is in {shown}");
        }
    }
}

/// Each sequence of three characters, except those that occur in the names of parameters.
fn pieces(password: &str) -> impl Iterator<Item = String> {
    let characters: Vec<char> = password.to_lowercase().chars().collect();
    let pieces: Vec<String> = characters.windows(3).map(|piece| piece.iter().collect()).collect();
    pieces.into_iter().filter(|piece| !"user= %zz".contains(piece.as_str()))
}

#[tokio::test]
async fn neither_errors_nor_logs_of_a_connection_contain_passwords_or_values() {
    let server = testkit::postgres::Server::shared();
    let (log, _guard) = LogCapture::install();
    let mut shown = String::new();
    for address in [
        "postgres://postgres:zq7xjv@127.0.0.1:PORT/postgres",
        "postgres://postgres:secret@127.0.0.1:PORT/postgres?options=-c%20work_mem%3Dzq7xjv",
        "postgres://postgres:secret@127.0.0.1:PORT/postgres?options=-c%20zq7xjv%3Dzq7xjv",
        "postgres://postgres:zq7xjv@127.0.0.1:1/postgres",
        "postgres://postgres:zq7xjv@absent.invalid/postgres",
        "postgres://postgres:zq7xjv@127.0.0.1:PORT/postgres?sslmode=verify-full&sslrootcert=/zq7xjv",
        "postgres://postgres:zq7xjv@127.0.0.1:PORT/postgres?sslmode=require",
    ] {
        let address = address.replace("PORT", &server.port().to_string());
        let server = super::server(&address);
        let error = server.connect().await.unwrap_err();
        writeln!(shown, "{error} {error:?} {server} {server:?}").unwrap();
    }
    let logged = log.text();
    assert!(logged.contains("sslmode=require into TEST_DATABASE_URL"), "{logged}");
    for text in [&shown, &logged] {
        assert!(!text.contains("zq7xjv") && !text.contains("secret"), "{text}");
    }
}
