-- The points of one KPI's series, in the order of the rows; of two points at one time, the later row is used. LIKE rules
-- out the other KPIs faster than trimming their names does.
SELECT ({day})::text AS day, {at} AS at, {value} AS value, value IS NULL AS absent
FROM {view}
WHERE {within} AND kpi_name::text LIKE '%Daily PnL%' AND {kpi} = 'Daily PnL' AND {day} IS NOT NULL
