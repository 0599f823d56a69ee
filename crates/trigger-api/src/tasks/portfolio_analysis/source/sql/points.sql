-- The points of one KPI's series, in the order of the rows: the later of two at one time wins.
SELECT ({day})::text AS day, {at} AS at, {value} AS value, value IS NULL AS absent
FROM {view}
WHERE report_date BETWEEN '{first}' AND '{last}' AND {kpi} = 'Daily PnL' AND {day} IS NOT NULL
