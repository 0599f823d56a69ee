//! The sinks that a day is stored in: the receiving API, D1's HTTP API, or a SQLite file.
//!
//! Each sink stores the whole day in one transaction. Storing a day again is safe.

mod api;
mod api_reader;
mod d1;
mod d1_limits;
mod error;
mod receipt;
mod sqlite;
mod statements;

use jiff::civil::Date;

use crate::domain::{Snapshot, Table};

pub use self::api::ApiSink;
pub use self::api_reader::ApiReader;
pub use self::d1::D1Sink;
pub use self::error::SinkError;
pub use self::receipt::Receipt;
pub use self::sqlite::SqliteSink;

/// A sink that days are stored in.
#[derive(Debug)]
pub enum Sink {
    /// `POST {SNAPSHOT_API_URL}{SNAPSHOT_ENDPOINT}`.
    Api(ApiSink),
    /// Cloudflare's `POST .../d1/database/{id}/query`.
    D1(D1Sink),
    /// A SQLite file.
    Sqlite(SqliteSink),
}

impl Sink {
    /// Stores a day. It replaces the stored day of its date.
    ///
    /// # Errors
    /// [`SinkError`]. After an error, the sink contains the complete old day or, if the answer was lost, the complete
    /// new day.
    pub async fn store(&self, snapshot: &Snapshot) -> Result<Receipt, SinkError> {
        match self {
            Self::Api(sink) => sink.store(snapshot).await,
            Self::D1(sink) => sink.store(snapshot).await,
            Self::Sqlite(sink) => sink.store(snapshot).await,
        }
    }

    /// Checks that a day could be stored, without storing anything. Returns a description of the sink.
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

/// A sink that stored days are read from. The API has other routes and credentials for reading than for storing.
#[derive(Debug)]
pub enum SinkReader {
    /// `GET {SNAPSHOT_API_URL}{SNAPSHOT_READ_ENDPOINT}/{date}`.
    Api(ApiReader),
    /// Cloudflare's `POST .../d1/database/{id}/query`.
    D1(D1Sink),
    /// A SQLite file.
    Sqlite(SqliteSink),
}

impl SinkReader {
    /// The five tables of a day in the sink. They have no rows if the day is not stored.
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
