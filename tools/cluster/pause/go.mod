module tradeops/cluster/pause

go 1.26.0
