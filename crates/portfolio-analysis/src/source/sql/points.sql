-- The points of one KPI's series, in the order of the rows: the later of two at one time wins. LIKE is there because it is
-- quicker to say no to the other KPIs than trimming is.
SELECT ({day})::text AS day, {at} AS at, {value} AS value, value IS NULL AS absent
FROM {view}
WHERE {within} AND kpi_name::text LIKE '%Daily PnL%' AND {kpi} = 'Daily PnL' AND {day} IS NOT NULL
