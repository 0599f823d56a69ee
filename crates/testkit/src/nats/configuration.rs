//! The configuration of a server.

use std::fmt::Write;
use std::path::Path;

/// The configuration of a server on loopback. `cluster` is the server's port for routes, and those of all servers.
pub(super) fn configuration(name: &str, port: u16, store: &Path, cluster: Option<(u16, &[u16])>) -> String {
    let mut text = format!(
        "server_name: {name}\nlisten: 127.0.0.1:{port}\njetstream {{ store_dir: \"{}\" }}\n",
        store.display()
    );
    if let Some((own, routes)) = cluster {
        let routes: Vec<_> = routes.iter().map(|route| format!("nats://127.0.0.1:{route}")).collect();
        writeln!(text, "cluster {{ name: test, listen: 127.0.0.1:{own}, routes: [{}] }}", routes.join(", "))
            .expect("writing to a String succeeds");
    }
    text
}
