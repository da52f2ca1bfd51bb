//! The clients of an attack, all on one thread.

use super::kind::{CLIENTS, Kind, LINES};
use super::line::Line;
use crate::cpu;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::time::sleep;

/// The number of responses by status; 0 stands for no response.
pub type Answers = BTreeMap<u16, u64>;
type Told = Rc<RefCell<Answers>>;

/// Runs an attack on a thread of its own until `until`, and then closes all connections.
pub fn start(kind: Kind, to: SocketAddr, until: u64) -> JoinHandle<std::io::Result<Answers>> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let told = Told::default();
        let tasks = tokio::task::LocalSet::new();
        for client in 0..CLIENTS {
            if kind.asks() {
                for line in 0..LINES {
                    tasks.spawn_local(ask(kind, (client, line), to, Rc::clone(&told)));
                }
            }
            for n in 0..kind.holds() {
                tasks.spawn_local(hold(kind, (client, n), to, Rc::clone(&told)));
            }
        }
        runtime.block_on(tasks.run_until(async {
            sleep(Duration::from_nanos(until.saturating_sub(cpu::wall()))).await;
        }));
        let _within = runtime.enter();
        drop(tasks);
        Ok(told.take())
    })
}

fn address(client: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 3, client + 1)
}

/// Sends requests one after the other, whatever the response.
async fn ask(kind: Kind, (client, number): (u8, u32), to: SocketAddr, told: Told) {
    let mut line = None;
    for n in 0_u32.. {
        let request = kind.request(client, number, n);
        let asked = async {
            let line = match &mut line {
                Some(line) => line,
                None => line.insert(Line::open(address(client), to).await?),
            };
            line.ask(&request).await
        };
        let status = asked.await.map_or(0, |(status, _)| status);
        *told.borrow_mut().entry(status).or_default() += 1;
        if status == 0 || status == 431 {
            line = None;
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Holds a connection open, sends one request and hardly reads; opens another one when
/// it is closed.
async fn hold(kind: Kind, (client, n): (u8, usize), to: SocketAddr, told: Told) {
    loop {
        // A remote machine would open a few hundred connections a second.
        sleep(Duration::from_millis(4 * n as u64 + 1)).await;
        let Ok(mut line) = Line::open(address(client), to).await else {
            *told.borrow_mut().entry(0).or_default() += 1;
            sleep(Duration::from_secs(1)).await;
            continue;
        };
        let mut open = line.send(&kind.opens(n)).await.is_ok();
        *told.borrow_mut().entry(200).or_default() += 1;
        if kind == Kind::Rooms {
            open = open && line.sip(2_048).await && line.send(&subscribe(client, n)).await.is_ok();
        }
        while open {
            open = line.sip(1).await;
            sleep(Duration::from_secs(1)).await;
            // A silent socket would be closed, so send a ping now and then.
            if kind == Kind::Rooms {
                open = open && line.send(&text(r#"{"type":"ping"}"#)).await.is_ok();
            }
        }
    }
}

fn subscribe(client: u8, n: usize) -> Vec<u8> {
    let topics: Vec<String> = (0..64).map(|t| format!(r#""room-{client}-{n}-{t}""#)).collect();
    text(&format!(r#"{{"type":"subscribe","topics":[{}]}}"#, topics.join(",")))
}

/// A text frame with a mask of zeros.
fn text(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u16::try_from(text.len()) {
        Ok(len @ 0..=125) => frame.push(0x80 | len.to_be_bytes()[1]),
        Ok(len) => {
            frame.push(0xfe);
            frame.extend_from_slice(&len.to_be_bytes());
        }
        Err(_) => {}
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text.as_bytes());
    frame
}
