//! The platform on a real cluster. The stories are tests (`tests/e2e`), and all there is to this crate: releases that
//! `scripts/deploy.sh` made, with real images and real pods, a Postgres with sample days, and the receiving Worker.
//!
//! `cluster/` holds what builds and configures the cluster of `scripts/cluster.sh`.
