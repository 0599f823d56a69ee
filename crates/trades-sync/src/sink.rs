//! Where a day goes: the receiving API, D1's HTTP API, or a SQLite file.
//!
//! Every sink stores the whole day in one transaction and does no harm when it is asked twice.

mod api;
mod api_reader;
mod d1;
mod error;
mod sqlite;
mod statements;

use jiff::civil::Date;

use crate::domain::{Snapshot, TABLES, Table};

pub use self::api::{ApiConfig, ApiSink};
pub use self::api_reader::{ApiReader, ApiReaderConfig, ReadCredential};
pub use self::d1::{D1Config, D1Sink};
pub use self::error::SinkError;
pub use self::sqlite::SqliteSink;

/// What a stored day came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Receipt {
    /// Which sink stored it.
    pub sink: &'static str,
    /// The bytes that were sent, or written as documents.
    pub bytes: usize,
}

/// A place that stores days.
#[derive(Debug)]
pub enum Sink {
    /// `POST {SNAPSHOT_API_URL}{SNAPSHOT_ENDPOINT}`.
    Api(ApiSink),
    /// Cloudflare's `POST .../d1/database/{id}/query`.
    D1(D1Sink),
    /// A local file.
    Sqlite(SqliteSink),
}

impl Sink {
    /// Stores a day in place of what is stored for its date.
    ///
    /// # Errors
    /// [`SinkError`]; then the sink holds the old day whole, or, when the answer was lost, the new one.
    pub async fn store(&self, snapshot: &Snapshot) -> Result<Receipt, SinkError> {
        match self {
            Self::Api(sink) => sink.store(snapshot).await,
            Self::D1(sink) => sink.store(snapshot).await,
            Self::Sqlite(sink) => sink.store(snapshot).await,
        }
    }

    /// Makes sure that a day could be stored, without storing anything; says what it found.
    ///
    /// # Errors
    /// [`SinkError`] with what to do about it.
    pub async fn check(&self) -> Result<String, SinkError> {
        match self {
            Self::Api(sink) => sink.check().await,
            Self::D1(sink) => sink.check().await,
            Self::Sqlite(sink) => sink.check().await,
        }
    }
}

/// A place that stored days are read from. The API has other routes and rights for that than for storing.
#[derive(Debug)]
pub enum SinkReader {
    /// `GET {SNAPSHOT_API_URL}{SNAPSHOT_READ_ENDPOINT}/{date}`.
    Api(ApiReader),
    /// Cloudflare's `POST .../d1/database/{id}/query`.
    D1(D1Sink),
    /// A local file.
    Sqlite(SqliteSink),
}

impl SinkReader {
    /// The day as the sink holds it: the five tables, without rows where there is no such day.
    ///
    /// # Errors
    /// [`SinkError`] with what to do about it.
    pub async fn stored(&self, date: Date) -> Result<Vec<Table>, SinkError> {
        match self {
            Self::Api(reader) => reader.stored(date).await,
            Self::D1(sink) => sink.stored(date).await,
            Self::Sqlite(sink) => sink.stored(date).await,
        }
    }
}

/// The tables of a day that is not stored.
fn no_rows() -> Vec<Table> {
    TABLES.iter().map(|shape| Table { shape, rows: Vec::new() }).collect()
}
