//! Kinds of column types.

/// The kind of a column's type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ColumnKind {
    /// Whole numbers.
    Integer,
    /// Floats of double precision.
    Double,
    /// Floats of single precision. Their value is the one that Postgres displays: 0.1, not 0.10000000149011612.
    Single,
    /// Decimals of any precision.
    Numeric,
    /// Dates.
    Date,
    /// Timestamps, with or without a time zone.
    Time,
    /// Texts, enums and all other types. They are read as the text that Postgres displays.
    Text,
}

impl ColumnKind {
    /// The kind of a type, by its name in `pg_type`. For a domain, pass the name of its base type.
    pub fn of(type_name: &str) -> Self {
        match type_name {
            "int2" | "int4" | "int8" => Self::Integer,
            "float8" => Self::Double,
            "float4" => Self::Single,
            "numeric" => Self::Numeric,
            "date" => Self::Date,
            "timestamp" | "timestamptz" => Self::Time,
            _ => Self::Text,
        }
    }

    /// Whether the type is numeric.
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Integer | Self::Double | Self::Single | Self::Numeric)
    }
}
