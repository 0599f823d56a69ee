-- Counts of the unusable items of the extremes, and of the usable ones. An item without a readable time is usable.
SELECT count(*) FILTER (WHERE NOT named) AS no_name, count(*) FILTER (WHERE named AND NOT sided) AS no_side,
  count(*) FILTER (WHERE named AND sided AND trade_id IS NULL) AS no_id,
  count(*) FILTER (WHERE named AND sided AND trade_id IS NOT NULL AND unreadable) AS no_time,
  count(*) FILTER (WHERE named AND sided AND trade_id IS NOT NULL) AS usable
FROM (SELECT {extremes.kpi} IS NOT NULL AND {extremes.contract} IS NOT NULL AS named,
        coalesce({extremes.side} IN ('hi', 'lo'), false) AS sided, {extremes.trade_id} AS trade_id,
        mid_ts IS NOT NULL AND {extremes.mid_ts} IS NULL AS unreadable
      FROM {extremes} WHERE {extremes.within} AND {extremes.day} IS NOT NULL OFFSET 0) AS item
