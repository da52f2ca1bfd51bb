//! A wall clock that tests can set, for the process of one server only.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The source of the library that is preloaded into the server.
const SOURCE: &str = include_str!("clock.c");

/// The clock of a server in this folder.
#[derive(Debug)]
pub(super) struct Clock {
    /// The file with the number of seconds by which the clock is ahead.
    ahead: PathBuf,
}

impl Clock {
    /// Makes a clock with the right time. Returns it with the arguments of [`ENV`] that start the
    /// server with this clock. It works on Linux only.
    ///
    /// # Panics
    /// If there is no C compiler.
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

    /// Sets the clock this many seconds ahead of the machine's, or behind it.
    pub(super) fn set(&self, ahead: i64) {
        // The file is replaced atomically, since the server may read it at any time.
        let new = self.ahead.with_extension("new");
        fs::write(&new, ahead.to_string()).unwrap();
        fs::rename(&new, &self.ahead).unwrap();
    }
}

/// The program `env`, which starts another program with additional environment variables.
pub(super) const ENV: &str = "/usr/bin/env";

/// Borrows the arguments, as [`Process`](crate::process::Process) takes them.
pub(super) fn borrowed(args: &[OsString]) -> Vec<&OsStr> {
    args.iter().map(OsString::as_os_str).collect()
}
