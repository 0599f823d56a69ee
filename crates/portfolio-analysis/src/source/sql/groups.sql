-- Sums over the positions of each day (is_total), and of each symbol of a day; the positions without a symbol form a
-- group. A sum that includes an amount that is too large is NULL.
, held_positions AS (
  SELECT *, {summed quantity} AS q, {summed cost_basis} AS c, {summed pnl} AS p, {summed mid_mark_pnl} AS m,
    {summed liquidity_drag} AS d
  FROM positions WHERE is_held
)
SELECT day::text AS day, grouping(symbol) = 1 AS is_total, symbol,
  count(*) AS positions, count(*) FILTER (WHERE is_listed) AS listed, count(pnl) AS priced,
  NULLIF(sum(q), 'NaN') AS quantity,
  NULLIF(sum(c), 'NaN') AS cost_basis, NULLIF(sum(abs(c)), 'NaN') AS gross_cost_basis,
  NULLIF(sum(c * c), 'NaN') AS cost_basis_squares, NULLIF(max(abs(c)), 'NaN') AS largest_cost_basis,
  NULLIF(sum(p), 'NaN') AS pnl, NULLIF(sum(abs(p)), 'NaN') AS gross_pnl,
  NULLIF(sum(p * p), 'NaN') AS pnl_squares, NULLIF(max(abs(p)), 'NaN') AS largest_pnl,
  count(*) FILTER (WHERE pnl > 0) AS winners, count(*) FILTER (WHERE pnl < 0) AS losers,
  NULLIF(sum(greatest(p, 0)), 'NaN') AS gross_profit, NULLIF(sum(greatest(-p, 0)), 'NaN') AS gross_loss,
  max(pnl) FILTER (WHERE pnl > 0) AS largest_win, min(pnl) FILTER (WHERE pnl < 0) AS largest_loss,
  NULLIF(sum(p) FILTER (WHERE c IS NOT NULL), 'NaN') AS returned,
  NULLIF(sum(abs(c)) FILTER (WHERE p IS NOT NULL), 'NaN') AS invested,
  NULLIF(sum(m), 'NaN') AS mid_mark_pnl, NULLIF(sum(d), 'NaN') AS liquidity_drag,
  NULLIF(sum(d) FILTER (WHERE c IS NOT NULL), 'NaN') AS dragged,
  NULLIF(sum(abs(c)) FILTER (WHERE d IS NOT NULL), 'NaN') AS draggable,
  count(*) FILTER (WHERE 'NaN' IN (q, c, p, m, d)) AS too_large,
  sum(num_nulls(quantity, cost_basis, pnl, bid, ask, mid, mid_mark_pnl, liquidity_drag) - absent) FILTER (WHERE is_listed) AS not_finite
FROM held_positions
GROUP BY GROUPING SETS ((day), (day, symbol))
