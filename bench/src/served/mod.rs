//! The measured servers. Each runs on the main thread of its process, except the attacked one, and
//! ends with its input.

mod attacked;
mod hits;
mod jobs;
mod pages;
mod plain;
mod rest;
mod rooms;
mod snapshots;

pub use attacked::HEAVY_NAME;
pub use hits::ORIGIN;

use crate::clock::{Shifted, Waking};
use crate::roster::BEAT_EVERY;
use crate::{Outcome, cpu, instructions};
use axum::Router;
use presence_axum::serve::{Options, serve};
use presence_core::{Policy, Presence};
use presence_memory::MemoryStore;
use std::io::Read;
use std::net::TcpListener;

/// The input that advances the clock by 30 s.
pub const JUMP: &str = "j";

/// Serves until the input ends.
pub fn run(case: &str, size: usize) -> Outcome {
    let clock = Waking::default();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    // All readers connect at once.
    rustix::net::listen(&listener, 4096)?;
    follow_parent(clock.0.clone());
    if case == "plain" {
        return plain::run(&listener, size);
    }
    if case == "attacked" {
        return attacked::run(listener, size);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if case == "frames" {
        return runtime.block_on(rooms::frames(listener, size));
    }
    runtime.block_on(async {
        let app = match case {
            "beats" => {
                let presence = presence(&clock, Policy::default()).await?;
                instructions::beats(&presence, || clock.0.jump(BEAT_EVERY), size).await?;
                return has_worked(&listener).await;
            }
            "roster" => {
                instructions::roster_beats(size)?;
                return has_worked(&listener).await;
            }
            "overwrite" => {
                instructions::overwrites(size);
                return has_worked(&listener).await;
            }
            "sessions" => {
                instructions::session_overwrites(size);
                return has_worked(&listener).await;
            }
            "mount-full" => hits::full(presence(&clock, Policy::default()).await?, &clock),
            "mount" => hits::mount(presence(&clock, Policy::default()).await?),
            "active-idle" => hits::active_idle(presence(&clock, active_idle::policy()).await?),
            "nothing" => hits::nothing(),
            "reads" => hits::reads(),
            "hub-and-spoke" => rest::service(Some(size))?,
            "status" | "new-status" => rest::service(None)?,
            "least" => rest::least(size)?,
            "jobs" => jobs::service(size)?,
            "page-hits" => pages::service(size).await?,
            "room" => rooms::room(presence(&clock, snapshots::policy()).await?, size)?,
            "ticker" => snapshots::ticker(&presence(&clock, snapshots::policy()).await?, size).await?,
            _ => return Err(format!("no server is called {case}").into()),
        };
        serve_on(listener, app).await
    })
}

/// Tells the parent process that the work was done, and waits for the end.
async fn has_worked(listener: &TcpListener) -> Outcome {
    println!("{}", listener.local_addr()?);
    std::future::pending().await
}

async fn presence(clock: &Waking, policy: Policy) -> Outcome<Presence> {
    let store = MemoryStore::with_clock(clock.clone());
    let presence = Presence::builder(store).clock(clock.clone()).policy(policy).start()?;
    presence.ready().await;
    Ok(presence)
}

async fn serve_on(listener: TcpListener, app: Router) -> Outcome {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    println!("{}", listener.local_addr()?);
    // Queries may name a hundred users, as hub-and-spoke allows.
    let options = Options::default().max_head(96 * 1024);
    serve(listener, app, options, std::future::pending()).await;
    Ok(())
}

/// Executes the commands of the parent process, and ends with it.
fn follow_parent(clock: Shifted) {
    std::thread::spawn(move || {
        for byte in std::io::stdin().lock().bytes() {
            if byte.is_ok_and(|byte| [byte] == JUMP.as_bytes()) {
                clock.jump(BEAT_EVERY);
            }
        }
        std::process::exit(0);
    });
}

/// A comment in front of a frame with the time at which its creation started, from which readers
/// compute the delay.
fn stamp() -> String {
    format!(":{:020}\n", cpu::wall())
}
