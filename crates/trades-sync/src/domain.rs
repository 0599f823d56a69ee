//! The trading day and its rules, free of any I/O.

mod drops;
mod json;
mod moment;
mod normalize;
mod numeric_text;
mod repeats;
mod row_counts;
mod snapshot;
mod tables;
mod value;

pub use drops::{Drops, Part, Reason};
pub use json::{body_json, overlay_json, rows_json, to_json};
pub use moment::Moment;
pub use normalize::{Normalized, Refusal, normalize};
pub use row_counts::RowCounts;
pub use snapshot::{Asset, ExtremesItem, HiLo, KpiRow, MAX_ID, METRICS, Overlay, Point, Snapshot};
pub use tables::{Cell, Differences, TABLES, Table, TableShape, differences, tables};
pub use value::{Value, ValueKind};
