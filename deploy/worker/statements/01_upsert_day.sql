-- ?1 date, ?2 updated_at, ?3 headline, ?4 summary, ?5 rows_json, ?6 overlay_json.
-- Never REPLACE: it would delete the old row first and, by the cascade, everything that hangs on it.
INSERT INTO metrics_daily (date, updated_at, headline, summary, rows_json, overlay_json)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (date) DO UPDATE SET
  updated_at = excluded.updated_at,
  headline = excluded.headline,
  summary = excluded.summary,
  rows_json = excluded.rows_json,
  overlay_json = excluded.overlay_json
