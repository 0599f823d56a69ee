-- Positions held, with the figures that the extremes have for them. The extremes have many rows with the same figures
-- for a contract; the newest one is used. Of two holdings of a contract, one with a symbol is used.
WITH held AS MATERIALIZED (
  SELECT DISTINCT ON (day, trade_id, contract) day, trade_id, contract, symbol, true AS is_held
  FROM (SELECT {portfolio.day} AS day, {portfolio.trade_id} AS trade_id, {portfolio.contract} AS contract,
               {portfolio.symbol} AS symbol
        FROM {portfolio} WHERE {portfolio.within} OFFSET 0) AS asset
  WHERE day IS NOT NULL AND trade_id IS NOT NULL AND contract IS NOT NULL
  ORDER BY day, trade_id, contract, symbol NULLS LAST
), listed AS MATERIALIZED (
  SELECT DISTINCT ON (day, trade_id, contract) *
  FROM (SELECT {extremes.day} AS day, {extremes.trade_id} AS trade_id, {extremes.contract} AS contract,
               {extremes.mid_ts} AS priced_at, {extremes.kpi} AS kpi, {extremes.side} AS side, rank,
               qty, cost_basis, individual_pnl, bid_price, ask_price, mid_price, mid_mark_pnl, liquidity_drag
        FROM {extremes} WHERE {extremes.within} OFFSET 0) AS item
  WHERE day IS NOT NULL AND trade_id IS NOT NULL AND contract IS NOT NULL AND kpi IS NOT NULL AND side IN ('hi', 'lo')
  ORDER BY day, trade_id, contract, priced_at DESC NULLS LAST, kpi, side, rank
), positions AS (
  SELECT day, trade_id, contract, symbol, coalesce(is_held, false) AS is_held, kpi IS NOT NULL AS is_listed,
    {quantity} AS quantity, {cost_basis} AS cost_basis, {pnl} AS pnl, {bid} AS bid, {ask} AS ask, {mid} AS mid,
    {mid_mark_pnl} AS mid_mark_pnl, {liquidity_drag} AS liquidity_drag,
    num_nulls(qty, cost_basis, individual_pnl, bid_price, ask_price, mid_price, listed.mid_mark_pnl,
      listed.liquidity_drag) AS absent
  FROM held FULL JOIN listed USING (day, trade_id, contract)
)
