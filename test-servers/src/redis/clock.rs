//! A clock that steps: the wall clock of a server's process, and of no other.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What is preloaded into the server.
const SOURCE: &str = include_str!("clock.c");

/// The clock of a server in this folder.
#[derive(Debug)]
pub(super) struct Clock {
    /// Where it stands by how many seconds it is ahead.
    ahead: PathBuf,
}

impl Clock {
    /// A clock that is right, and what the server is to be started with.
    ///
    /// # Panics
    /// Where there is no C compiler. On another system than Linux, nothing is preloaded.
    pub(super) fn new(folder: &Path, program: &Path) -> (Self, Vec<OsString>) {
        let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
        fs::write(&source, SOURCE).unwrap();
        let made = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .output()
            .expect("there is no cc, with which cargo links");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let clock = Self { ahead: folder.join("ahead") };
        clock.set(0);
        let setting = |name: &str, value: &Path| {
            let mut setting = OsString::from(name);
            setting.push(value);
            setting
        };
        let preload = setting("LD_PRELOAD=", &library);
        let args = vec![preload, setting("CLOCK_AHEAD=", &clock.ahead), program.as_os_str().to_owned()];
        (clock, args)
    }

    /// Puts it ahead of the machine's by so many seconds, or behind it.
    pub(super) fn set(&self, ahead: i64) {
        // In one step: the server may read it at any moment.
        let new = self.ahead.with_extension("new");
        fs::write(&new, ahead.to_string()).unwrap();
        fs::rename(&new, &self.ahead).unwrap();
    }
}

/// By which a program is started with settings of its own in the environment.
pub(super) const ENV: &str = "/usr/bin/env";

/// As the arguments of a process.
pub(super) fn borrowed(args: &[OsString]) -> Vec<&OsStr> {
    args.iter().map(OsString::as_os_str).collect()
}
