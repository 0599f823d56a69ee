//! One trading day, from the views to the tables.

use std::error::Error;
use std::ffi::OsString;
use std::path::Path;
use std::time::Instant;

use jiff::civil::Date;

use crate::{database, print, programs, summary};

/// Ships and verifies the day, and shows what arrived.
///
/// # Errors
/// When any step fails; what failed has said why.
pub(crate) fn show(day: Date, sqlite: &Path) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;

    print::step("An embedded Postgres, with the four materialized views and a week of sample days");
    let postgres = database::start()?;
    let url = postgres.database_url();
    let days = database::week(day)?;
    runtime.block_on(database::fill(&url, &days))?;
    print::done(&format!("{} days, {} to {day}", days.len(), days[0]), started.elapsed());

    if let Some(folder) = sqlite.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let date = day.to_string();
    trades_sync(&url, sqlite, &["run", "--date", &date, "--sink", "sqlite"])?;
    trades_sync(&url, sqlite, &["verify", "--date", &date, "--sink", "sqlite"])?;

    print::step("What arrived");
    runtime.block_on(summary::show(sqlite, day))?;
    print::step(&format!("{day} is verified, {:.1} s in all", started.elapsed().as_secs_f32()));
    print::line(&format!("the day is in {0}; look into it with: sqlite3 {0}", sqlite.display()));
    postgres.shutdown()?;
    Ok(())
}

/// Runs `trades-sync` as an operator would and waits for it.
fn trades_sync(url: &str, sqlite: &Path, arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    print::step(&format!("trades-sync {}", arguments.join(" ")));
    let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
    let mut command = programs::trades_sync(&arguments)?;
    command.env("DATABASE_URL", url).env("SQLITE_PATH", sqlite).env("LOG_FORMAT", "pretty");
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(format!("trades-sync left with {status}").into()) }
}
