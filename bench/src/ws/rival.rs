//! socketioxide, built from its own crate outside of the workspace.

use crate::Outcome;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds it if necessary. Returns the path of the program.
pub fn socketioxide() -> Outcome<PathBuf> {
    let rivals = Path::new(env!("CARGO_MANIFEST_DIR")).join("rivals");
    println!("building {} ...", rivals.display());
    let built = Command::new("cargo")
        .args(["build", "--release", "--locked", "--quiet", "--manifest-path"])
        .arg(rivals.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(rivals.join("target"))
        .status()?;
    if !built.success() {
        return Err("socketioxide was not built".into());
    }
    Ok(rivals.join("target/release/socketioxide"))
}
