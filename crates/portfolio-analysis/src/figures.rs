//! The formulas. An undefined figure is None: never NaN, never 0.

mod arithmetic;
mod concentration;
mod displayed;
mod series;

pub(crate) use self::arithmetic::{change, count, percent, ratio};
pub use self::concentration::Concentration;
pub(crate) use self::displayed::displayed_number;
pub(crate) use self::series::Scale;
pub use self::series::{Drawdown, SeriesFigures};
