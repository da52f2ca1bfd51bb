use super::{BRIEFLY, Nats, client, nats_server};
use crate::{patience::wait_until, port::Port, proxy::Proxy};

/// A hub and a leaf server that is linked to it. Each has its own `JetStream`, in the domains
/// `center` and `leaf`.
#[derive(Debug)]
pub struct Leaf {
    edge: Nats,
    link: Proxy,
    hub: Nats,
    /// The port of the hub for leaf servers.
    _gate: Port,
}

impl Leaf {
    /// Starts both servers. Returns when they are linked.
    ///
    /// # Panics
    /// If they cannot be started, with the reason.
    pub fn start() -> Self {
        let gate = Port::free();
        // If the leaf server knew the hub's own address, it would bypass the proxy.
        let hub = start(&format!(
            "{}\nleafnodes {{ listen: \"127.0.0.1:{}\", no_advertise: true }}\nping_interval: 5s",
            jetstream("center"),
            gate.number()
        ));
        let link = Proxy::to(gate.number());
        // `reconnect` is in seconds. Pings detect a link that drops everything.
        let edge = start(&format!(
            "{}\nleafnodes {{ reconnect: 1, remotes: [ {{ url: \"nats-leaf://127.0.0.1:{}\" }} ] }}\n\
             ping_interval: 5s\nping_max: 2",
            jetstream("leaf"),
            link.port()
        ));
        let started = Self { edge, link, hub, _gate: gate };
        started.wait_for_links(1);
        started
    }

    /// The server in the center.
    pub fn hub(&self) -> &Nats {
        &self.hub
    }

    /// The server at the edge.
    pub fn leaf(&self) -> &Nats {
        &self.edge
    }

    /// The domain by which clients of the leaf server use the hub's `JetStream`.
    pub fn hub_domain(&self) -> &'static str {
        "center"
    }

    /// The network of the link, for failures other than a cut: it can hold back all data.
    pub fn link(&self) -> &Proxy {
        &self.link
    }

    /// Cuts the link until [`restore`](Self::restore). Returns when the leaf server has noticed it.
    ///
    /// # Panics
    /// If the leaf server does not notice it, e.g. because it was killed.
    pub fn cut(&self) {
        self.link.cut();
        self.wait_for_links(0);
    }

    /// Restores the link, and returns when it is up, after about a second.
    ///
    /// # Panics
    /// If the link does not come up, e.g. because one of the servers was killed.
    pub fn restore(&self) {
        self.link.pass();
        self.wait_for_links(1);
    }

    fn wait_for_links(&self, count: usize) {
        let told = format!("\"leafnodes\": {count},");
        for server in [&self.edge, &self.hub] {
            wait_until("both servers see the link as it is", || {
                client::get(server.monitor_port(), "/leafz", BRIEFLY)
                    .is_ok_and(|told_now| told_now.contains(&told))
            });
        }
    }
}

fn start(config: &str) -> Nats {
    Nats::run(&nats_server(), config)
}

fn jetstream(domain: &str) -> String {
    format!("jetstream {{ store_dir: store, domain: {domain}, max_mem: 256M, max_file: 1G }}")
}
