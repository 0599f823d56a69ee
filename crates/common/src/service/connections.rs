//! The open connections, and the memory that they hold.
//!
//! All connections share one budget in bytes. A connection is charged for itself, for an unfinished head, for a request
//! in progress and for a response that its client has not read, each with the buffers that the kernel counts as the
//! memory of the process's control group (cgroup v2). When the sum exceeds the budget, the address that holds
//! the most loses a connection: its longest idle one, or else the one that holds the most. So one client can't keep
//! others out, whatever it does, and a probe of the kubelet is always accepted.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;
use tokio::task::AbortHandle;

use super::listener::KERNEL_BUFFER_BYTES;

/// A connection while nothing is in progress: 16 KiB in the process, and the kernel's structures.
const CONNECTION_BYTES: usize = 20 * 1024;
/// What the kernel keeps of the last response until the client has received it.
const SENT_BYTES: usize = KERNEL_BUFFER_BYTES;
/// A response of unknown length, which is produced in parts as the client reads it, and what the client sends meanwhile.
pub(super) const STREAM_BYTES: usize = 8 * 1024 + KERNEL_BUFFER_BYTES;
/// An open stream with its connection.
pub(super) const OPEN_STREAM_BYTES: usize = CONNECTION_BYTES + SENT_BYTES + STREAM_BYTES;
/// The head of a request that does not arrive as a whole. hyper doubles the buffer in which it reads it.
const HEAD_BYTES: usize = 32 * 1024;
/// A request in progress: its body, what its handler needs, and what the client sends meanwhile.
const REQUEST_BYTES: usize = 32 * 1024 + KERNEL_BUFFER_BYTES;

/// All connections of a listener.
pub(super) struct Connections {
    budget: usize,
    table: Mutex<Table>,
    closed: Counter,
}

#[derive(Default)]
struct Table {
    held: usize,
    opened: u64,
    addresses: HashMap<IpAddr, Address>,
}

/// The connections of an address.
#[derive(Default)]
struct Address {
    held: usize,
    connections: HashMap<u64, Entry>,
    /// Those of them that are idle, the oldest first.
    idle: BTreeSet<u64>,
}

#[derive(Default)]
struct Entry {
    head: usize,
    request: usize,
    response: usize,
    sent: usize,
    /// None until the connection's task exists.
    task: Option<AbortHandle>,
}

/// What a connection can be charged for beside itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Charge {
    /// The unfinished head of a request.
    Head,
    /// A request in progress.
    Request,
    /// A response of this size in bytes. A stream of unknown size has the size of one buffer.
    Response(usize),
}

/// An open connection. It is removed when this is dropped.
pub(super) struct Connection {
    connections: Arc<Connections>,
    address: IpAddr,
    id: u64,
}

impl Entry {
    fn held(&self) -> usize {
        CONNECTION_BYTES + self.head + self.request + self.response + self.sent
    }

    fn is_idle(&self) -> bool {
        self.request == 0 && self.response == 0
    }
}

impl Connections {
    pub(super) fn new(budget: usize, closed: Counter) -> Arc<Self> {
        Arc::new(Self { budget, table: Mutex::default(), closed })
    }

    /// Adds a connection.
    pub(super) fn open(self: &Arc<Self>, address: IpAddr) -> Connection {
        let address = address.to_canonical();
        let id = self.change(|table| {
            table.opened += 1;
            let id = table.opened;
            let holder = table.addresses.entry(address).or_default();
            holder.connections.insert(id, Entry::default());
            holder.idle.insert(id);
            holder.held += CONNECTION_BYTES;
            table.held += CONNECTION_BYTES;
            id
        });
        Connection { connections: Arc::clone(self), address, id }
    }

    /// Closes one connection, because the process has no file descriptor for another one.
    pub(super) fn close_one(&self) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        self.close_largest(&mut table);
    }

    /// Changes the table, and closes connections until it fits the budget.
    fn change<T>(&self, change: impl FnOnce(&mut Table) -> T) -> T {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut table);
        while table.held > self.budget && self.close_largest(&mut table) {}
        result
    }

    fn close_largest(&self, table: &mut Table) -> bool {
        let Some((&address, holder)) = table.addresses.iter().max_by_key(|(_, holder)| holder.held) else {
            return false;
        };
        let oldest_idle = holder.idle.first().copied();
        let largest = || {
            // Of equal ones, the oldest.
            let largest = holder.connections.iter().max_by_key(|(id, entry)| (entry.held(), Reverse(**id)));
            largest.map(|(id, _)| *id)
        };
        let Some(id) = oldest_idle.or_else(largest) else { return false };
        if let Some(task) = table.remove(address, id).and_then(|entry| entry.task) {
            task.abort();
        }
        self.closed.inc();
        true
    }
}

impl Table {
    fn remove(&mut self, address: IpAddr, id: u64) -> Option<Entry> {
        let holder = self.addresses.get_mut(&address)?;
        let entry = holder.connections.remove(&id)?;
        holder.idle.remove(&id);
        holder.held -= entry.held();
        self.held -= entry.held();
        if holder.connections.is_empty() {
            self.addresses.remove(&address);
        }
        Some(entry)
    }

    /// Changes a connection's charges. A connection that was closed has none.
    fn charge(&mut self, address: IpAddr, id: u64, change: impl FnOnce(&mut Entry)) {
        let Some(holder) = self.addresses.get_mut(&address) else { return };
        let Some(entry) = holder.connections.get_mut(&id) else { return };
        let before = entry.held();
        change(entry);
        if entry.is_idle() {
            holder.idle.insert(id);
        } else {
            holder.idle.remove(&id);
        }
        holder.held = holder.held - before + entry.held();
        self.held = self.held - before + entry.held();
    }
}

impl Connection {
    /// Makes the task of the connection known, which is aborted to close it.
    pub(super) fn runs_in(&self, task: AbortHandle) {
        let mut table = self.connections.table.lock().unwrap_or_else(PoisonError::into_inner);
        let holder = table.addresses.get_mut(&self.address);
        match holder.and_then(|holder| holder.connections.get_mut(&self.id)) {
            Some(entry) => entry.task = Some(task),
            // It was closed meanwhile.
            None => task.abort(),
        }
    }

    /// Charges the connection.
    pub(super) fn charge(&self, charge: Charge) {
        self.connections.change(|table| {
            table.charge(self.address, self.id, |entry| match charge {
                Charge::Head => entry.head = HEAD_BYTES,
                Charge::Request => (entry.head, entry.request) = (0, REQUEST_BYTES),
                Charge::Response(bytes) => {
                    (entry.request, entry.response, entry.sent) = (0, bytes.max(1), SENT_BYTES);
                }
            });
        });
    }

    /// Removes the charges of a response that was sent.
    pub(super) fn response_is_sent(&self) {
        self.connections.change(|table| table.charge(self.address, self.id, |entry| entry.response = 0));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.connections.change(|table| drop(table.remove(self.address, self.id)));
    }
}
