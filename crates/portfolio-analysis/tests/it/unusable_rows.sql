-- Unusable and unusual rows of the tables behind the views, on a day and the day before it: values that are NULL, NaN or
-- infinite; names that are blank or surrounded by white space; repeated rows; several prices of a contract, of which the
-- newest counts; and holdings without a symbol, which are usable.
UPDATE utils_statistics.trades_contract_extremes SET individual_pnl = 'NaN' WHERE trade_id % 11 = 0;
UPDATE utils_statistics.trades_contract_extremes SET cost_basis = NULL WHERE trade_id % 13 = 0;
UPDATE utils_statistics.trades_contract_extremes SET liquidity_drag = 'Infinity' WHERE trade_id % 17 = 0;
UPDATE utils_statistics.trades_contract_extremes SET individual_pnl = 0 WHERE trade_id % 19 = 0;
UPDATE utils_statistics.trades_contract_extremes SET contract_name = '  ' || contract_name || E'\t' WHERE rank = 3;
UPDATE utils_statistics.trades_contract_extremes SET side = 'mid' WHERE kpi_name = 'Theta' AND rank = 1;
UPDATE utils_statistics.trades_contract_extremes SET kpi_name = ' ' WHERE kpi_name = 'Vega' AND rank = 2;
UPDATE utils_statistics.trades_contract_extremes SET trade_id = NULL WHERE kpi_name = 'Rho' AND rank = 4;
UPDATE utils_statistics.trades_contract_extremes SET individual_pnl = individual_pnl + 7, mid_ts = mid_ts + interval '1 s'
  WHERE kpi_name = 'Daily PnL' AND side = 'lo' AND rank < 5;
UPDATE utils_statistics.trades_contract_extremes SET individual_pnl = individual_pnl - 7, mid_ts = NULL
  WHERE kpi_name = 'Unrealized P/L' AND side = 'hi' AND rank < 5;
UPDATE utils_statistics.trades_portfolio_assets SET symbol = symbol || '  ' WHERE trade_id % 5 = 0;
UPDATE utils_statistics.trades_portfolio_assets SET symbol = NULL WHERE trade_id % 4 = 0;
UPDATE utils_statistics.trades_portfolio_assets SET symbol = E' \t' WHERE trade_id % 4 = 1 AND report_date <> '2026-02-10';
INSERT INTO utils_statistics.trades_portfolio_assets
  SELECT report_date, trade_id, 'AAA', contract_name FROM utils_statistics.trades_portfolio_assets WHERE trade_id % 23 = 0;
INSERT INTO utils_statistics.trades_portfolio_assets VALUES
  ('2026-02-11', NULL, 'A', 'no id'), ('2026-02-11', 5, NULL, 'no symbol'), ('2026-02-11', 6, 'A', '  ');
DELETE FROM utils_statistics.trades_portfolio_assets WHERE trade_id % 29 = 0;
INSERT INTO utils_statistics.trades_kpi_series VALUES
  ('2026-02-11', ' Daily PnL ', '2026-02-11 15:00+00', 123456.75, 'real'), ('2026-02-11', 'Daily PnL', '2026-02-11 15:05+00', 'NaN', 'real'),
  ('2026-02-11', 'Daily PnL', NULL, 1, 'real'), ('2026-02-11', 'Daily PnL', '2026-02-11 15:07:00.000001+00', -2e5, 'real'),
  ('2026-02-10', 'Daily PnL', '2026-02-10 15:05+00', '-Infinity', 'real'), ('2026-02-10', 'Daily PnL', '2026-02-10 15:10+00', NULL, 'real');
INSERT INTO utils_statistics.trades_kpi_summary VALUES
  ('2026-02-11', 'Daily PnL ', '-$1,234.50', 99), ('2026-02-10', 'Daily PnL', NULL, 99), ('2026-02-09', 'Daily PnL', '—', 99);
