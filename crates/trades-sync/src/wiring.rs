//! Creates the source and the sinks from the configuration.

use common::config::ConfigError;

use crate::config::{Config, SinkKind};
use crate::day::Sinks;
use crate::error::SyncError;
use crate::sink::{ApiReader, ApiSink, D1Sink, Sink, SinkReader, SqliteSink};
use crate::source::Source;

/// Connects to the database with the views.
pub(crate) async fn source(config: &Config) -> Result<Source, SyncError> {
    let budget = config.retries().budget;
    Ok(Source::connect(config.database()?, config.views().clone(), budget).await?)
}

/// The requested sink, or else the configured one, with its fallback.
pub(crate) fn sinks(config: &Config, requested: Option<SinkKind>) -> Result<Sinks, ConfigError> {
    Ok(Sinks { primary: sink(config, requested)?, fallback: fallback(config, requested)? })
}

/// The requested sink, or else the configured one.
pub(crate) fn sink(config: &Config, requested: Option<SinkKind>) -> Result<Sink, ConfigError> {
    Ok(match config.sink_kind(requested) {
        SinkKind::Api => Sink::Api(ApiSink::new(config.api()?, config.retries())),
        SinkKind::D1 => Sink::D1(D1Sink::new(config.d1()?, config.retries())),
        SinkKind::Sqlite => Sink::Sqlite(SqliteSink::new(&config.sqlite_path()?)),
    })
}

/// The sink that is used if the API is unreachable.
pub(crate) fn fallback(config: &Config, requested: Option<SinkKind>) -> Result<Option<Sink>, ConfigError> {
    let d1 = config.fallback(requested)?;
    Ok(d1.map(|d1| Sink::D1(D1Sink::new(d1, config.retries()))))
}

/// The requested sink, or else the configured one, for reading.
pub(crate) fn sink_reader(config: &Config, requested: Option<SinkKind>) -> Result<SinkReader, ConfigError> {
    Ok(match config.sink_kind(requested) {
        SinkKind::Api => SinkReader::Api(ApiReader::new(config.api_reader()?, config.retries())),
        SinkKind::D1 => SinkReader::D1(D1Sink::new(config.d1()?, config.retries())),
        SinkKind::Sqlite => SinkReader::Sqlite(SqliteSink::new(&config.sqlite_path()?)),
    })
}
