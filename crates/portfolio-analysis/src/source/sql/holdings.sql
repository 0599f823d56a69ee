-- The positions, and the contracts that have figures but are not held.
SELECT day::text AS day, trade_id, contract, symbol, is_held, quantity, cost_basis, pnl, bid, ask, mid, mid_mark_pnl, liquidity_drag
FROM positions
ORDER BY day, trade_id, contract
