CREATE SCHEMA utils_statistics;

CREATE TABLE utils_statistics.trades_kpi_summary (
  report_date date NOT NULL, kpi_name text, display_value text, sort_order integer
);
CREATE TABLE utils_statistics.trades_kpi_series (
  report_date date NOT NULL, kpi_name text, ts timestamptz, value double precision, source text
);
CREATE TABLE utils_statistics.trades_contract_extremes (
  report_date date NOT NULL, kpi_name text, side text, rank integer, trade_id bigint, symbol text,
  contract_name text, metric_raw numeric, metric_abs numeric, individual_pnl numeric,
  abs_individual_pnl numeric, percent_change numeric, cost_basis numeric, qty integer, bid_price numeric,
  ask_price numeric, mid_price numeric, mid_ts timestamptz, mid_mark_pnl numeric, liquidity_drag numeric
);
CREATE TABLE utils_statistics.trades_portfolio_assets (
  report_date date NOT NULL, trade_id bigint, symbol text, contract_name text
);

CREATE MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv AS
  SELECT kpi_name, display_value, sort_order, report_date FROM utils_statistics.trades_kpi_summary;
CREATE MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv AS
  SELECT kpi_name, ts, value, source, report_date FROM utils_statistics.trades_kpi_series;
CREATE MATERIALIZED VIEW utils_statistics.trades_contract_extremes_by_kpi_mv AS
  SELECT kpi_name, side, rank, trade_id, symbol, contract_name, metric_raw, metric_abs, individual_pnl,
    abs_individual_pnl, percent_change, cost_basis, qty, bid_price, ask_price, mid_price, mid_ts,
    mid_mark_pnl, liquidity_drag, report_date
  FROM utils_statistics.trades_contract_extremes;
CREATE MATERIALIZED VIEW utils_statistics.trades_portfolio_assets_mv AS
  SELECT trade_id, symbol, contract_name, report_date FROM utils_statistics.trades_portfolio_assets;

CREATE INDEX ON utils_statistics.trades_kpi_summary_mv (report_date);
CREATE INDEX ON utils_statistics.trades_kpi_series_mv (report_date);
CREATE INDEX ON utils_statistics.trades_contract_extremes_by_kpi_mv (report_date);
CREATE INDEX ON utils_statistics.trades_portfolio_assets_mv (report_date);
