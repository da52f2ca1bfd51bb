//! Counts the open connections of each client.

use crate::limits::Client;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::Arc;

/// Counts the connections of each client. It has an entry only for clients with a connection, so
/// the limit of all connections limits it too.
#[derive(Debug, Clone)]
pub(super) struct Seats {
    most: Option<usize>,
    taken: Arc<Mutex<HashMap<Client, usize>>>,
}

/// The right to one connection, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    of: Option<(Client, Seats)>,
}

impl Seats {
    pub(super) fn new(most: Option<usize>) -> Self {
        Self { most, taken: Arc::default() }
    }

    /// Takes a seat for one more connection of this peer; `None` if the client has
    /// reached its limit.
    pub(super) fn take(&self, peer: SocketAddr) -> Option<Seat> {
        let Some(most) = self.most else { return Some(Seat { of: None }) };
        let client = Client::from(peer.ip());
        let mut taken = self.taken.lock();
        match taken.entry(client) {
            Entry::Occupied(mut of_client) if *of_client.get() < most => *of_client.get_mut() += 1,
            Entry::Vacant(of_client) if most > 0 => {
                of_client.insert(1);
            }
            _ => return None,
        }
        Some(Seat { of: Some((client, self.clone())) })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some((client, seats)) = &self.of else { return };
        let mut taken = seats.taken.lock();
        if let Entry::Occupied(mut of_client) = taken.entry(*client) {
            *of_client.get_mut() -= 1;
            if *of_client.get() == 0 {
                of_client.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], 1))
    }

    #[test]
    fn connections_are_counted_per_client_and_only_while_open() {
        let seats = Seats::new(Some(2));
        let held = [seats.take(peer(1)), seats.take(peer(1)), seats.take(peer(2))];
        assert!(held.iter().all(Option::is_some));
        assert!(seats.take(peer(1)).is_none());
        drop(held);
        assert!(seats.taken.lock().is_empty());
        assert!(Seats::new(Some(0)).take(peer(1)).is_none());
        assert!(Seats::new(None).take(peer(1)).is_some());
    }
}
