use std::{
    env,
    path::{Path, PathBuf},
};

/// The path of a program that tests run, such as a server.
///
/// # Panics
/// If the program is missing. The message contains the command that installs it; `fetch` is the
/// name of the program for `scripts/servers.sh`.
pub fn find(name: &str, fetch: &str) -> PathBuf {
    let folder = env::var_os("PRESENCE_SERVERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(".servers/bin"),
        PathBuf::from,
    );
    let program = folder.join(name);
    assert!(program.exists(), "{} is missing; to get it: ./scripts/servers.sh {fetch}", program.display());
    // The path is absolute, since the server is started in its own folder. Links are not resolved,
    // since `redis-sentinel` depends on the name by which it is called.
    std::path::absolute(program).unwrap()
}
