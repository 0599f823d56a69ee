//! Option contracts held, with prices that fit together.

use fastrand::Rng;
use jiff::civil::Date;

use crate::sql;

const SYMBOLS: [&str; 14] =
    ["AAPL", "AMD", "AVAV", "BAC", "ENS", "F", "INTC", "MSFT", "NVDA", "ON", "PLTR", "SSRM", "T", "TSLA"];

/// Shares that one contract stands for.
const MULTIPLIER: f64 = 100.0;

/// A position in one option contract.
pub(crate) struct Contract {
    trade_id: i64,
    symbol: &'static str,
    name: String,
    quantity: f64,
    entry_price: f64,
    bid: f64,
    ask: f64,
    priced_at: String,
}

/// The 50 to 200 positions of a day.
pub(crate) fn portfolio(rng: &mut Rng, date: Date) -> Vec<Contract> {
    let first_id = 830_000 + rng.i64(0..10_000);
    (0..rng.i64(50..=200)).map(|index| contract(rng, date, first_id + 3 * index)).collect()
}

fn contract(rng: &mut Rng, date: Date, trade_id: i64) -> Contract {
    let symbol = SYMBOLS[rng.usize(..SYMBOLS.len())];
    let (year, month) = (date.year() % 100 + rng.i16(0..=1), rng.i8(1..=12));
    let right = if rng.bool() { 'C' } else { 'P' };
    let strike = rng.u32(4..=120) * 5;
    let entry_price = cents(0.5 + 40.0 * rng.f64() * rng.f64());
    let bid = cents(entry_price * (0.7 + 0.6 * rng.f64()));
    Contract {
        trade_id,
        symbol,
        name: format!("{symbol}{year:02}{month:02}18{right}{strike:05}000"),
        quantity: f64::from(rng.u32(1..=6)),
        entry_price,
        bid,
        ask: cents(bid * 1.02 + 0.05),
        priced_at: format!("{date} 20:{:02}:{:02}.{:03}+00", rng.u8(..60), rng.u8(..60), rng.u16(..1000)),
    }
}

fn cents(price: f64) -> f64 {
    (price * 100.0).round() / 100.0
}

impl Contract {
    fn cost_basis(&self) -> f64 {
        self.entry_price * self.quantity * MULTIPLIER
    }

    /// What selling at the bid would leave.
    fn pnl(&self) -> f64 {
        (self.bid - self.entry_price) * self.quantity * MULTIPLIER
    }

    fn mid(&self) -> f64 {
        f64::midpoint(self.bid, self.ask)
    }

    fn mid_pnl(&self) -> f64 {
        (self.mid() - self.entry_price) * self.quantity * MULTIPLIER
    }

    /// The value that a KPI ranks this contract by: its own where it has one, else a drawn one.
    pub(crate) fn metric(&self, kpi: &str, rng: &mut Rng) -> f64 {
        match kpi {
            "Daily PnL" | "Unrealized P/L" => self.pnl(),
            "Percent Change" => 100.0 * self.pnl() / self.cost_basis(),
            "Mid Mark PnL" => self.mid_pnl(),
            "Liquidity Drag" => self.mid_pnl() - self.pnl(),
            "Fair Market Price" => self.mid(),
            _ => 10.0 * (rng.f64() - 0.5),
        }
    }

    /// A row of the extremes; the price's columns are unknown for one contract in seven.
    pub(crate) fn extreme(&self, kpi: &str, side: &str, rank: u32, metric: f64) -> Vec<String> {
        let known =
            |number: f64| if self.trade_id % 7 == 0 { "NULL".to_owned() } else { sql::number(number) };
        vec![
            sql::text(kpi),
            sql::text(side),
            rank.to_string(),
            self.trade_id.to_string(),
            sql::text(self.symbol),
            sql::text(&self.name),
            sql::number(metric),
            sql::number(metric.abs()),
            sql::number(self.pnl()),
            sql::number(self.pnl().abs()),
            sql::number(100.0 * self.pnl() / self.cost_basis()),
            sql::number(self.cost_basis()),
            format!("{}", self.quantity),
            known(self.bid),
            known(self.ask),
            known(self.mid()),
            sql::text(&self.priced_at),
            sql::number(self.mid_pnl()),
            sql::number(self.mid_pnl() - self.pnl()),
        ]
    }

    /// A row of the portfolio.
    pub(crate) fn asset(&self) -> Vec<String> {
        vec![self.trade_id.to_string(), sql::text(self.symbol), sql::text(&self.name)]
    }
}
