use std::time::Duration;
use test_servers::redis::Redis;

#[test]
fn started_redis_answers_commands_with_each_kind_of_reply() {
    let server = Redis::start();
    assert_eq!(server.command(&["SET", "key", "two words"]), "OK");
    assert_eq!(server.command(&["GET", "key"]), "two words");
    assert_eq!(server.command(&["GET", "other"]), "(nil)");
    assert_eq!(server.command(&["RPUSH", "list", "a", "b"]), "2");
    assert_eq!(server.command(&["LRANGE", "list", "0", "-1"]), "a\nb");
    assert!(server.command(&["GET", "list"]).starts_with("-WRONGTYPE "));
    assert_eq!(server.url(), format!("redis://127.0.0.1:{}", server.port()));
}

#[test]
fn started_valkey_answers_commands() {
    let server = Redis::valkey();
    assert_eq!(server.command(&["PING"]), "PONG");
    assert!(server.command(&["INFO", "server"]).contains("server_name:valkey"));
}

#[test]
fn killed_redis_restarts_empty_on_the_same_port() {
    let server = Redis::start();
    server.command(&["SET", "key", "value"]);
    let (port, pid) = (server.port(), server.pid());
    server.kill();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    server.restart();
    assert_eq!(server.port(), port);
    assert_ne!(server.pid(), pid);
    assert_eq!(server.command(&["GET", "key"]), "(nil)");
}

#[test]
fn persistent_redis_restarts_with_its_data() {
    let server = Redis::with(&[("appendonly", "yes"), ("appendfsync", "always")]);
    server.command(&["SET", "key", "value"]);
    server.restart();
    assert_eq!(server.command(&["GET", "key"]), "value");
}

#[test]
fn redis_with_a_password_accepts_commands_after_a_restart() {
    let server = Redis::with(&[("requirepass", "secret")]);
    assert_eq!(server.command(&["PING"]), "PONG");
    assert_eq!(server.url(), format!("redis://:%73%65%63%72%65%74@127.0.0.1:{}", server.port()));
    server.restart();
    assert_eq!(server.command(&["CONFIG", "GET", "requirepass"]), "requirepass\nsecret");
}

#[test]
fn paused_redis_answers_only_after_it_is_resumed() {
    use std::{
        io::{Read, Write},
        net::TcpStream,
        time::Duration,
    };

    let server = Redis::start();
    server.pause();
    let mut client = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    client.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    client.write_all(b"PING\r\n").unwrap();
    let mut answer = [0; 7];
    assert!(client.read(&mut answer).is_err());
    server.resume();
    client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+PONG\r\n");
}

#[test]
fn cpu_time_of_a_server_grows_when_it_executes_a_command() {
    let server = Redis::start();
    let before = server.cpu();
    server.command(&["EVAL", "local n = 0 for i = 1, 2e7 do n = n + i end return n", "0"]);
    assert!(server.cpu() > before);
}

#[test]
#[should_panic(expected = "Bad directive")]
fn unknown_setting_panics_with_the_error_that_redis_reports() {
    Redis::with(&[("no-such-setting", "1")]);
}

#[cfg(target_os = "linux")]
#[test]
fn clocks_of_redis_and_valkey_are_as_far_ahead_as_they_are_set() {
    for server in [Redis::with_clock(), Redis::valkey_with_clock()] {
        let time = |command: &[&str]| server.command(command).lines().next().unwrap().parse::<i64>().unwrap();
        let before = time(&["TIME"]);
        for ahead in [-3_600, 3_600, 0] {
            server.set_clock(ahead);
            let script = ["EVAL", "return redis.call('TIME')", "0"];
            // A server may read the clock only at intervals.
            let has_moved = test_servers::within(Duration::from_secs(10), || {
                let moved = [time(&["TIME"]), time(&script)].map(|time| time - before - ahead);
                moved.iter().all(|moved| (0..600).contains(moved)).then_some(())
            });
            assert!(has_moved.is_some(), "it is not {ahead} s ahead");
        }
    }
}
