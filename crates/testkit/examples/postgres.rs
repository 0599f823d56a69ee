//! Starts a Postgres server that several test processes share, prints the value of `TRADEOPS_TEST_POSTGRES` for them, and
//! stops the server when standard input closes.

use std::io::Read;

use testkit::postgres::Server;

#[expect(clippy::print_stdout, reason = "scripts/test.sh reads the line")]
fn main() {
    let server = Server::start();
    println!("{} {}", server.port(), server.socket_folder().display());
    // The end of input and an error mean the same: the server is no longer needed.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
