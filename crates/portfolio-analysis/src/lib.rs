//! The task `portfolio-analysis`: the value of a day's positions, their concentration, and the change since the day
//! before.
//!
//! A run reads the four materialized views of the trading stack in one read-only transaction (`source`). Postgres sums
//! up the positions; `figures` has the formulas; `compose` builds the [`report::Report`], which is the run's result;
//! `page` renders a report as HTML. A run changes nothing, so it can be restarted at any time.
//!
//! Reasons of a failed run: `NoSuchDay` (the views have no rows for the date), `SourceUnreachable` (no connection),
//! `SourceRefused` (the server rejects the user, or a view is missing, lacks columns, is not populated or can't be read
//! by this user), `SourceFailed` (reading failed after it began), `InvalidParameters`, `ReportFailed`.

mod analysis;
mod compose;
mod definition;
mod figures;
mod page;
mod parameters;
mod plural;
pub mod report;
mod settings;
mod source;
mod variables;

pub use self::analysis::PortfolioAnalysis;
pub use self::definition::DEFINITION;
pub use self::variables::{DEFAULT_DAYS, MAX_DAYS, VARIABLES};
