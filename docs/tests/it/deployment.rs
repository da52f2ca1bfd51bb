//! `docs/deployment.md`.

use crate::client::{events, send, soon};
use cookbook::{deployment::run, processes::store};
use presence_memory::MemoryStore;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

#[tokio::test]
async fn a_process_is_ready_and_ends_in_good_order() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let process = tokio::spawn(async move {
        run(MemoryStore::new(), listener, async { drop(stopped.await) })
            .await
            .map_err(|error| error.to_string())
    });
    assert_eq!(send(address, "GET", "/healthz", &[], "").await.status, 200);
    let ready = async {
        while send(address, "GET", "/readyz", &[], "").await.status != 200 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    soon(ready).await;

    let mut stream = events(address, "/v1/sse/diff", &[]).await;
    assert!(stream.event().await.contains("retry: 2000"));
    stop.send(()).unwrap();
    let mut last = String::new();
    while let Some(event) = stream.next().await {
        last = event;
    }
    assert!(last.contains("retry: "), "its readers are told when to come back: {last}");
    soon(process).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_process_whose_store_is_away_is_alive_and_not_ready() {
    let store = store("redis://127.0.0.1:1", "cookbook").unwrap(); // no server there
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let process = tokio::spawn(async move {
        run(store, listener, std::future::pending()).await.map_err(|error| error.to_string())
    });
    assert_eq!(send(address, "GET", "/healthz", &[], "").await.status, 200);
    assert_eq!(send(address, "GET", "/readyz", &[], "").await.status, 503);
    process.abort();
}
