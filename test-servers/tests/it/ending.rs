use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use test_servers::{redis::Redis, within};

/// Is set in the environment of the child process, which is killed.
const VICTIM: &str = "TEST_SERVERS_VICTIM";

fn is_gone(pid: u32) -> bool {
    !Command::new("kill").args(["-0", &pid.to_string()]).stderr(Stdio::null()).status().unwrap().success()
}

#[test]
fn server_ends_when_its_handle_is_dropped() {
    let server = Redis::start();
    let pid = server.pid();
    assert!(!is_gone(pid));
    drop(server);
    assert!(is_gone(pid));
}

#[test]
fn killed_and_paused_servers_end_when_their_handles_are_dropped() {
    let (killed, paused) = (Redis::start(), Redis::start());
    killed.kill();
    paused.pause();
    let pid = paused.pid();
    drop((killed, paused));
    assert!(is_gone(pid));
}

#[test]
fn server_and_its_folder_are_removed_when_the_process_that_started_it_is_killed() {
    let mut victim = Command::new(env::current_exe().unwrap())
        .args(["ending::victim", "--exact", "--nocapture", "--test-threads=1"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(victim.stdout.take().unwrap());
    let server =
        output.lines().find_map(|line| line.unwrap().split_once("server ").map(|(_, rest)| rest.to_owned()));
    let server = server.expect("the victim tells which server it has started");
    let (pid, folder) = server.split_once(' ').unwrap();
    assert!(!is_gone(pid.parse().unwrap()));
    assert!(Path::new(folder).exists());

    victim.kill().unwrap();
    victim.wait().unwrap();
    let gone = || (is_gone(pid.parse().unwrap()) && !Path::new(folder).exists()).then_some(());
    assert!(within(Duration::from_secs(10), gone).is_some(), "server {pid} outlives who started it");
}

/// The body of the process that the test above starts and kills. It does nothing in a normal run of
/// the tests, where the variable is not set.
#[test]
fn victim() {
    if env::var_os(VICTIM).is_none() {
        return;
    }
    let server = Redis::start();
    let folder = server.command(&["CONFIG", "GET", "dir"]);
    println!("server {} {}", server.pid(), folder.lines().last().unwrap());
    std::thread::sleep(Duration::from_mins(1));
}
