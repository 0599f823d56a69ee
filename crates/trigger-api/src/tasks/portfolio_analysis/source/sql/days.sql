-- The newest {limit} days of a view up to a bound. The index on report_date is stepped through from day to day, so
-- the rows of a day cost nothing.
WITH RECURSIVE stepping AS (
  (SELECT report_date, 1 AS place FROM {view} WHERE {bound} AND {day} IS NOT NULL ORDER BY report_date DESC LIMIT 1)
  UNION ALL
  SELECT (SELECT older.report_date FROM {view} AS older WHERE older.report_date < stepping.report_date AND {day} IS NOT NULL
          ORDER BY older.report_date DESC LIMIT 1), place + 1
  FROM stepping WHERE place < {limit} AND report_date IS NOT NULL
)
SELECT ({day})::text FROM stepping WHERE report_date IS NOT NULL
