-- ?1 date.
DELETE FROM metrics_kpi_values WHERE date = ?1
