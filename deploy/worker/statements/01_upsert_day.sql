-- ?1 date, ?2 updated_at, ?3 headline, ?4 summary, ?5 rows_json, ?6 overlay_json.
-- Not REPLACE, which would delete the old row and, by the cascade, all rows that reference it.
INSERT INTO metrics_daily (date, updated_at, headline, summary, rows_json, overlay_json)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (date) DO UPDATE SET
  updated_at = excluded.updated_at,
  headline = excluded.headline,
  summary = excluded.summary,
  rows_json = excluded.rows_json,
  overlay_json = excluded.overlay_json
