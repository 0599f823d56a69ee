//! Tests of the deployed platform on a real cluster, in `tests/e2e`: releases that `scripts/deploy.sh` installs, with real images in
//! real pods, a Postgres with sample days, and the receiving Worker. The library is empty.
