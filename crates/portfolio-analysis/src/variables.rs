//! The variables of the analysis, their defaults and limits.

use common::config::Variable;

/// Defines the limits of the days and the help text that contains them.
macro_rules! analysis_days {
    (default: $default:literal, max: $max:literal) => {
        /// The trading days that a report covers by default.
        pub const DEFAULT_DAYS: usize = $default;
        /// The maximum of the trading days that a report covers.
        pub const MAX_DAYS: usize = $max;
        const ANALYSIS_DAYS: Variable = Variable::plain(
            "ANALYSIS_DAYS",
            concat!("the trading days that an analysis covers, at most ", $max, "; ", $default),
        );
    };
}

analysis_days!(default: 30, max: 366);

/// Every variable of the analysis.
pub const VARIABLES: [Variable; 7] = [
    Variable::secret(
        "SOURCE_DATABASE_URL",
        "postgres://USER:PASSWORD@HOST:PORT/DATABASE with the views of the task portfolio-analysis; none",
    ),
    trading_views::VARIABLES[0],
    trading_views::VARIABLES[1],
    trading_views::VARIABLES[2],
    trading_views::VARIABLES[3],
    trading_views::VARIABLES[4],
    ANALYSIS_DAYS,
];
