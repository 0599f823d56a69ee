-- The newest {limit} days of a view up to a bound. Each step finds the next older day in the index on report_date, so
-- the number of rows per day does not matter. A timestamp of an older day is less than the midnight of the newer day.
WITH RECURSIVE stepping AS (
  (SELECT {day} AS day, 1 AS place FROM {view} WHERE {bound} AND {day} IS NOT NULL ORDER BY report_date DESC LIMIT 1)
  UNION ALL
  SELECT (SELECT {day} FROM {view} AS older WHERE older.report_date < stepping.day AND {day} IS NOT NULL
          ORDER BY older.report_date DESC LIMIT 1), place + 1
  FROM stepping WHERE place < {limit} AND stepping.day IS NOT NULL
)
SELECT day::text FROM stepping WHERE day IS NOT NULL
