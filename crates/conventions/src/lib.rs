//! Tests of the project itself, in `tests/it`. The library is empty.
