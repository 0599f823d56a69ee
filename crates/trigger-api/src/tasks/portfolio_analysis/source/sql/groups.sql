-- Sums over the positions of each day (symbol is null) and of each day's symbols.
SELECT day::text AS day, symbol,
  count(*) AS positions, count(*) FILTER (WHERE is_listed) AS listed, count(pnl) AS priced,
  sum(quantity) AS quantity,
  sum(cost_basis) AS cost_basis, sum(abs(cost_basis)) AS gross_cost_basis,
  sum(cost_basis * cost_basis) AS cost_basis_squares, max(abs(cost_basis)) AS largest_cost_basis,
  sum(pnl) AS pnl, sum(abs(pnl)) AS gross_pnl, sum(pnl * pnl) AS pnl_squares, max(abs(pnl)) AS largest_pnl,
  count(*) FILTER (WHERE pnl > 0) AS winners, count(*) FILTER (WHERE pnl < 0) AS losers,
  sum(greatest(pnl, 0)) AS gross_profit, sum(greatest(-pnl, 0)) AS gross_loss,
  max(pnl) FILTER (WHERE pnl > 0) AS largest_win, min(pnl) FILTER (WHERE pnl < 0) AS largest_loss,
  sum(pnl) FILTER (WHERE cost_basis IS NOT NULL) AS returned, sum(abs(cost_basis)) FILTER (WHERE pnl IS NOT NULL) AS invested,
  sum(mid_mark_pnl) AS mid_mark_pnl, sum(liquidity_drag) AS liquidity_drag,
  sum(liquidity_drag) FILTER (WHERE cost_basis IS NOT NULL) AS dragged,
  sum(abs(cost_basis)) FILTER (WHERE liquidity_drag IS NOT NULL) AS draggable,
  sum(absent) FILTER (WHERE is_listed) AS absent,
  sum(num_nulls(quantity, cost_basis, pnl, bid, ask, mid, mid_mark_pnl, liquidity_drag) - absent) FILTER (WHERE is_listed) AS not_finite
FROM positions WHERE is_held
GROUP BY GROUPING SETS ((day), (day, symbol))
