//! The KPIs of a day: their random walks and their displayed values.

use fastrand::Rng;

/// How a KPI's value is displayed.
#[derive(Clone, Copy)]
enum Unit {
    /// `1,634,200`
    Count,
    /// `-$85,980.00`
    Dollars,
    /// `61.21%`
    Percent,
    /// `302s`
    Seconds,
    /// A plain number with this many decimals.
    Plain(usize),
    /// The number of contracts held.
    Holdings,
}

/// A KPI, with the start and the step size of its random walk.
pub(crate) struct Kpi {
    pub(crate) name: &'static str,
    start: f64,
    step: f64,
    unit: Unit,
    /// Whether it is measured every five minutes during market hours, instead of every fifteen minutes of the day.
    market_hours: bool,
}

const fn day(name: &'static str, start: f64, step: f64, unit: Unit) -> Kpi {
    Kpi { name, start, step, unit, market_hours: false }
}

const fn market(name: &'static str, start: f64, step: f64, unit: Unit) -> Kpi {
    Kpi { name, start, step, unit, market_hours: true }
}

pub(crate) const KPIS: [Kpi; 26] = [
    day("Signals scanned", 42_000.0, 9_000.0, Unit::Count),
    day("Opportunities flagged", 2_100.0, 700.0, Unit::Count),
    day("Notifications sent", 510.0, 40.0, Unit::Count),
    day("Entries opened", 1_100.0, 150.0, Unit::Count),
    day("Exits closed", 210.0, 30.0, Unit::Count),
    day("Avg hold time", 300.0, 25.0, Unit::Seconds),
    market("Daily PnL", 900.0, 1_400.0, Unit::Dollars),
    day("Win rate", 52.0, 2.0, Unit::Percent),
    day("Max drawdown", 2.4, 0.3, Unit::Percent),
    day("Sharpe ratio", 0.8, 0.1, Unit::Plain(2)),
    market("Delta", -0.4, 0.03, Unit::Plain(4)),
    market("Gamma", 0.006, 0.0004, Unit::Plain(6)),
    market("Theta", 0.5, 0.2, Unit::Plain(4)),
    market("Vega", 6.5, 0.3, Unit::Plain(4)),
    market("Rho", -45.0, 3.0, Unit::Plain(4)),
    market("Historical Volatility", 0.4, 0.03, Unit::Plain(4)),
    market("Uncertainty", 20.0, 1.0, Unit::Plain(4)),
    day("Fair Market Price", 75.0, 4.0, Unit::Dollars),
    market("IV Skew", -0.06, 0.005, Unit::Plain(4)),
    market("Decay Rate", 7.0, 0.5, Unit::Plain(6)),
    market("Gamma Exposure", 0.009, 0.0005, Unit::Plain(6)),
    market("Volume Ratio", 20.0, 2.0, Unit::Plain(4)),
    market("OI Ratio", 30.0, 2.0, Unit::Plain(4)),
    market("Liquidity Ratios", 25.0, 2.0, Unit::Plain(4)),
    market("Decay Weight", 2.5, 0.3, Unit::Plain(4)),
    day("Portfolio", 110.0, 6.0, Unit::Holdings),
];

/// The KPIs that rank contracts. A day has at least the first 18.
const RANKED: [&str; 20] = [
    "Daily PnL",
    "Percent Change",
    "Unrealized P/L",
    "Mid Mark PnL",
    "Liquidity Drag",
    "Delta",
    "Gamma",
    "Theta",
    "Vega",
    "Rho",
    "Historical Volatility",
    "Uncertainty",
    "Fair Market Price",
    "IV Skew",
    "Decay Rate",
    "Gamma Exposure",
    "Volume Ratio",
    "OI Ratio",
    "Liquidity Ratios",
    "Decay Weight",
];

/// The KPIs that have extremes on a day: 18 to 20 of them.
pub(crate) fn with_extremes(rng: &mut Rng) -> &'static [&'static str] {
    &RANKED[..rng.usize(18..=20)]
}

impl Kpi {
    /// The points of the walk: minutes since midnight UTC, and the value.
    pub(crate) fn walk(&self, rng: &mut Rng) -> Vec<(u32, f64)> {
        const MARKET_OPENS: u32 = 14 * 60 + 30;
        const MARKET_CLOSES: u32 = 21 * 60;
        let minutes: Vec<u32> = if self.market_hours {
            (MARKET_OPENS..MARKET_CLOSES).step_by(5).collect()
        } else {
            (0..24 * 60).step_by(15).collect()
        };
        let mut value = self.start * (0.8 + 0.4 * rng.f64());
        let step = |minute| {
            value += self.step * (rng.f64() - 0.5);
            (minute, value)
        };
        minutes.into_iter().map(step).collect()
    }

    /// The source of the points: `real` if measured during market hours, else `synthetic`.
    pub(crate) fn source(&self) -> &'static str {
        if self.market_hours { "real" } else { "synthetic" }
    }

    /// The last value of the walk, as the dashboard displays it.
    pub(crate) fn displayed(&self, walk: &[(u32, f64)], holdings: usize) -> String {
        let value = walk.last().map_or(self.start, |(_, value)| *value);
        let sign = if value < 0.0 { "-" } else { "" };
        match self.unit {
            Unit::Count => grouped(&format!("{:.0}", value.max(0.0))),
            Unit::Dollars => format!("{sign}${}", grouped(&format!("{:.2}", value.abs()))),
            Unit::Percent => format!("{:.2}%", value.max(0.0)),
            Unit::Seconds => format!("{:.0}s", value.max(0.0)),
            Unit::Plain(decimals) => format!("{value:.decimals$}"),
            Unit::Holdings => holdings.to_string(),
        }
    }
}

/// Groups the digits before the point by three.
fn grouped(number: &str) -> String {
    let (whole, decimals) = number.split_at(number.find('.').unwrap_or(number.len()));
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + decimals
}
