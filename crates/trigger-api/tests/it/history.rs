//! trigger-api with a history that can't be read or written.

mod addresses;
mod bare_root;
mod health;
mod retention;
mod unsaved;
