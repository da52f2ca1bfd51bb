//! The process, as an operator runs it.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

#[test]
fn a_log_that_is_no_terminal_has_no_colours() -> Result<(), Box<dyn Error>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_active-idle"));
    command.args(["--host", "127.0.0.1", "--port", "0"]).env_remove("RUST_LOG");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut line = String::new();
    let read = child.stdout.take().map(|log| BufReader::new(log).read_line(&mut line));
    child.kill()?;
    child.wait()?;
    read.ok_or("no log")??;
    assert!(line.contains("listening") && !line.contains('\u{1b}'), "{line:?}");
    Ok(())
}
