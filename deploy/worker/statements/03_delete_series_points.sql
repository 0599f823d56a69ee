-- ?1 date.
DELETE FROM metrics_series_points WHERE date = ?1
