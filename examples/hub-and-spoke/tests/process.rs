//! The process, as an operator runs it.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

/// Starts it with these flags, and returns the first line of its log that `wanted` finds.
fn logged(flags: &[&str], wanted: impl Fn(&str) -> bool) -> Result<String, Box<dyn Error>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hub-and-spoke"));
    command.args(["--service-host", "127.0.0.1", "--service-port", "0"]).args(flags);
    command.env("JWT_SECRET", "a secret of at least 32 bytes, please").env_remove("LOG_LEVEL");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let log = child.stderr.take().map(|log| BufReader::new(log).lines().map_while(Result::ok));
    let found = log.and_then(|mut lines| lines.find(|line| wanted(line)));
    child.kill()?;
    child.wait()?;
    found.ok_or_else(|| "the log has no such line".into())
}

#[test]
fn a_log_that_is_no_terminal_has_no_colours() -> Result<(), Box<dyn Error>> {
    let line = logged(&[], |line| line.contains("listening"))?;
    assert!(!line.contains('\u{1b}'), "{line:?}");
    Ok(())
}

#[test]
fn a_nats_that_is_not_there_is_named_by_its_setting_and_by_the_cause() -> Result<(), Box<dyn Error>> {
    // A port without a listener.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let url = format!("nats://ada:hunter2@127.0.0.1:{port}");
    let line = logged(&["--nats-url", &url], |line| line.contains("ERROR"))?;
    assert!(line.contains("NATS_URL") && line.to_lowercase().contains("refused"), "{line}");
    assert!(!line.contains("hunter2"), "{line}");
    Ok(())
}
