//! socketioxide, built in the workspace of the peers.

use crate::Outcome;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds it if necessary. Returns the path of the program.
pub fn socketioxide() -> Outcome<PathBuf> {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
    println!("building {} ...", peers.display());
    let built = Command::new("cargo")
        .args(["build", "--release", "--quiet", "--package", "servers", "--bin", "socketioxide"])
        .arg("--manifest-path")
        .arg(peers.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(peers.join("target"))
        .status()?;
    if !built.success() {
        return Err("socketioxide was not built".into());
    }
    Ok(peers.join("target/release/socketioxide"))
}
