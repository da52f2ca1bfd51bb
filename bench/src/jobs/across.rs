//! The latency from an update at one instance to a viewer at another, on Redis, compared with a
//! bare `PUBLISH`.

use super::PATIENCE;
use super::viewers::{Publisher, Viewers};
use crate::process::Served;
use crate::report::{self, Target};
use crate::{Outcome, cpu, options::Options};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use test_servers::redis::Redis;

pub fn run(options: &Options) -> Outcome {
    let updates = if options.quick { 100 } else { 500 };
    report::section("an update at one instance, a viewer at another, on Redis; the limit is a bare PUBLISH");
    let redis = Redis::start();
    let (one, two) =
        (Served::start("jobs", redis.port().into())?, Served::start("jobs", redis.port().into())?);
    let mut viewers = Viewers::open(two.address, std::iter::once("j"))?;
    let mut publisher = Publisher::to(one.address)?;
    let mut bare = Bare::on(redis.port())?;
    let (mut ours, mut limit) = (Vec::new(), Vec::new());
    for step in 0..updates {
        let told_at = cpu::wall();
        publisher.update("j", step)?;
        viewers.take(1, PATIENCE)?;
        ours.push((cpu::wall() - told_at) as f64 / 1e6);
        limit.push(bare.round()? / 1e6);
    }
    let middle = (cpu::median(ours), cpu::median(limit));
    report::beside(
        "from the update to the viewer, wall, half of them",
        middle,
        "ms",
        middle.0 / middle.1,
        // It includes the request and the service's own work; `bench -- broker` has the target for
        // publish to delivery.
        &Target::None,
    );
    Ok(())
}

/// A publisher and a subscriber without anything else.
struct Bare {
    publisher: TcpStream,
    subscriber: TcpStream,
}

impl Bare {
    fn on(port: u16) -> Outcome<Self> {
        let connect = || -> Outcome<TcpStream> {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let (publisher, mut subscriber) = (connect()?, connect()?);
        subscriber.write_all(b"SUBSCRIBE bare\r\n")?;
        let _ = subscriber.read(&mut [0; 256])?;
        Ok(Self { publisher, subscriber })
    }

    /// Nanoseconds from a `PUBLISH` to its message.
    fn round(&mut self) -> Outcome<f64> {
        let (payload, mut buffer) = ("x".repeat(200), [0; 1024]);
        let told_at = cpu::wall();
        self.publisher.write_all(format!("PUBLISH bare {payload}\r\n").as_bytes())?;
        let _ = self.subscriber.read(&mut buffer)?;
        let took = cpu::wall() - told_at;
        let _ = self.publisher.read(&mut buffer)?;
        Ok(took as f64)
    }
}
