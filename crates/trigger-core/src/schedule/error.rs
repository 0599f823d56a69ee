//! The errors of parsing a schedule.

/// Text that is not a schedule.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// The number of fields is wrong.
    #[error("it must have 5 fields, and has {0}")]
    FieldCount(usize),
    /// The text begins with `@` and is none of the macros.
    #[error("it is none of the macros: @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly")]
    UnknownMacro,
    /// A part of a field can't be parsed, or is outside its bounds.
    #[error("{part:?} is not valid for the {name}")]
    Field {
        /// The name of the field.
        name: &'static str,
        /// The part, shortened.
        part: String,
    },
}
