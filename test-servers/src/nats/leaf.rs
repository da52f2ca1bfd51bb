use super::{BRIEFLY, Nats, client, nats_server};
use crate::{patience::wait_until, port::Port, proxy::Proxy};

/// A hub and a leaf server that is linked to it, each with a `JetStream` of its own: in the domains
/// `center` and `leaf`.
#[derive(Debug)]
pub struct Leaf {
    edge: Nats,
    link: Proxy,
    hub: Nats,
    /// Where the hub takes leaf servers.
    _gate: Port,
}

impl Leaf {
    /// Both, and the link up.
    ///
    /// # Panics
    /// Where it cannot be had, with the reason.
    pub fn start() -> Self {
        let gate = Port::free();
        // Told the gate's own address the leaf server would go around the proxy.
        let hub = start(&format!(
            "{}\nleafnodes {{ listen: \"127.0.0.1:{}\", no_advertise: true }}\nping_interval: 5s",
            jetstream("center"),
            gate.number()
        ));
        let link = Proxy::to(gate.number());
        // `reconnect` is in seconds. Pings find a link that swallows everything.
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

    /// The domain under which clients of the leaf server reach the hub's `JetStream`.
    pub fn hub_domain(&self) -> &'static str {
        "center"
    }

    /// What the link runs over, for other failures than a cut: it can swallow everything.
    pub fn link(&self) -> &Proxy {
        &self.link
    }

    /// Cuts the link; it stays down until it is healed. Returns when the leaf server knows.
    ///
    /// # Panics
    /// Where the leaf server does not notice, e.g. because it was killed.
    pub fn cut(&self) {
        self.link.cut();
        self.wait_for_links(0);
    }

    /// Lets the servers link again, and returns when they have: after a second or so.
    ///
    /// # Panics
    /// Where they do not, e.g. because one of them was killed.
    pub fn heal(&self) {
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
