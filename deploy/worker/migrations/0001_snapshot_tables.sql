-- A trading day is one row of metrics_daily, which contains the whole document. The rows of the other tables are
-- derived from it and are deleted with it. WITHOUT ROWID tables have no separate index for the primary key, which
-- halves the rows that D1 counts as written. The rows of metrics_extremes_items are too large for that, because they contain JSON.

CREATE TABLE IF NOT EXISTS metrics_daily (
  date TEXT NOT NULL PRIMARY KEY,
  updated_at TEXT NOT NULL,
  headline TEXT NOT NULL,
  summary TEXT NOT NULL,
  rows_json TEXT NOT NULL,
  overlay_json TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS metrics_kpi_values (
  date TEXT NOT NULL REFERENCES metrics_daily(date) ON DELETE CASCADE,
  kpi TEXT NOT NULL,
  value_text TEXT NOT NULL,
  value_num REAL,
  value_kind TEXT NOT NULL CHECK (value_kind IN ('number', 'percent', 'text')),
  PRIMARY KEY (date, kpi)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS metrics_series_points (
  date TEXT NOT NULL REFERENCES metrics_daily(date) ON DELETE CASCADE,
  kpi TEXT NOT NULL,
  t TEXT NOT NULL,
  v REAL NOT NULL,
  src TEXT,
  PRIMARY KEY (date, kpi, t)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS metrics_extremes_items (
  date TEXT NOT NULL REFERENCES metrics_daily(date) ON DELETE CASCADE,
  kpi TEXT NOT NULL,
  side TEXT NOT NULL CHECK (side IN ('hi', 'lo')),
  rank INTEGER NOT NULL CHECK (rank >= 1),
  trade_id INTEGER NOT NULL,
  symbol TEXT,
  contract_name TEXT NOT NULL,
  metric_raw REAL,
  metric_abs REAL,
  individual_pnl REAL,
  abs_individual_pnl REAL,
  percent_change REAL,
  cost_basis REAL,
  qty REAL,
  bid_price REAL,
  ask_price REAL,
  mid_price REAL,
  mid_ts TEXT,
  mid_mark_pnl REAL,
  liquidity_drag REAL,
  item_json TEXT NOT NULL,
  PRIMARY KEY (date, kpi, side, rank, contract_name, trade_id)
);

CREATE TABLE IF NOT EXISTS metrics_portfolio_assets (
  date TEXT NOT NULL REFERENCES metrics_daily(date) ON DELETE CASCADE,
  trade_id INTEGER NOT NULL,
  symbol TEXT NOT NULL,
  contract_name TEXT NOT NULL,
  PRIMARY KEY (date, trade_id, contract_name)
) WITHOUT ROWID;
