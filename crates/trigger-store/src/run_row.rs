//! A run as a row of the tables `runs` and `run_events`. Its columns are listed here and in the SQL of the schema.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::error::BoxDynError;
use trigger_core::run::{Cause, Progress, Run, RunId, TaskRun};

use super::row::Row;
use super::statement::{SqlValue, storable, time_text};

/// Defines [`RunRow`] and, from the names of its fields, the lists of columns, the values and the way to read a row.
macro_rules! run_row {
    (
        every run: { $first:ident: $first_type:ty, $($name:ident: $type:ty,)* }
        tasks: { $($task_name:ident: $task_type:ty,)* }
    ) => {
        /// The columns of a run, each with the type that both databases return for it.
        #[derive(Clone, Debug, PartialEq)]
        pub(super) struct RunRow {
            $first: $first_type,
            $($name: $type,)*
            $($task_name: $task_type,)*
        }

        /// All columns of [`RunRow`], as a statement lists them.
        pub(super) const COLUMNS: &str = concat!(
            stringify!($first) $(, ", ", stringify!($name))* $(, ", ", stringify!($task_name))*
        );
        /// The columns of every run. The first one is the primary key.
        pub(super) const RUN_COLUMNS: &[&str] = &[stringify!($first), $(stringify!($name)),*];
        /// The columns that are NULL unless the run executes a task. Only the task queue changes them.
        pub(super) const TASK_COLUMNS: &[&str] = &[$(stringify!($task_name)),*];

        impl RunRow {
            /// The values of [`RUN_COLUMNS`].
            pub(super) fn run_values(&self) -> Vec<SqlValue> {
                vec![self.$first.clone().into(), $(self.$name.clone().into()),*]
            }

            /// The values of [`TASK_COLUMNS`].
            pub(super) fn task_values(&self) -> Vec<SqlValue> {
                vec![$(self.$task_name.clone().into()),*]
            }

            /// Reads the columns by their names.
            fn read(row: &Row) -> Result<Self, sqlx::Error> {
                Ok(Self {
                    $first: row.try_get(stringify!($first))?,
                    $($name: row.try_get(stringify!($name))?,)*
                    $($task_name: row.try_get(stringify!($task_name))?,)*
                })
            }
        }
    };
}

run_row! {
    every run: {
        id: String,
        target: String,
        namespace: String,
        job_name: String,
        triggered_by: String,
        state: String,
        cause_reason: Option<String>,
        cause_message: Option<String>,
        cause_exit_code: Option<i32>,
        requested_by: Option<String>,
        reason: Option<String>,
        request_id: Option<String>,
        fingerprint: Option<String>,
        requested_via: Option<String>,
        retry_of: Option<String>,
        parameters: Option<String>,
        containers: Option<String>,
        created_at: String,
        started_at: Option<String>,
        finished_at: Option<String>,
    }
    tasks: {
        attempt: Option<i32>,
        progress_percent: Option<i32>,
        progress_note: Option<String>,
    }
}

impl RunRow {
    /// The row of a run: times in whole microseconds, texts without NUL.
    pub(super) fn new(run: &Run) -> Self {
        let text = |text: &str| storable(text).into_owned();
        let optional = |value: &Option<String>| value.as_deref().map(text);
        let (cause, task) = (run.cause.as_ref(), run.task.as_ref());
        Self {
            id: text(run.id.as_str()),
            target: text(run.target.as_str()),
            namespace: text(&run.namespace),
            job_name: text(&run.job_name),
            triggered_by: run.trigger.as_str().to_owned(),
            state: run.state.as_str().to_owned(),
            cause_reason: cause.map(|cause| text(&cause.reason)),
            cause_message: cause.map(|cause| text(&cause.message)),
            cause_exit_code: cause.and_then(|cause| cause.exit_code),
            requested_by: optional(&run.requested_by),
            reason: optional(&run.reason),
            request_id: optional(&run.request_id),
            fingerprint: optional(&run.fingerprint),
            requested_via: optional(&run.requested_via),
            retry_of: run.retry_of.as_ref().map(|id| text(id.as_str())),
            parameters: (!run.parameters.is_empty()).then(|| json_text(&run.parameters)),
            containers: (!run.containers.is_empty()).then(|| json_text(&run.containers)),
            created_at: time_text(run.created_at),
            started_at: run.started_at.map(time_text),
            finished_at: run.finished_at.map(time_text),
            attempt: task.map(|task| i32::try_from(task.attempt).unwrap_or(i32::MAX)),
            progress_percent: task.map(|task| task.progress.percent.into()),
            progress_note: task.map(|task| text(&task.progress.note)),
        }
    }

    /// The run that is stored in this row.
    pub(super) fn into_run(self) -> Result<Run, sqlx::Error> {
        let exit_code = self.cause_exit_code;
        let message = self.cause_message.unwrap_or_default();
        Ok(Run {
            id: RunId::new(self.id),
            target: self.target.parse().map_err(|error: String| decode_error("target", error))?,
            namespace: self.namespace,
            job_name: self.job_name,
            trigger: self
                .triggered_by
                .parse()
                .map_err(|error: String| decode_error("triggered_by", error))?,
            state: self.state.parse().map_err(|error: String| decode_error("state", error))?,
            cause: self.cause_reason.map(|reason| Cause { reason, message, exit_code }),
            requested_by: self.requested_by,
            reason: self.reason,
            request_id: self.request_id,
            fingerprint: self.fingerprint,
            requested_via: self.requested_via,
            retry_of: self.retry_of.map(RunId::new),
            parameters: parse_json("parameters", self.parameters)?,
            containers: parse_json("containers", self.containers)?,
            created_at: parse_time("created_at", &self.created_at)?,
            started_at: self.started_at.map(|text| parse_time("started_at", &text)).transpose()?,
            finished_at: self.finished_at.map(|text| parse_time("finished_at", &text)).transpose()?,
            task: match self.attempt {
                Some(attempt) => Some(task_run(attempt, self.progress_percent, self.progress_note)?),
                None => None,
            },
        })
    }
}

/// Reads a run from a row that has [`COLUMNS`].
pub(super) fn read_run(row: &Row) -> Result<Run, sqlx::Error> {
    RunRow::read(row)?.into_run()
}

/// The error of a column whose value is invalid.
pub(super) fn decode_error(column: &str, error: impl Into<BoxDynError>) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: error.into() }
}

fn task_run(attempt: i32, percent: Option<i32>, note: Option<String>) -> Result<TaskRun, sqlx::Error> {
    let attempt = u32::try_from(attempt).map_err(|error| decode_error("attempt", error))?;
    let percent =
        u8::try_from(percent.unwrap_or_default()).map_err(|error| decode_error("progress_percent", error))?;
    Ok(TaskRun { attempt, progress: Progress { percent, note: note.unwrap_or_default() } })
}

/// JSON without NUL: JSON escapes it, and Postgres stores the escape as text.
fn json_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("its keys are texts")
}

fn parse_json<T: Default + DeserializeOwned>(column: &str, text: Option<String>) -> Result<T, sqlx::Error> {
    let Some(text) = text else {
        return Ok(T::default());
    };
    serde_json::from_str(&text).map_err(|error| decode_error(column, error))
}

/// Reads a stored time.
pub(super) fn parse_time(column: &str, text: &str) -> Result<Timestamp, sqlx::Error> {
    text.parse().map_err(|error: jiff::Error| decode_error(column, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use trigger_core::run::{State, Trigger};

    fn run() -> Run {
        Run {
            id: RunId::new("nul\0"),
            target: "analysis".parse().unwrap(),
            namespace: "trading".to_owned(),
            job_name: "analysis-1".to_owned(),
            trigger: Trigger::Scheduled,
            state: State::Failed,
            cause: Some(Cause { reason: "Error".to_owned(), message: "a\0b".to_owned(), exit_code: Some(3) }),
            requested_by: Some("dashboard".to_owned()),
            reason: None,
            request_id: Some("request-1".to_owned()),
            fingerprint: Some("0f".to_owned()),
            requested_via: Some("console".to_owned()),
            retry_of: Some(RunId::new("run-0")),
            parameters: [("SYNC_DATE".to_owned(), "2026-02-10\0".into())].into_iter().collect(),
            containers: vec!["init".to_owned(), "sync".to_owned()],
            created_at: "2026-02-11T12:00:00.123456789Z".parse().unwrap(),
            started_at: None,
            finished_at: Some("2026-02-11T12:00:01Z".parse().unwrap()),
            task: Some(TaskRun { attempt: 2, progress: Progress { percent: 7, note: "step\0".to_owned() } }),
        }
    }

    #[test]
    fn a_run_survives_the_round_trip_but_for_nul_and_nanoseconds() {
        let mut expected = run();
        expected.id = RunId::new("nul\u{fffd}");
        expected.cause.as_mut().unwrap().message = "a\u{fffd}b".to_owned();
        expected.task.as_mut().unwrap().progress.note = "step\u{fffd}".to_owned();
        expected.created_at = "2026-02-11T12:00:00.123456Z".parse().unwrap();
        let stored = RunRow::new(&run()).into_run().unwrap();
        assert_eq!(stored, expected);
        assert_eq!(RunRow::new(&stored).into_run().unwrap(), expected, "a second time changes nothing");
    }

    #[test]
    fn the_lists_of_columns_and_values_have_the_same_length() {
        let row = RunRow::new(&run());
        assert_eq!(row.run_values().len(), RUN_COLUMNS.len());
        assert_eq!(row.task_values().len(), TASK_COLUMNS.len());
        assert_eq!(COLUMNS, [RUN_COLUMNS, TASK_COLUMNS].concat().join(", "));
    }

    #[test]
    fn an_invalid_value_is_an_error_that_names_its_column() {
        let valid = RunRow::new(&run());
        let invalid = [
            ("target", RunRow { target: "Not A Name".to_owned(), ..valid.clone() }),
            ("triggered_by", RunRow { triggered_by: "chance".to_owned(), ..valid.clone() }),
            ("state", RunRow { state: "asleep".to_owned(), ..valid.clone() }),
            ("created_at", RunRow { created_at: "noon".to_owned(), ..valid.clone() }),
            ("finished_at", RunRow { finished_at: Some(String::new()), ..valid.clone() }),
            ("attempt", RunRow { attempt: Some(-1), ..valid.clone() }),
            ("progress_percent", RunRow { progress_percent: Some(256), ..valid }),
        ];
        for (column, row) in invalid {
            let error = row.into_run().unwrap_err();
            assert!(
                matches!(&error, sqlx::Error::ColumnDecode { index, .. } if index == column),
                "{column}: {error}"
            );
        }
    }
}
