-- ?1 date. The rank is the item's position in its list.
INSERT INTO metrics_extremes_items (
  date, kpi, side, rank, trade_id, symbol, contract_name,
  metric_raw, metric_abs, individual_pnl, abs_individual_pnl, percent_change, cost_basis, qty,
  bid_price, ask_price, mid_price, mid_ts, mid_mark_pnl, liquidity_drag, item_json
)
SELECT
  day.date, kpi.key, side.key, item.key + 1,
  item.value ->> 'trade_id', item.value ->> 'symbol', item.value ->> 'contract_name',
  item.value ->> 'metric_raw', item.value ->> 'metric_abs',
  item.value ->> 'individual_pnl', item.value ->> 'abs_individual_pnl',
  item.value ->> 'percent_change', item.value ->> 'cost_basis', item.value ->> 'qty',
  item.value ->> 'bid_price', item.value ->> 'ask_price', item.value ->> 'mid_price',
  item.value ->> 'mid_ts', item.value ->> 'mid_mark_pnl', item.value ->> 'liquidity_drag',
  item.value
FROM metrics_daily AS day,
  json_each(day.overlay_json, '$.extremes.byKpi') AS kpi,
  json_each(kpi.value) AS side,
  json_each(side.value) AS item
WHERE day.date = ?1
