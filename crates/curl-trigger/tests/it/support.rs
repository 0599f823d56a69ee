//! The programs and servers that the tests share.

pub(crate) mod authority;
pub(crate) mod comparison;
pub(crate) mod dns;
pub(crate) mod lines;
pub(crate) mod program;
pub(crate) mod server;
