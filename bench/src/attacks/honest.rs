//! Clients that behave like pages, and the latency of their requests.

use super::line::{Line, PATIENCE, get, hit};
use crate::cpu;
use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::time::sleep;

/// The number of clients, each with an address of its own.
pub const CLIENTS: u8 = 200;
/// How many of them read the stream of their topic.
const READERS: u8 = 2;
/// One in this many makes a new connection for every request.
const ONE_OF: u8 = 10;
/// One in this many requests is a query.
const QUERIES: u32 = 5;
const EVERY: Duration = Duration::from_secs(1);

/// A request, or an event of a stream.
#[derive(Clone, Copy)]
pub struct Sample {
    /// When it began, in nanoseconds.
    pub at: u64,
    /// How long it took; for an event, how long the reader waited for it.
    pub took: u64,
    pub what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum What {
    Answered,
    /// A response other than 200, or none.
    Failed,
    Event,
}

type Samples = Rc<RefCell<Vec<Sample>>>;

/// Starts all clients on a thread of their own, until `until`.
pub fn start(address: SocketAddr, until: u64) -> JoinHandle<std::io::Result<Vec<Sample>>> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let samples = Samples::default();
        let tasks = tokio::task::LocalSet::new();
        for n in 0..CLIENTS {
            tasks.spawn_local(client(n, address, Rc::clone(&samples)));
        }
        for n in 0..READERS {
            tasks.spawn_local(reader(n, address, Rc::clone(&samples)));
        }
        runtime.block_on(tasks.run_until(async {
            sleep(Duration::from_nanos(until.saturating_sub(cpu::wall()))).await;
        }));
        let _within = runtime.enter();
        drop(tasks);
        Ok(samples.take())
    })
}

async fn client(n: u8, to: SocketAddr, samples: Samples) {
    let from = Ipv4Addr::new(127, 0, 1, n + 1);
    let enter = hit(&format!(r#"{{"user":"honest-{n}","kind":"enter","topics":["home"]}}"#));
    let beat = hit(&format!(r#"{{"user":"honest-{n}","idle_ms":0}}"#));
    let list = get("/v1/list?topic=home");
    // Starts are spread over the interval.
    sleep(EVERY * u32::from(n) / u32::from(CLIENTS)).await;
    let mut line = None;
    for turn in 0_u32.. {
        let request = match turn {
            0 => &enter,
            turn if turn.is_multiple_of(QUERIES) => &list,
            _ => &beat,
        };
        let at = cpu::wall();
        let ok = ask(&mut line, from, to, request).await.unwrap_or(false);
        let took = if ok { cpu::wall() - at } else { nanos(PATIENCE) };
        let what = if ok { What::Answered } else { What::Failed };
        samples.borrow_mut().push(Sample { at, took, what });
        if !ok || n.is_multiple_of(ONE_OF) {
            line = None;
        }
        sleep(EVERY.saturating_sub(Duration::from_nanos(cpu::wall() - at))).await;
    }
}

async fn ask(
    line: &mut Option<Line>,
    from: Ipv4Addr,
    to: SocketAddr,
    request: &[u8],
) -> std::io::Result<bool> {
    let line = match line {
        Some(line) => line,
        None => line.insert(Line::open(from, to).await?),
    };
    Ok(line.ask(request).await?.0 == 200)
}

/// Records how long it waits for each event.
async fn reader(n: u8, to: SocketAddr, samples: Samples) {
    let from = Ipv4Addr::new(127, 0, 2, n + 1);
    loop {
        let Ok(mut line) = Line::open(from, to).await else {
            sleep(EVERY).await;
            continue;
        };
        let mut at = cpu::wall();
        let mut open = line.send(&get("/v1/sse/snapshot?topic=home")).await.is_ok();
        while open {
            match line.event().await {
                Ok(false) => {}
                Ok(true) => {
                    let now = cpu::wall();
                    samples.borrow_mut().push(Sample { at, took: now - at, what: What::Event });
                    at = now;
                }
                Err(_) => open = false,
            }
        }
        samples.borrow_mut().push(Sample { at, took: nanos(PATIENCE), what: What::Failed });
        sleep(EVERY).await;
    }
}

pub fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
