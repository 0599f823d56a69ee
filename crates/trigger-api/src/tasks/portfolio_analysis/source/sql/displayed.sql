-- What the dashboard shows for one KPI, in the order of the rows: the later of two wins.
SELECT ({day})::text AS day, display_value::text AS displayed
FROM {view}
WHERE report_date BETWEEN '{first}' AND '{last}' AND {day} IS NOT NULL AND {kpi} = 'Daily PnL'
