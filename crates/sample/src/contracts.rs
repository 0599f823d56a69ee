//! Option contracts with consistent prices.

use fastrand::Rng;
use jiff::civil::Date;

use crate::sql;

const SYMBOLS: [&str; 14] =
    ["AAPL", "AMD", "AVAV", "BAC", "ENS", "F", "INTC", "MSFT", "NVDA", "ON", "PLTR", "SSRM", "T", "TSLA"];

/// Shares per contract.
const MULTIPLIER: f64 = 100.0;

/// For how many days a position is held.
const MIN_HOLDING_DAYS: i32 = 3;
const MAX_HOLDING_DAYS: i32 = 10;

/// A position in one option contract on one day.
pub(crate) struct Contract {
    trade_id: i64,
    symbol: &'static str,
    name: String,
    quantity: f64,
    /// 1 for a long position, -1 for a short one.
    direction: f64,
    entry_price: f64,
    bid: f64,
    ask: f64,
    priced_at: String,
}

/// The open positions of a day. 17 to 20 positions are opened each day and held for three to ten days, so there are
/// always between 50 and 200.
pub(crate) fn portfolio(date: Date) -> Vec<Contract> {
    let today = day_number(date);
    let opened = (today - MAX_HOLDING_DAYS + 1..=today).flat_map(|day| {
        let mut rng = Rng::with_seed(0x6f70_656e ^ u64::from(day.unsigned_abs()));
        (0..rng.i32(17..=20)).map(move |index| (day, index))
    });
    opened.filter_map(|(day, index)| contract(date, day, index)).collect()
}

/// Days since 1970-01-01.
pub(crate) fn day_number(date: Date) -> i32 {
    (date - jiff::civil::date(1970, 1, 1)).get_days()
}

/// The state on `date` of a position that was opened on the day `opened`; None if it has been closed. All random numbers
/// come from the position's own generator in the same order, so the position has the same properties on each day.
fn contract(date: Date, opened: i32, index: i32) -> Option<Contract> {
    let trade_id = 800_000 + 60 * i64::from(opened - 20_000) + 3 * i64::from(index);
    let mut rng = Rng::with_seed(trade_id.unsigned_abs());
    let age = day_number(date) - opened;
    if age >= rng.i32(MIN_HOLDING_DAYS..=MAX_HOLDING_DAYS) {
        return None;
    }
    let symbol = SYMBOLS[rng.usize(..SYMBOLS.len())];
    let (year, month) = (27 + rng.u8(0..=1), rng.i8(1..=12));
    let right = if rng.bool() { 'C' } else { 'P' };
    let strike = rng.u32(4..=120) * 5;
    let quantity = f64::from(rng.u32(1..=6));
    let direction = if rng.u8(..5) == 0 { -1.0 } else { 1.0 };
    let entry_price = cents(0.5 + 40.0 * rng.f64() * rng.f64());
    let moves = (0..=age).map(|_| 0.88 + 0.24 * rng.f64());
    let mid = entry_price * moves.product::<f64>();
    let half_spread = 0.01 * mid + 0.02;
    Some(Contract {
        trade_id,
        symbol,
        name: format!("{symbol}{year:02}{month:02}18{right}{strike:05}000"),
        quantity,
        direction,
        entry_price,
        bid: cents((mid - half_spread).max(0.01)),
        ask: cents(mid + half_spread),
        priced_at: format!("{date} 20:{:02}:{:02}.{:03}+00", rng.u8(..60), rng.u8(..60), rng.u16(..1000)),
    })
}

fn cents(price: f64) -> f64 {
    (price * 100.0).round() / 100.0
}

impl Contract {
    /// The price paid; negative for a short position.
    fn cost_basis(&self) -> f64 {
        self.direction * self.entry_price * self.quantity * MULTIPLIER
    }

    /// The profit of closing the position at this price.
    fn gain(&self, price: f64) -> f64 {
        self.direction * (price - self.entry_price) * self.quantity * MULTIPLIER
    }

    /// The profit of closing the position now: selling at the bid, or buying back at the ask.
    fn pnl(&self) -> f64 {
        self.gain(if self.direction > 0.0 { self.bid } else { self.ask })
    }

    fn percent_change(&self) -> f64 {
        100.0 * self.pnl() / self.cost_basis().abs()
    }

    fn mid(&self) -> f64 {
        f64::midpoint(self.bid, self.ask)
    }

    fn mid_pnl(&self) -> f64 {
        self.gain(self.mid())
    }

    /// The cost of the spread: negative, as on real days.
    fn liquidity_drag(&self) -> f64 {
        self.pnl() - self.mid_pnl()
    }

    /// The value by which a KPI ranks this contract: a property of the contract, or else a random number.
    pub(crate) fn metric(&self, kpi: &str, rng: &mut Rng) -> f64 {
        match kpi {
            "Daily PnL" | "Unrealized P/L" => self.pnl(),
            "Percent Change" => self.percent_change(),
            "Mid Mark PnL" => self.mid_pnl(),
            "Liquidity Drag" => self.liquidity_drag(),
            "Fair Market Price" => self.mid(),
            _ => 10.0 * (rng.f64() - 0.5),
        }
    }

    /// A row of the extremes. The prices of one contract in seven are unknown.
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
            sql::number(self.percent_change()),
            sql::number(self.cost_basis()),
            format!("{}", self.quantity),
            known(self.bid),
            known(self.ask),
            known(self.mid()),
            sql::text(&self.priced_at),
            sql::number(self.mid_pnl()),
            sql::number(self.liquidity_drag()),
        ]
    }

    /// A row of the portfolio.
    pub(crate) fn asset(&self) -> Vec<String> {
        vec![self.trade_id.to_string(), sql::text(self.symbol), sql::text(&self.name)]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::ToSpan;
    use jiff::civil::date;

    use super::*;

    fn keys(contracts: &[Contract]) -> BTreeSet<(i64, String)> {
        contracts.iter().map(|contract| (contract.trade_id, contract.name.clone())).collect()
    }

    #[test]
    fn each_day_has_50_to_200_positions_most_of_which_were_held_the_day_before_at_another_price() {
        let mut day = date(2025, 12, 1);
        let mut before = portfolio(day);
        for _ in 0..400 {
            day = day.saturating_add(1.day());
            let now = portfolio(day);
            assert!((50..=200).contains(&now.len()), "{day}: {}", now.len());
            let (held, held_before) = (keys(&now), keys(&before));
            assert_eq!(held.len(), now.len(), "{day}: a position is repeated");
            let both = held.intersection(&held_before).count();
            assert!(both * 2 > now.len() && both < now.len() && both < before.len(), "{day}: {both}");
            let moved = now.iter().filter(|contract| {
                before.iter().any(|earlier| {
                    earlier.trade_id == contract.trade_id && (earlier.pnl() - contract.pnl()).abs() > 0.001
                })
            });
            assert!(moved.count() * 2 > both, "{day}");
            before = now;
        }
    }

    #[test]
    fn the_spread_costs_and_a_position_keeps_its_cost_basis() {
        let (monday, tuesday) = (portfolio(date(2026, 2, 9)), portfolio(date(2026, 2, 10)));
        assert!(monday.iter().all(|contract| contract.liquidity_drag() < 0.0));
        assert!(monday.iter().any(|contract| contract.cost_basis() < 0.0));
        for contract in &tuesday {
            let earlier = monday.iter().find(|earlier| earlier.trade_id == contract.trade_id);
            let kept = |earlier: &Contract| {
                earlier.name == contract.name
                    && earlier.cost_basis().to_bits() == contract.cost_basis().to_bits()
            };
            assert!(earlier.is_none_or(kept));
        }
    }
}
