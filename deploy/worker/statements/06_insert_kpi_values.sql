-- ?1 date, ?2 JSON array of [kpi, value_text, value_num or null, value_kind].
INSERT INTO metrics_kpi_values (date, kpi, value_text, value_num, value_kind)
SELECT ?1, entry.value ->> 0, entry.value ->> 1, entry.value ->> 2, entry.value ->> 3
FROM json_each(?2) AS entry
