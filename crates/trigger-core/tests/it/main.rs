//! Tests of trigger-core with programs that are not part of it.

mod schedules;
