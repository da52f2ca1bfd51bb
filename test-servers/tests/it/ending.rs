use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use test_servers::{nats::Nats, redis::Redis, within};

/// Is set in the environment of a child process, which has a server that fails, or is killed.
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

/// Runs a victim with a server of this kind. Returns it when the server runs, with the server's
/// process id and, of Redis, its folder.
fn victim_with(kind: &str) -> (Child, String, String) {
    let mut victim = Command::new(env::current_exe().unwrap())
        .args(["ending::victim", "--exact", "--nocapture", "--test-threads=1"])
        .env(VICTIM, kind)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(victim.stdout.take().unwrap());
    let server =
        output.lines().find_map(|line| line.unwrap().split_once("server ").map(|(_, rest)| rest.to_owned()));
    let server = server.expect("the victim tells which server it has started");
    let (pid, folder) = server.split_once(' ').unwrap();
    (victim, pid.to_owned(), folder.to_owned())
}

#[test]
fn server_and_its_folder_are_removed_when_the_process_that_started_it_is_killed() {
    let (mut victim, pid, folder) = victim_with("redis");
    assert!(!is_gone(pid.parse().unwrap()));
    assert!(Path::new(&folder).exists());

    victim.kill().unwrap();
    victim.wait().unwrap();
    let gone = || (is_gone(pid.parse().unwrap()) && !Path::new(&folder).exists()).then_some(());
    assert!(within(Duration::from_secs(10), gone).is_some(), "server {pid} outlives who started it");
}

/// Sends a signal to the server of a victim, and returns what the victim reports when it ends.
fn report_after(signal: &str) -> String {
    let (victim, pid, _folder) = victim_with("nats");
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    let ended = victim.wait_with_output().unwrap();
    assert!(!ended.status.success());
    String::from_utf8(ended.stderr).unwrap()
}

#[test]
fn tests_end_with_the_log_of_a_server_that_crashes() {
    let report = report_after("-SEGV");
    let what = if cfg!(target_os = "linux") { "has ended" } else { "does not answer" };
    assert!(report.contains(&format!("{what}, and no test has stopped it")), "{report}");
    assert!(report.contains("Server is ready") && report.contains("SIGSEGV"), "{report}");
}

#[test]
fn tests_end_with_the_log_of_a_server_that_hangs() {
    let report = report_after("-STOP");
    assert!(report.contains("does not answer, and no test has stopped it"), "{report}");
    assert!(report.contains("Server is ready") && report.contains("goroutine "), "{report}");
}

/// The body of the process that the tests above start. It does nothing in a normal run of the
/// tests, where the variable is not set.
#[test]
fn victim() {
    let Ok(kind) = env::var(VICTIM) else { return };
    let (redis, nats);
    if kind == "nats" {
        nats = Nats::start();
        println!("server {} ?", nats.pid());
    } else {
        redis = Redis::start();
        let folder = redis.command(&["CONFIG", "GET", "dir"]);
        println!("server {} {}", redis.pid(), folder.lines().last().unwrap());
    }
    std::thread::sleep(Duration::from_mins(5));
}
