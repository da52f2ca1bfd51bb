//! What the servers share: settings, the listener, and their end.

use std::io::Read;
use tokio::net::TcpListener;

/// A setting of the driver, from the environment; `None` if it is empty.
pub fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Listens on the port of the driver, prints the address, and ends the process with the driver.
pub fn listen() -> std::io::Result<TcpListener> {
    let port = setting("PORT").and_then(|port| port.parse().ok()).unwrap_or(0);
    let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
    // Thousands of clients connect at once.
    rustix::net::listen(&listener, 4096)?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?);
    std::thread::spawn(|| {
        while matches!(std::io::stdin().lock().read(&mut [0; 64]), Ok(1..)) {}
        std::process::exit(0);
    });
    TcpListener::from_std(listener)
}
