mod gate;

use super::{Coalesce, WAITING_ENTRIES};
use crate::conformance::{Call, Calls, Fault, ReferenceStore};
use crate::model::{Meta, Session, Topic, Topics, UserId};
use crate::store::{BATCH_BYTES, BATCH_ENTRIES, Kind, Misses, PresenceStore, Result, Touch};
use crate::testing;
use crate::time::{ManualClock, Timestamp};
use futures_util::FutureExt;
use futures_util::future::join_all;
use gate::Gate;
use std::slice;
use std::sync::Arc;
use tokio::sync::Semaphore;

fn user(n: usize) -> UserId {
    UserId::new(format!("user-{n}")).unwrap()
}

fn session(n: usize) -> Session {
    testing::session(user(n).as_str(), "tab", Timestamp::from_secs(1))
}

fn touch(n: usize) -> Touch {
    let Session { user, id, .. } = session(n);
    Touch::Session { user, id, seen_at: Timestamp::from_secs(2), active_at: Timestamp::from_secs(2) }
}

/// A store, and a `Coalesce` around it.
fn wrapped() -> (ReferenceStore, Coalesce<ReferenceStore>) {
    let store = ReferenceStore::new(ManualClock::default());
    (store.clone(), Coalesce::new(store))
}

async fn turns() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_single_call_is_sent_alone() {
    let (store, shared) = wrapped();
    shared.put(&[session(1)]).await.unwrap();
    assert_eq!(shared.touch(&[touch(1)]).await.unwrap(), Misses::new());
    let once = Calls { puts: 1, put_entries: 1, touches: 1, touch_entries: 1, ..Calls::default() };
    assert_eq!(store.calls(), once);
    assert_eq!(store.contents().sessions[&session(1).key()].seen_at, Timestamp::from_secs(2));
}

#[tokio::test]
async fn an_empty_batch_is_not_sent() {
    let (store, shared) = wrapped();
    shared.put(&[]).await.unwrap();
    assert_eq!(shared.touch(&[]).await.unwrap(), Misses::new());
    assert_eq!(store.calls(), Calls::default());
}

#[tokio::test]
async fn many_concurrent_callers_share_a_few_batches_and_each_gets_its_own_misses() {
    let (store, shared) = wrapped();
    let even: Vec<_> = (0..BATCH_ENTRIES).step_by(2).map(session).collect();
    store.put(&even).await.unwrap();
    let answers = join_all((0..BATCH_ENTRIES).map(|n| {
        let shared = shared.clone();
        async move { shared.touch(&[touch(n)]).await.unwrap() }
    }))
    .await;
    for (n, misses) in answers.into_iter().enumerate() {
        let expected = if n % 2 == 0 { Misses::new() } else { vec![session(n).key()] };
        assert_eq!(misses, expected);
    }
    let calls = store.calls();
    assert_eq!(calls.touch_entries, BATCH_ENTRIES as u64);
    // `join_all` polls so many futures in portions, each of which may be a batch.
    assert!(calls.touches <= 8, "{} calls", calls.touches);
}

#[tokio::test]
async fn two_batches_are_in_flight_and_other_calls_wait_for_the_next() {
    let (store, shared) = wrapped();
    store.faults().inject(Call::Put, Fault::Hangs);
    for n in 0..10 {
        let call = shared.clone();
        tokio::spawn(async move { call.put(&[session(n)]).await });
        turns().await;
    }
    let calls = store.calls();
    assert_eq!((calls.puts, calls.put_entries), (2, 2));
    // The other lane is not delayed.
    assert_eq!(shared.touch(&[touch(0)]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_batch_keeps_within_both_limits() {
    let (store, shared) = wrapped();
    let few: Vec<_> = (0..=2 * BATCH_ENTRIES).map(session).collect();
    shared.put(&few).await.unwrap();
    assert_eq!((store.calls().puts, store.calls().put_entries), (3, few.len() as u64));

    let topics: Vec<_> = (0..15).map(|n| Topic::new(format!("{n:01000}")).unwrap()).collect();
    let topics = Topics::new(topics).unwrap();
    let meta = Meta::new(serde_json::json!({ "padding": "x".repeat(900) })).unwrap();
    let large: Vec<_> = (0..40)
        .map(|n| {
            let mut session = session(n);
            (session.placement.topics, session.placement.meta) = (topics.clone(), Some(meta.clone()));
            session
        })
        .collect();
    let before = store.calls();
    join_all(large.iter().map(|session| shared.put(slice::from_ref(session)))).await;
    let after = store.calls();
    let per_batch = (after.put_entries - before.put_entries) / (after.puts - before.puts);
    assert!(per_batch > 1 && per_batch * 16_000 <= BATCH_BYTES as u64, "{per_batch} per batch");
}

#[tokio::test]
async fn an_error_reaches_exactly_the_callers_of_its_batch() {
    let (store, shared) = wrapped();
    store.faults().inject(Call::Put, Fault::Fails(Kind::Timeout));
    let answers = join_all((0..100).map(|n| {
        let shared = shared.clone();
        async move { shared.put(&[session(n)]).await }
    }))
    .await;
    assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(|error| error.kind() == Kind::Timeout)));
    assert!(store.calls().puts <= 8);
    store.faults().restore();
    shared.put(&[session(1)]).await.unwrap();
}

#[tokio::test]
async fn a_cancelled_call_does_not_affect_others() {
    let store = Arc::new(Gate::default());
    let shared = Coalesce::new(Arc::clone(&store));
    // Two calls are in flight, and two are queued together.
    let mut calls = Vec::new();
    for n in 0..4 {
        calls.push(tokio::spawn(touch_one(shared.clone(), n)));
        turns().await;
    }
    calls[0].abort();
    calls[2].abort();
    turns().await;
    assert_eq!(store.inner.calls().touches, 0);
    store.permits.add_permits(3);
    for (n, call) in calls.into_iter().enumerate() {
        match call.await {
            Ok(answer) => assert_eq!(answer.unwrap(), [session(n).key()]),
            Err(given_up) => assert!(given_up.is_cancelled() && n % 2 == 0),
        }
    }
    // The entries of cancelled calls were written nevertheless, as after a timeout.
    assert_eq!((store.inner.calls().touches, store.inner.calls().touch_entries), (3, 4));
}

async fn touch_one<S: PresenceStore>(shared: Coalesce<S>, n: usize) -> Result<Misses> {
    shared.touch(&[touch(n)]).await
}

#[tokio::test]
async fn a_batch_continues_after_its_first_caller_has_gone() {
    let (store, shared) = wrapped();
    let batches = [[session(1)], [session(2)], [session(3)]];
    let (first, second) = (shared.put(&batches[0]), shared.put(&batches[1]));
    let third = shared.put(&batches[2]);
    // The first caller starts the sending task, and is dropped before anything was sent.
    assert!(first.now_or_never().is_none());
    let (second, third) = tokio::join!(second, third);
    second.unwrap();
    third.unwrap();
    assert_eq!(store.contents().sessions.len(), 3);
}

#[tokio::test]
async fn callers_wait_until_the_queue_has_room() {
    let (store, shared) = wrapped();
    let many: Vec<_> = (0..3 * WAITING_ENTRIES).map(session).collect();
    let calls = many.chunks(100).map(|part| shared.put(part));
    assert!(join_all(calls).await.iter().all(Result::is_ok));
    assert_eq!(store.contents().sessions.len(), many.len());
    assert!(store.calls().puts < 100, "{} calls", store.calls().puts);
}

#[tokio::test]
async fn a_panic_of_the_store_is_an_error_for_its_batch_only() {
    let shared =
        Coalesce::new(Gate { permits: Semaphore::new(9), panics_at: Some(user(13)), ..Gate::default() });
    let error = shared.put(&[session(13)]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    shared.put(&[session(1)]).await.unwrap();
}

#[test]
fn calls_continue_after_the_runtime_of_the_sender_has_shut_down() {
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let store = Arc::new(Gate::default());
    let shared = Coalesce::new(Arc::clone(&store));
    first.block_on(async {
        for n in 0..2 {
            tokio::spawn(touch_one(shared.clone(), n));
            turns().await;
        }
    });
    let waiting = second.spawn(touch_one(shared.clone(), 2));
    second.block_on(turns());
    drop(first);
    let error = second.block_on(waiting).unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    store.permits.add_permits(1);
    assert_eq!(second.block_on(touch_one(shared, 3)).unwrap(), [session(3).key()]);
}

#[test]
fn a_call_from_a_runtime_that_has_shut_down_is_an_error() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let shared = Coalesce::new(Gate::default());
    let handle = runtime.handle().clone();
    drop(runtime);
    // A task that is spawned on this runtime is dropped at once.
    let _entered = handle.enter();
    let error = touch_one(shared, 1).now_or_never().expect("the error comes at once").unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn concurrent_loads_share_a_call_and_each_caller_gets_its_own_users() {
    let shared = Coalesce::new(Gate::default()).share_loads();
    let store = shared.inner().inner.clone();
    store.put(&(0..8).map(session).collect::<Vec<_>>()).await.unwrap();
    let load = |users: Vec<usize>| {
        let shared = shared.clone();
        tokio::spawn(async move { shared.load(&users.into_iter().map(user).collect::<Vec<_>>()).await })
    };
    let asked = [vec![0], vec![1], vec![3, 2, 9], vec![2], vec![5, 5], vec![]];
    let mut answers = Vec::new();
    for users in asked.iter().cloned() {
        answers.push(load(users));
        turns().await;
    }
    // Two calls are in flight. The others are queued, and return what is stored before their batch
    // is sent.
    store.put(&[session(9)]).await.unwrap();
    shared.inner().permits.add_permits(3);
    let mut own = Vec::new();
    for answer in answers {
        own.push(answer.await.unwrap().unwrap());
    }
    assert_eq!(store.calls().loads, 3);
    for (users, own) in asked.into_iter().zip(own) {
        let alone = store.load(&users.into_iter().map(user).collect::<Vec<_>>()).await.unwrap();
        assert_eq!(own, alone);
    }
}
