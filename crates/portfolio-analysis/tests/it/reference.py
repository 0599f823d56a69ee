"""Computes the figures of a portfolio analysis with pandas from the views' raw rows.

Reads {"date", "days", "kpis", "series", "extremes", "portfolio"} from standard input, each of the last four a list of
rows, and writes the report without its notes. It follows the definitions in the documentation, not the Rust code.
"""

import json
import math
import sys

import numpy as np
import pandas as pd

SERIES_NOISE = 1e-12
TOO_LARGE = 1e100
TOP = 10
NUMBERS = {
    "qty": "quantity",
    "cost_basis": "cost_basis",
    "individual_pnl": "pnl",
    "bid_price": "bid",
    "ask_price": "ask",
    "mid_price": "mid",
    "mid_mark_pnl": "mid_mark_pnl",
    "liquidity_drag": "liquidity_drag",
}
KEY = ["day", "trade_id", "contract"]


def frame(rows, columns):
    return pd.DataFrame(rows, columns=[*columns, "report_date"], dtype=object)


def names(column):
    stripped = column.map(lambda name: name if name is None else str(name).strip(), na_action="ignore")
    return stripped.where(stripped.notna() & (stripped != ""), None)


def numbers(column):
    return pd.to_numeric(column, errors="coerce").astype("float64").replace([np.inf, -np.inf], np.nan)


def times(column):
    return pd.to_datetime(column, utc=True, format="ISO8601", errors="coerce")


def drop(counts, view, reason, count):
    if count:
        counts[(view, reason)] = counts.get((view, reason), 0) + int(count)


def read_portfolio(rows, counts):
    table = frame(rows, ["trade_id", "symbol", "contract_name"])
    table = pd.DataFrame(
        {
            "day": table.report_date.astype(str).str[:10],
            "trade_id": numbers(table.trade_id),
            "contract": names(table.contract_name),
            "symbol": names(table.symbol),
        }
    )
    named = table.contract.notna()
    drop(counts, "portfolio", "no_name", (~named).sum())
    drop(counts, "portfolio", "no_id", (named & table.trade_id.isna()).sum())
    table = table.dropna(subset=["trade_id", "contract"])
    table = table.sort_values([*KEY, "symbol"])
    distinct = table.drop_duplicates(KEY)
    drop(counts, "portfolio", "repeated", len(table) - len(distinct))
    return distinct


def read_extremes(rows, counts):
    table = frame(rows, ["kpi_name", "side", "rank", "trade_id", "contract_name", "mid_ts", *NUMBERS])
    table["day"] = table.report_date.astype(str).str[:10]
    table["kpi"] = names(table.kpi_name)
    table["side"] = names(table.side)
    table["contract"] = names(table.contract_name)
    table["trade_id"] = numbers(table.trade_id)
    table["priced_at"] = times(table.mid_ts)
    named = table.kpi.notna() & table.contract.notna()
    drop(counts, "extremes", "no_name", (~named).sum())
    table = table[named]
    sided = table.side.isin(["hi", "lo"])
    drop(counts, "extremes", "no_side", (~sided).sum())
    table = table[sided]
    drop(counts, "extremes", "no_id", table.trade_id.isna().sum())
    table = table[table.trade_id.notna()]
    drop(counts, "extremes", "no_time", (table.mid_ts.notna() & table.priced_at.isna()).sum())
    table = table.sort_values(
        [*KEY, "priced_at", "kpi", "side", "rank"],
        ascending=[True, True, True, False, True, True, True],
        na_position="last",
    )
    return table.drop_duplicates(KEY).drop(columns="symbol", errors="ignore")


def join(portfolio, extremes, counts):
    positions = portfolio.merge(extremes, on=KEY, how="left", indicator="found")
    positions["listed"] = positions.found == "both"
    for source, name in NUMBERS.items():
        values = numbers(positions[source])
        absent = positions[source].isna() & positions.listed
        drop(counts, "extremes", "not_finite", (positions.listed & values.isna() & ~absent).sum())
        positions[name] = values
    return positions


def total(values):
    """The sum; NaN if there is no value, or a value is too large."""
    return np.nan if (values.abs() > TOO_LARGE).any() else values.sum(min_count=1)


def quotient(a, b):
    return np.nan if pd.isna(a) or pd.isna(b) or b == 0 else a / b


def concentration(values):
    weights = values.dropna().abs()
    if (weights > TOO_LARGE).any() or weights.sum() == 0:
        return {"hhi": None, "effective_number": None, "largest_share_pct": None}
    shares = weights / weights.sum()
    hhi = (shares**2).sum()
    return {"hhi": hhi, "effective_number": 1 / hhi, "largest_share_pct": 100 * shares.max()}


def shares(whole, values):
    """The concentration of the parts of a whole; unknown if the whole is unknown."""
    return concentration(values[[pd.notna(whole)] * len(values)])


def group_figures(group):
    pnl, cost, drag = group.pnl, group.cost_basis, group.liquidity_drag
    priced = int(pnl.count())
    gains, losses = pnl[pnl > 0], pnl[pnl < 0]
    summable = priced and not (pnl.abs() > TOO_LARGE).any()
    profit = gains.sum() if summable else np.nan
    loss = -losses.sum() if summable else np.nan
    with_return = group[pnl.notna() & cost.notna()]
    with_drag = group[drag.notna() & cost.notna()]
    return {
        "positions": len(group),
        "priced": priced,
        "quantity": total(group.quantity),
        "cost_basis": total(cost),
        "gross_cost_basis": total(cost.abs()),
        "pnl": total(pnl),
        "return_pct": 100 * quotient(total(with_return.pnl), total(with_return.cost_basis.abs())),
        "winners": len(gains),
        "losers": len(losses),
        "flat": int((pnl == 0).sum()),
        "win_rate_pct": 100 * quotient(len(gains), priced),
        "gross_profit": profit,
        "gross_loss": loss,
        "profit_factor": quotient(profit, loss),
        "largest_win": gains.max(),
        "largest_loss": losses.min(),
        "mid_mark_pnl": total(group.mid_mark_pnl),
        "liquidity_drag": total(drag),
        "liquidity_drag_pct": 100 * quotient(total(with_drag.liquidity_drag), total(with_drag.cost_basis.abs())),
        "cost_basis_concentration": concentration(cost),
        "pnl_concentration": concentration(pnl),
    }


def series_figures(series, annualize):
    """`series` is indexed by time or day."""
    if series.empty:
        empty = dict.fromkeys(
            ["first", "last", "low", "high", "max_drawdown", "mean_change", "volatility", "sharpe_ratio"]
        )
        return {"points": 0, **empty}
    falls = series.cummax() - series
    drawdown = {"amount": falls.max(), "peak_at": None, "trough_at": None}
    if falls.max() > 0:
        drawdown["trough_at"] = falls.idxmax()
        drawdown["peak_at"] = series.loc[: drawdown["trough_at"]].idxmax()
    steps = series.diff().dropna()
    mean = volatility = sharpe = np.nan
    if len(steps) >= 2:
        mean, volatility = steps.mean(), steps.std(ddof=1)
        if volatility <= SERIES_NOISE * series.abs().max():
            volatility = 0.0
        else:
            sharpe = mean / volatility * (math.sqrt(252) if annualize else 1)
    return {
        "points": len(series),
        "first": series.iloc[0],
        "last": series.iloc[-1],
        "low": series.min(),
        "high": series.max(),
        "max_drawdown": drawdown,
        "mean_change": mean,
        "volatility": volatility,
        "sharpe_ratio": sharpe,
    }


def points(series):
    return [{"at": at, "value": value} for at, value in series.items()]


def read_series(rows, counts):
    """The series of Daily PnL by time, for each day."""
    table = frame(rows, ["kpi_name", "ts", "value"])
    table = table[names(table.kpi_name) == "Daily PnL"]
    table = table.assign(day=table.report_date.astype(str).str[:10], at=times(table.ts), v=numbers(table.value))
    drop(counts, "series", "no_time", table["at"].isna().sum())
    table = table[table["at"].notna()]
    drop(counts, "series", "no_value", table.value.isna().sum())
    drop(counts, "series", "not_finite", (table.value.notna() & table.v.isna()).sum())
    table = table[table.v.notna()]
    distinct = table.drop_duplicates(["day", "at"], keep="last").sort_values("at")
    drop(counts, "series", "repeated", len(table) - len(distinct))

    def stamp(at):
        whole = at.microsecond % 1000 == 0
        return at.isoformat(timespec="milliseconds" if whole else "microseconds").replace("+00:00", "Z")

    return {
        day: pd.Series(group.v.to_numpy(), index=[stamp(at) for at in group["at"]])
        for day, group in distinct.groupby("day")
    }


def read_displayed(rows, counts):
    table = frame(rows, ["kpi_name", "display_value"])
    table = table[names(table.kpi_name) == "Daily PnL"].assign(day=lambda rows: rows.report_date.astype(str).str[:10])
    # The column is a text column, so "NaN" is a text too. NULL counts as an empty text.
    table = table.assign(text=table.display_value.fillna("").astype(str).str.strip())
    distinct = table.drop_duplicates("day", keep="last")
    drop(counts, "kpis", "repeated", len(table) - len(distinct))
    shown = distinct[distinct.text != ""]
    return dict(zip(shown.day, shown.text, strict=True))


def amount(text):
    if text is None:
        return None
    plain = pd.Series([text]).str.extract(r"^([-+\u2212]?)\$?((?=[\d.])[\d,]*\.?\d*)$", expand=True).iloc[0]
    if plain.isna().any() or not any(digit.isdigit() for digit in plain[1]):
        return None
    return (1 if plain[0] in ("", "+") else -1) * float(plain[1].replace(",", ""))


def position(row):
    return {
        "trade_id": int(row.trade_id),
        "symbol": row.symbol,
        "contract": row.contract,
        "quantity": row.quantity,
        "cost_basis": row.cost_basis,
        "pnl": row.pnl,
        "return_pct": 100 * quotient(row.pnl, abs(row.cost_basis)),
        "bid": row.bid,
        "ask": row.ask,
        "mid": row.mid,
        "mid_mark_pnl": row.mid_mark_pnl,
        "liquidity_drag": row.liquidity_drag,
    }


def difference(now, before):
    return now - before


def change(positions, date, before):
    now, then = positions[positions.day == date], positions[positions.day == before]
    both = now.merge(then, on=["trade_id", "contract"], suffixes=("", "_before"))
    both = both.assign(pnl_change=both.pnl - both.pnl_before)
    movers = both[both.pnl_change.notna() & (both.pnl_change != 0)]
    movers = movers.assign(size=movers.pnl_change.abs())
    movers = movers.sort_values(["size", "trade_id", "contract"], ascending=[False, True, True]).head(TOP)
    shown = ["trade_id", "symbol", "contract", "pnl", "pnl_before", "pnl_change"]
    movers = [{**row, "trade_id": int(row["trade_id"])} for row in movers[shown].to_dict("records")]
    return {
        "from": before,
        "pnl": total(now.pnl) - total(then.pnl),
        "cost_basis": total(now.cost_basis) - total(then.cost_basis),
        "positions": len(now) - len(then),
        "opened": len(now) - len(both),
        "closed": len(then) - len(both),
        "held": len(both),
        "movers": movers,
    }


def day_report(day, displayed, series, positions):
    group = positions[positions.day == day]
    intraday = series_figures(series.get(day, pd.Series(dtype=float)), annualize=False)
    return {
        "date": day,
        "displayed": displayed.get(day),
        "displayed_pnl": amount(displayed.get(day)),
        "pnl": total(group.pnl),
        "cost_basis": total(group.cost_basis),
        "gross_cost_basis": total(group.cost_basis.abs()),
        "positions": len(group),
        "priced": int(group.pnl.count()),
        "intraday_points": intraday["points"],
        "intraday_drawdown": None if intraday["max_drawdown"] is None else intraday["max_drawdown"]["amount"],
        "intraday_volatility": intraday["volatility"],
    }


def pnl_by_day(positions, window):
    days = positions[positions.day.isin(window)].groupby("day").pnl.apply(total)
    return days.dropna().sort_index()


def symbol_report(symbol, group, positions, window, before, gross):
    mine = positions[positions.symbol.isna() if symbol is None else positions.symbol == symbol]
    then = mine[mine.day == before]
    return {
        "symbol": symbol,
        "figures": group_figures(group),
        "cost_basis_share_pct": 100 * quotient(total(group.cost_basis.abs()), gross),
        "pnl_by_day": series_figures(pnl_by_day(mine, window), annualize=True),
        "pnl_change": total(group.pnl) - total(then.pnl),
        "cost_basis_change": total(group.cost_basis) - total(then.cost_basis),
    }


def report(request):
    date, requested = request["date"], request["days"]
    parts = ["kpis", "series", "extremes", "portfolio"]
    known = sorted({row["report_date"][:10] for part in parts for row in request[part]})
    known = [day for day in known if day <= date]
    read = known[-max(requested, 2) :]
    window, before = known[-requested:], known[-2] if len(known) > 1 else None
    rows = {part: [row for row in request[part] if row["report_date"][:10] in read] for part in parts}
    counts = {}
    displayed = read_displayed(rows["kpis"], counts)
    series = read_series(rows["series"], counts)
    portfolio, extremes = read_portfolio(rows["portfolio"], counts), read_extremes(rows["extremes"], counts)
    positions = join(portfolio, extremes, counts)
    now = positions[positions.day == date]
    not_held = extremes[extremes.day == date].merge(portfolio, on=KEY, how="left", indicator="found")
    symbols = now.groupby("symbol", dropna=False)
    gross = total(now.cost_basis.abs())
    intraday = series.get(date, pd.Series(dtype=float))
    book = pnl_by_day(positions, window)
    ranked = now[now.pnl.notna()].sort_values(["trade_id", "contract"])
    winners = ranked[ranked.pnl > 0].sort_values("pnl", ascending=False, kind="stable").head(TOP)
    losers = ranked[ranked.pnl < 0].sort_values("pnl", kind="stable").head(TOP)
    whole = group_figures(now)
    return {
        "date": date,
        "previous_date": before,
        "window": {"first": window[0], "last": date, "days": len(window), "requested": requested},
        "coverage": {
            "positions": len(now),
            "listed": int(now.listed.sum()),
            "priced": whole["priced"],
            "priced_pct": 100 * quotient(whole["priced"], len(now)),
            "not_held": int((not_held.found == "left_only").sum()),
            "left_out": [
                {"view": view, "reason": reason, "count": count} for (view, reason), count in sorted(counts.items())
            ],
        },
        "total": whole,
        "symbol_concentration": {
            "cost_basis": shares(gross, symbols.cost_basis.apply(lambda values: total(values.abs()))),
            "pnl": shares(whole["pnl"], symbols.pnl.apply(total)),
        },
        "symbols": [
            symbol_report(None if pd.isna(symbol) else symbol, group, positions, window, before, gross)
            for symbol, group in symbols
        ],
        "intraday": {"points": points(intraday), "figures": series_figures(intraday, annualize=False)},
        "book": {"points": points(book), "figures": series_figures(book, annualize=True)},
        "days": [day_report(day, displayed, series, positions) for day in window],
        "change": None if before is None else change(positions, date, before),
        "winners": [position(row) for row in winners.itertuples()],
        "losers": [position(row) for row in losers.itertuples()],
    }


def plain(value):
    """The value for JSON, in which unknown numbers are null."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return None if math.isnan(value) else float(value)
    return int(value) if isinstance(value, np.integer) else value


json.dump(plain(report(json.load(sys.stdin))), sys.stdout, allow_nan=False)
