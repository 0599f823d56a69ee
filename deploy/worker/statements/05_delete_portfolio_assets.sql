-- ?1 date.
DELETE FROM metrics_portfolio_assets WHERE date = ?1
