-- ?1 date. The points are read from the stored document, so they can't differ from it. SQLite converts
-- decimals between 1e-80 and 1e115 exactly; outside, v may differ by one unit in the last place.
INSERT INTO metrics_series_points (date, kpi, t, v, src)
SELECT day.date, kpi.key, point.value ->> 't', point.value ->> 'v', point.value ->> 'src'
FROM metrics_daily AS day,
  json_each(day.overlay_json, '$.seriesByKpi') AS kpi,
  json_each(kpi.value) AS point
WHERE day.date = ?1
