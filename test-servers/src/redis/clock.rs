//! A clock that can be set: the wall clock of one server's process only.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The library that is preloaded into the server.
const SOURCE: &str = include_str!("clock.c");

/// The clock of a server in this folder.
#[derive(Debug)]
pub(super) struct Clock {
    /// The file with the number of seconds that it is ahead.
    ahead: PathBuf,
}

impl Clock {
    /// A clock with the right time, and the arguments and environment that the server needs.
    ///
    /// # Panics
    /// If there is no C compiler. On systems other than Linux nothing is preloaded.
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

    /// Sets it this many seconds ahead of the machine's, or behind it.
    pub(super) fn set(&self, ahead: i64) {
        // Atomically: the server may read it at any moment.
        let new = self.ahead.with_extension("new");
        fs::write(&new, ahead.to_string()).unwrap();
        fs::rename(&new, &self.ahead).unwrap();
    }
}

/// The program that starts another one with additional environment variables.
pub(super) const ENV: &str = "/usr/bin/env";

/// As the arguments of a process.
pub(super) fn borrowed(args: &[OsString]) -> Vec<&OsStr> {
    args.iter().map(OsString::as_os_str).collect()
}
