-- What the dashboard displays for one KPI, in the order of the rows; of two rows of a day, the later one is used.
SELECT ({day})::text AS day, not_finite, CASE WHEN NOT not_finite THEN display_value END AS displayed
FROM (SELECT report_date, display_value::text AS display_value,
        {is_numeric} AND coalesce(display_value::text IN ('NaN', 'Infinity', '-Infinity'), false) AS not_finite
      FROM {view}
      WHERE {within} AND {day} IS NOT NULL AND {kpi} = 'Daily PnL') AS kpi
