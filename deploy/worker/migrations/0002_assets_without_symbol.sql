-- A portfolio asset may have no symbol. SQLite can't drop a NOT NULL constraint, so this creates the table again.
-- A rename of the copy would fail if a view reads the table, because the table does not exist at that time.

CREATE TABLE metrics_portfolio_assets_copy AS
SELECT date, trade_id, symbol, contract_name FROM metrics_portfolio_assets;

DROP TABLE metrics_portfolio_assets;

CREATE TABLE metrics_portfolio_assets (
  date TEXT NOT NULL REFERENCES metrics_daily(date) ON DELETE CASCADE,
  trade_id INTEGER NOT NULL,
  symbol TEXT,
  contract_name TEXT NOT NULL,
  PRIMARY KEY (date, trade_id, contract_name)
) WITHOUT ROWID;

INSERT INTO metrics_portfolio_assets (date, trade_id, symbol, contract_name)
SELECT date, trade_id, symbol, contract_name FROM metrics_portfolio_assets_copy;

DROP TABLE metrics_portfolio_assets_copy;
