use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

use test_servers::{Proxy, redis::Redis};

fn client(proxy: &Proxy) -> TcpStream {
    let client = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    client
}

fn answer(client: &mut TcpStream) -> String {
    let mut answer = [0; 7];
    client.read_exact(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn proxy_refuses_connections_while_it_is_cut_and_then_forwards_again() {
    let server = Redis::start();
    let proxy = Proxy::to(server.port());
    let mut before = client(&proxy);
    before.write_all(b"PING\r\n").unwrap();
    assert_eq!(answer(&mut before), "+PONG\r\n");

    proxy.cut();
    assert!(matches!(before.read(&mut [0]), Ok(0) | Err(_)));
    let refused = TcpStream::connect(("127.0.0.1", proxy.port()));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);

    proxy.pass();
    let mut after = client(&proxy);
    after.write_all(b"PING\r\n").unwrap();
    assert_eq!(answer(&mut after), "+PONG\r\n");
}

#[test]
fn data_that_a_proxy_holds_back_arrives_when_it_forwards_again() {
    let server = Redis::start();
    let proxy = Proxy::to(server.port());
    let mut old = client(&proxy);
    proxy.hold_back();
    let mut new = client(&proxy);
    for client in [&mut old, &mut new] {
        client.write_all(b"PING\r\n").unwrap();
        client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        assert!(client.read(&mut [0]).is_err());
        client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    }
    proxy.pass();
    assert_eq!(answer(&mut old), "+PONG\r\n");
    assert_eq!(answer(&mut new), "+PONG\r\n");
}

#[test]
fn proxy_closes_connections_when_it_is_cut_while_it_holds_back_data() {
    let server = Redis::start();
    let proxy = Proxy::to(server.port());
    let mut client = client(&proxy);
    proxy.hold_back();
    client.write_all(b"PING\r\n").unwrap();
    proxy.cut();
    assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
}

#[test]
fn proxy_closes_a_connection_that_it_cannot_forward() {
    let server = Redis::start();
    let proxy = Proxy::to(server.port());
    server.kill();
    assert!(matches!(client(&proxy).read(&mut [0]), Ok(0) | Err(_)));
    server.restart();
    let mut client = client(&proxy);
    client.write_all(b"PING\r\n").unwrap();
    assert_eq!(answer(&mut client), "+PONG\r\n");
}
