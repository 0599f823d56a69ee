-- A holding may have no symbol. SQLite can't drop a NOT NULL, so the table is made again. It isn't
-- renamed: while the table is away, a rename fails on any view that reads from it.

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
