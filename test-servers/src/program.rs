use std::{
    env,
    path::{Path, PathBuf},
};

/// The path of a server's program, or of another one that tests run.
///
/// # Panics
/// If it is missing; the message has the command that fetches it. `fetch` is its name for
/// `scripts/servers.sh`.
pub fn find(name: &str, fetch: &str) -> PathBuf {
    let folder = env::var_os("PRESENCE_SERVERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(".servers/bin"),
        PathBuf::from,
    );
    let program = folder.join(name);
    assert!(program.exists(), "{} is missing; to get it: ./scripts/servers.sh {fetch}", program.display());
    // Absolute, since the server is started in its own folder. Links are kept: one program depends
    // on the name by which it is called.
    std::path::absolute(program).unwrap()
}
