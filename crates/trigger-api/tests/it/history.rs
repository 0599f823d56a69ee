//! The program while its history can't be written or read.

mod addresses;
mod bare_root;
mod health;
mod unsaved;
