//! The command-line client: `chat-client auto` demonstrates the gateway's features, `chat-client`
//! reads commands.

use chat_gateway::client::{Target, auto, interactive};
use chat_gateway::token_of;
use clap::{Parser, ValueEnum};
use futures_util::stream;
use presence_core::{Clock, SystemClock, UserId};
use std::error::Error;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

/// A client of a chat-gateway.
#[derive(Parser)]
struct Arguments {
    /// `auto` runs a demonstration; without it, commands are read line by line.
    mode: Option<Mode>,
    /// The URL of the gateway.
    #[arg(long, env = "CHAT_URL", default_value = "ws://localhost:8006/ws")]
    url: String,
    /// The token.
    #[arg(long, env = "TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The user for whom to sign a token, if none is given.
    #[arg(long, default_value = "alice")]
    user: UserId,
    /// The secret to sign it with, as configured in the gateway.
    #[arg(long, env = "JWT_SECRET", hide_env_values = true)]
    secret: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    Auto,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { mode, url, token, user, secret } = Arguments::parse();
    let signed = || token_of(secret.as_deref()?, &user, SystemClock.now());
    let token = token.or_else(signed).ok_or("set TOKEN, or JWT_SECRET to sign one with")?;
    let target = Target { url, token };
    let show = |line: String| println!("{line}");
    match mode {
        Some(Mode::Auto) => auto(&target, show).await?,
        None => {
            let lines = stream::unfold(BufReader::new(stdin()).lines(), |mut lines| async {
                let line = lines.next_line().await.ok()??;
                Some((line, lines))
            });
            interactive(&target, lines, show).await?;
        }
    }
    Ok(())
}
