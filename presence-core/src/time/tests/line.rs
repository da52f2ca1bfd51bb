//! `TimeLine`: how the server's clock and the requests of handles advance the time of a shard.

use crate::time::{BLIND_STRETCHES, Blind, BlindList, Reckoning, SILENCE, TimeLine, Timestamp};
use std::time::Duration;

const fn secs(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// A shard, its server's clock, and the clock that all handles share.
struct Fixture {
    line: Option<TimeLine>,
    clock: Timestamp,
    on: Timestamp,
}

impl Fixture {
    fn new() -> Self {
        Self { line: None, clock: secs(1_000_000), on: secs(500) }
    }

    fn pass(&mut self, millis: u64) {
        let millis = Duration::from_millis(millis);
        (self.clock, self.on) = (self.clock + millis, self.on + millis);
    }

    /// A handle asks for a proof and receives the answer.
    fn ask(&mut self, handle: &Reckoning) -> Timestamp {
        let ask = handle.ask(0, self.on);
        match &mut self.line {
            Some(line) => line.advance(&ask, self.clock),
            line => *line = Some(TimeLine::begin(&ask, self.clock)),
        }
        let line = self.line.as_ref().unwrap();
        handle.answered(0, line.at, line.blind.as_slice(), self.on);
        line.at
    }

    /// Handles ask in turn, every 250 ms.
    fn run(&mut self, handles: &[&Reckoning], millis: u64) {
        for _ in 0..millis / 250 {
            self.pass(250);
            for handle in handles {
                self.ask(handle);
            }
        }
    }

    fn stretches(&self) -> &[Blind] {
        self.line.as_ref().map_or(&[], |line| line.blind.as_slice())
    }
}

#[test]
fn all_time_before_an_unknown_shard_began_is_blind() {
    let mut fixture = Fixture::new();
    let at = fixture.ask(&Reckoning::new(1));
    assert_eq!(at, fixture.clock);
    assert_eq!(fixture.stretches(), [Blind { from: Timestamp::ZERO, to: at }]);
}

#[test]
fn a_step_of_the_servers_clock_is_ignored_once_a_handle_reckons() {
    for step in [-3_600_000_i64, -45_000, 45_000, 3_600_000] {
        let (mut fixture, handle) = (Fixture::new(), Reckoning::new(1));
        let began = fixture.ask(&handle);
        fixture.run(&[&handle], 10_000);
        fixture.clock = Timestamp::from_millis(fixture.clock.as_millis().checked_add_signed(step).unwrap());
        fixture.run(&[&handle], 10_000);
        assert_eq!(fixture.line.as_ref().unwrap().at, began + Duration::from_secs(20), "{step}");
        assert_eq!(fixture.stretches().len(), 1, "only the time before the shard began");
    }
}

#[test]
fn a_new_handle_gets_the_same_time_as_the_old_ones() {
    for step in [-3_600_000_i64, -45_000, 45_000] {
        let (mut fixture, old, new) = (Fixture::new(), Reckoning::new(1), Reckoning::new(1));
        fixture.ask(&old);
        fixture.run(&[&old], 10_000);
        fixture.clock = Timestamp::from_millis(fixture.clock.as_millis().checked_add_signed(step).unwrap());
        fixture.run(&[&old], 1_000);
        let (new_at, old_at) = (fixture.ask(&new), fixture.ask(&old));
        assert_eq!(new_at, old_at, "{step}");
        assert_eq!(new.ask(0, fixture.on), old.ask(0, fixture.on), "{step}");
    }
}

#[test]
fn the_servers_clock_is_followed_while_it_is_at_most_three_seconds_ahead() {
    let (mut fixture, handle) = (Fixture::new(), Reckoning::new(1));
    fixture.ask(&handle);
    fixture.clock = fixture.clock + Duration::from_millis(2_900);
    assert_eq!(fixture.ask(&handle), fixture.clock);
    assert_eq!(fixture.stretches().len(), 1);
    fixture.clock = fixture.clock + Duration::from_millis(3_001);
    assert_ne!(fixture.ask(&handle), fixture.clock);
}

#[test]
fn a_period_of_more_than_three_seconds_without_requests_is_blind() {
    for (silent, count) in [(2_900, 1), (3_000, 1), (3_001, 2), (3_600_000, 2)] {
        let (mut fixture, handle) = (Fixture::new(), Reckoning::new(1));
        fixture.ask(&handle);
        fixture.run(&[&handle], 5_000);
        let last = fixture.line.as_ref().unwrap().at;
        fixture.pass(silent);
        let now = fixture.ask(&handle);
        assert_eq!(fixture.stretches().len(), count, "{silent}");
        if count == 2 {
            assert_eq!(fixture.stretches()[1], Blind { from: last, to: now });
        }
    }
}

#[test]
fn a_period_in_which_another_handle_requests_proofs_is_not_blind() {
    let (mut fixture, one, other) = (Fixture::new(), Reckoning::new(1), Reckoning::new(1));
    fixture.ask(&one);
    fixture.run(&[&one, &other], 5_000);
    fixture.run(&[&other], 60_000);
    fixture.ask(&one);
    assert_eq!(fixture.stretches().len(), 1);
}

#[test]
fn handles_restore_the_time_that_a_failover_lost() {
    let (mut fixture, handle) = (Fixture::new(), Reckoning::new(1));
    fixture.ask(&handle);
    fixture.run(&[&handle], 5_000);
    let tail = fixture.line.clone();
    fixture.pass(10_000);
    fixture.run(&[&handle], 5_000);
    let known = fixture.stretches().to_vec();
    let before = fixture.line.as_ref().unwrap().at;
    // The replica knows neither the last seconds nor the blind stretch, and its clock is behind.
    fixture.line = tail;
    fixture.clock = fixture.clock - Duration::from_secs(45);
    fixture.pass(1_000);
    let now = fixture.ask(&handle);
    assert_eq!(now, before + Duration::from_secs(1));
    let (last, earlier) = fixture.stretches().split_last().unwrap();
    assert_eq!((earlier, *last), (&known[..], Blind { from: before, to: now }));
}

#[test]
fn the_start_of_a_shard_that_a_new_handle_recreates_is_corrected_by_an_old_handle() {
    let (mut fixture, old, new) = (Fixture::new(), Reckoning::new(1), Reckoning::new(1));
    fixture.ask(&old);
    fixture.run(&[&old], 5_000);
    let lost = fixture.line.take().unwrap();
    fixture.pass(15_000);
    let born = fixture.ask(&new);
    let now = fixture.ask(&old);
    assert!(now >= born && born > lost.at + Duration::from_secs(14));
    for handle in [&old, &new] {
        let ask = handle.ask(0, fixture.on);
        let missed = ask.blind.missed(lost.at, born);
        assert_eq!((missed, ask.blind.missed(born, now)), (born.since(lost.at), now.since(born)));
        fixture.ask(handle);
    }
    assert_eq!(old.ask(0, fixture.on), new.ask(0, fixture.on));
    assert_eq!(
        fixture.line.as_ref().unwrap().born,
        lost.at,
        "corrected once: the next request changes nothing"
    );
}

#[test]
fn an_old_handle_that_recreates_a_shard_continues_its_time() {
    let (mut fixture, old) = (Fixture::new(), Reckoning::new(1));
    fixture.ask(&old);
    fixture.run(&[&old], 5_000);
    let lost = fixture.line.take().unwrap();
    fixture.pass(15_000);
    fixture.clock = fixture.clock - Duration::from_mins(10);
    let at = fixture.ask(&old);
    assert_eq!(at, lost.at + Duration::from_secs(15));
    assert_eq!(fixture.stretches().last(), Some(&Blind { from: lost.at, to: at }));
}

#[test]
fn a_loss_of_data_leaves_a_blind_stretch_however_short() {
    for loses_all in [true, false] {
        let (mut fixture, old) = (Fixture::new(), Reckoning::new(1));
        fixture.ask(&old);
        fixture.run(&[&old], 5_000);
        let replica = fixture.line.clone().filter(|_| !loses_all);
        fixture.run(&[&old], 5_000);
        let known = fixture.stretches().len();
        let last = fixture.line.as_ref().unwrap().at;
        fixture.line = replica;
        fixture.pass(100);
        let now = fixture.ask(&old);
        assert_eq!(now, last + Duration::from_millis(100));
        assert_eq!(fixture.stretches().last(), Some(&Blind { from: last, to: now }));
        fixture.run(&[&old], 5_000);
        assert_eq!(fixture.stretches().len(), known + 1, "once");
    }
}

#[test]
fn beyond_thirty_two_blind_stretches_the_two_oldest_are_merged_alike_in_every_handle() {
    let (mut fixture, old) = (Fixture::new(), Reckoning::new(1));
    fixture.ask(&old);
    let began = fixture.line.as_ref().unwrap().at;
    for _ in 0..100 {
        fixture.pass(5_000);
        fixture.run(&[&old], 1_000);
    }
    assert_eq!(fixture.stretches().len(), BLIND_STRETCHES);
    let new = Reckoning::new(1);
    fixture.ask(&new);
    fixture.ask(&old);
    assert_eq!(new.ask(0, fixture.on).blind, old.ask(0, fixture.on).blind);
    let now = fixture.line.as_ref().unwrap().at;
    let blind: BlindList = fixture.stretches().iter().copied().collect();
    let lived = now.since(began).saturating_sub(blind.missed(began, now));
    assert!(lived <= Duration::from_secs(100), "merging stretches makes no age greater: {lived:?}");
}

#[test]
fn a_handle_reckons_from_the_newest_proof_of_any_shard() {
    let handle = Reckoning::new(2);
    handle.answered(0, secs(100), &[], secs(1));
    handle.answered(1, secs(90), &[], secs(1));
    assert_eq!(handle.now(secs(2)), Some(secs(101)));
    assert_eq!((handle.ask(0, secs(2)).proven, handle.ask(1, secs(2)).proven), (secs(100), secs(90)));
    assert_eq!(handle.ask(7, secs(2)).proven, Timestamp::ZERO);
    assert_eq!(SILENCE, Duration::from_secs(3), "the other tests assume this");
}
