//! What the tests share: the program, and the servers it talks to.

pub(crate) mod authority;
pub(crate) mod dns;
pub(crate) mod program;
pub(crate) mod server;
