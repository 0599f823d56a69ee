//! A trading day and its rules. This module does no I/O.

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

pub use drops::{DropReason, Drops, Part};
pub use json::{body_json, overlay_json, rows_json, to_json};
pub use moment::Moment;
pub use normalize::{NormalizeError, Normalized, normalize};
pub use row_counts::RowCounts;
pub use snapshot::{Asset, ExtremesItem, HiLo, KpiRow, MAX_ID, METRICS, Overlay, Point, Snapshot};
pub use tables::{Cell, Differences, TABLES, Table, TableShape, differences, no_rows, tables};
pub use value::{DisplayedValue, ValueKind};
