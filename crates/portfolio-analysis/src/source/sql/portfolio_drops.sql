-- Counts of the unusable holdings, and of the usable ones. A holding without a symbol is usable.
SELECT count(*) FILTER (WHERE contract IS NULL) AS no_name, 0::int8 AS no_side,
  count(*) FILTER (WHERE contract IS NOT NULL AND trade_id IS NULL) AS no_id, 0::int8 AS no_time,
  count(*) FILTER (WHERE contract IS NOT NULL AND trade_id IS NOT NULL) AS usable
FROM (SELECT {portfolio.day} AS day, {portfolio.trade_id} AS trade_id, {portfolio.contract} AS contract
      FROM {portfolio} WHERE {portfolio.within} OFFSET 0) AS asset
WHERE day IS NOT NULL
