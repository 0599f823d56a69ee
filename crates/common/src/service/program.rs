//! The command line of a service, and how its program runs a command.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::health_check::{HealthCheckError, check_health};
use crate::config::{ConfigError, Settings, Variable, file_from_environment};
use crate::telemetry::Telemetry;

/// The arguments of a service.
#[derive(Debug, Args)]
pub struct ServiceArgs {
    /// Read settings from a YAML, TOML or JSON file [default: the file that the environment variable
    /// CONFIG_FILE names]; the environment has precedence
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do
    #[command(subcommand)]
    pub command: Option<ServiceCommand>,
}

/// The commands of a service.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum ServiceCommand {
    /// Serve; the default command
    Serve,
    /// Check whether the service on this machine is ready; exit 0 if it is. For images that have no shell
    Healthcheck,
    /// Print the OpenAPI document
    Openapi,
}

/// What is particular to the program of one service.
pub trait ServiceProgram {
    /// Why it can't run.
    type Error: ServiceProgramError;
    /// Its name in traces and in the log.
    const NAME: &'static str;

    /// Its settings.
    fn variables() -> &'static [Variable];

    /// Its OpenAPI document.
    fn openapi() -> String;

    /// The address to serve on.
    ///
    /// # Errors
    /// When the setting is not an address.
    fn listen_address(settings: &Settings) -> Result<SocketAddr, ConfigError> {
        settings.parsed_or_default("LISTEN_ADDR")
    }

    /// Serves until the process is asked to stop.
    fn serve(settings: Settings) -> impl Future<Output = Result<(), Self::Error>>;
}

/// Why a service's program can't run.
pub trait ServiceProgramError: Display + From<ConfigError> + From<HealthCheckError> {
    /// 2 if a setting is wrong, and otherwise 1.
    fn exit_code(&self) -> u8;
}

/// Runs the command. The exit code is 0 if it succeeded or was asked to stop, 2 if a setting is wrong, and otherwise 1.
pub fn run_service<P: ServiceProgram>(args: &ServiceArgs) -> ExitCode {
    let command = args.command.unwrap_or(ServiceCommand::Serve);
    if let ServiceCommand::Openapi = command {
        #[expect(clippy::print_stdout, reason = "the document is the output of the command")]
        {
            println!("{}", P::openapi());
        }
        return ExitCode::SUCCESS;
    }
    let file = args.config.clone().or_else(|| file_from_environment("CONFIG_FILE"));
    let settings = Settings::load(file.as_deref(), P::variables());
    let telemetry = Telemetry::init(P::NAME, settings.as_ref().ok());
    let outcome = match (settings, telemetry) {
        (Ok(settings), Ok(_telemetry)) => execute::<P>(command, settings),
        (Err(error), _) | (Ok(_), Err(error)) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Uses one thread, because a service mostly waits for others, and one thread needs the least memory.
fn execute<P: ServiceProgram>(command: ServiceCommand, settings: Settings) -> Result<(), P::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a process can create timers and sockets");
    runtime.block_on(async {
        match command {
            ServiceCommand::Healthcheck => Ok(check_health(P::listen_address(&settings)?).await?),
            ServiceCommand::Serve | ServiceCommand::Openapi => P::serve(settings).await,
        }
    })
}
