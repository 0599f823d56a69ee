-- ?1 date. The points come out of the day just stored, so they can't differ from it. SQLite reads
-- decimals exactly between 1e-80 and 1e115; beyond, v may be one unit off in its last place.
INSERT INTO metrics_series_points (date, kpi, t, v, src)
SELECT day.date, kpi.key, point.value ->> 't', point.value ->> 'v', point.value ->> 'src'
FROM metrics_daily AS day,
  json_each(day.overlay_json, '$.seriesByKpi') AS kpi,
  json_each(kpi.value) AS point
WHERE day.date = ?1
