-- The newest {limit} days of a view up to a bound, if report_date is a text. No index has the days in order, so every row
-- is read once.
SELECT DISTINCT ({day})::text FROM {view} WHERE {bound} AND {day} IS NOT NULL ORDER BY 1 DESC LIMIT {limit}
