//! One trading day, from the views to the tables.

use std::error::Error;
use std::ffi::OsString;
use std::path::Path;
use std::time::Instant;

use jiff::civil::Date;
use tokio::runtime::Runtime;

use crate::{database, print, programs, summary};

/// Fills the database with a week of days.
///
/// # Errors
/// If a statement fails.
pub(crate) fn fill(runtime: &Runtime, url: &str, last: Date) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let days = database::week(last)?;
    runtime.block_on(database::fill(url, &days))?;
    print::done(&format!("{} days, {} to {last}", days.len(), days[0]), started.elapsed());
    Ok(())
}

/// Stores the day, verifies it, and prints what is stored.
///
/// # Errors
/// If a step fails; trades-sync has printed the reason.
pub(crate) fn show(runtime: &Runtime, url: &str, day: Date, sqlite: &Path) -> Result<(), Box<dyn Error>> {
    let date = day.to_string();
    trades_sync(url, sqlite, &["run", "--date", &date, "--sink", "sqlite"])?;
    trades_sync(url, sqlite, &["verify", "--date", &date, "--sink", "sqlite"])?;
    print::step("What is stored");
    runtime.block_on(summary::show(sqlite, day))?;
    print::line(&format!("the day is in {0}; to query it: sqlite3 {0}", sqlite.display()));
    Ok(())
}

/// Runs `trades-sync` to its end.
fn trades_sync(url: &str, sqlite: &Path, arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    print::step(&format!("trades-sync {}", arguments.join(" ")));
    let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
    let mut command = programs::trades_sync(&arguments)?;
    command.env("DATABASE_URL", url).env("SQLITE_PATH", sqlite).env("LOG_FORMAT", "pretty");
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("trades-sync ended with {status}").into()) }
}
