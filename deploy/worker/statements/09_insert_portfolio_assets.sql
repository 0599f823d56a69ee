-- ?1 date.
INSERT INTO metrics_portfolio_assets (date, trade_id, symbol, contract_name)
SELECT day.date, asset.value ->> 'trade_id', asset.value ->> 'symbol', asset.value ->> 'contract_name'
FROM metrics_daily AS day,
  json_each(day.overlay_json, '$.portfolioAssets') AS asset
WHERE day.date = ?1
