-- The positions themselves; a contract without a symbol has figures and is not held.
SELECT day::text AS day, trade_id, contract, symbol, quantity, cost_basis, pnl, bid, ask, mid, mid_mark_pnl, liquidity_drag
FROM positions
ORDER BY day, trade_id, contract
