//! What kinds of values columns have.

/// The kind of values that a column has, by its type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Whole numbers.
    Integer,
    /// Floats of double precision.
    Double,
    /// Floats of single precision. Their value is the one that Postgres shows: 0.1 and not 0.10000000149011612.
    Single,
    /// Decimals of any precision.
    Numeric,
    /// Dates.
    Date,
    /// Timestamps, with or without a time zone.
    Time,
    /// Texts, enums and every other type, which is read as the text that Postgres shows.
    Text,
}

impl Kind {
    /// By the name of the type in `pg_type`. A domain has the kind of its base type.
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
