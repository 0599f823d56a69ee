-- ?1 date.
DELETE FROM metrics_extremes_items WHERE date = ?1
