//! The time of a shard: what its handles and its server's clock make of it.

use crate::time::{BLIND_STRETCHES, Blind, BlindList, Reckoning, SILENCE, TimeLine, Timestamp};
use std::time::Duration;

const fn secs(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// A shard, its server's clock, and the one clock of all handles.
struct World {
    line: Option<TimeLine>,
    clock: Timestamp,
    on: Timestamp,
}

impl World {
    fn new() -> Self {
        Self { line: None, clock: secs(1_000_000), on: secs(500) }
    }

    fn pass(&mut self, millis: u64) {
        let millis = Duration::from_millis(millis);
        (self.clock, self.on) = (self.clock + millis, self.on + millis);
    }

    /// A handle asks, and is answered.
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
fn a_shard_that_nobody_remembers_begins_blind() {
    let mut world = World::new();
    let at = world.ask(&Reckoning::new(1));
    assert_eq!(at, world.clock);
    assert_eq!(world.stretches(), [Blind { from: Timestamp::ZERO, to: at }]);
}

#[test]
fn steps_of_the_servers_clock_are_ignored_by_whoever_reckons() {
    for step in [-3_600_000_i64, -45_000, 45_000, 3_600_000] {
        let (mut world, handle) = (World::new(), Reckoning::new(1));
        let began = world.ask(&handle);
        world.run(&[&handle], 10_000);
        world.clock = Timestamp::from_millis(world.clock.as_millis().checked_add_signed(step).unwrap());
        world.run(&[&handle], 10_000);
        assert_eq!(world.line.as_ref().unwrap().at, began + Duration::from_secs(20), "{step}");
        assert_eq!(world.stretches().len(), 1, "only what was before the beginning");
    }
}

#[test]
fn a_newcomer_agrees_with_those_who_were_there() {
    for step in [-3_600_000_i64, -45_000, 45_000] {
        let (mut world, old, new) = (World::new(), Reckoning::new(1), Reckoning::new(1));
        world.ask(&old);
        world.run(&[&old], 10_000);
        world.clock = Timestamp::from_millis(world.clock.as_millis().checked_add_signed(step).unwrap());
        world.run(&[&old], 1_000);
        let (new_at, old_at) = (world.ask(&new), world.ask(&old));
        assert_eq!(new_at, old_at, "{step}");
        assert_eq!(new.ask(0, world.on), old.ask(0, world.on), "{step}");
    }
}

#[test]
fn the_server_is_followed_as_long_as_it_is_a_little_ahead() {
    let (mut world, handle) = (World::new(), Reckoning::new(1));
    world.ask(&handle);
    world.clock = world.clock + Duration::from_millis(2_900);
    assert_eq!(world.ask(&handle), world.clock);
    assert_eq!(world.stretches().len(), 1);
    world.clock = world.clock + Duration::from_millis(3_001);
    assert_ne!(world.ask(&handle), world.clock);
}

#[test]
fn time_in_which_nobody_could_ask_is_a_stretch_from_three_seconds_on() {
    for (silent, count) in [(2_900, 1), (3_000, 1), (3_001, 2), (3_600_000, 2)] {
        let (mut world, handle) = (World::new(), Reckoning::new(1));
        world.ask(&handle);
        world.run(&[&handle], 5_000);
        let last = world.line.as_ref().unwrap().at;
        world.pass(silent);
        let now = world.ask(&handle);
        assert_eq!(world.stretches().len(), count, "{silent}");
        if count == 2 {
            assert_eq!(world.stretches()[1], Blind { from: last, to: now });
        }
    }
}

#[test]
fn a_handle_that_is_cut_off_while_another_one_asks_makes_no_stretch() {
    let (mut world, one, other) = (World::new(), Reckoning::new(1), Reckoning::new(1));
    world.ask(&one);
    world.run(&[&one, &other], 5_000);
    world.run(&[&other], 60_000);
    world.ask(&one);
    assert_eq!(world.stretches().len(), 1);
}

#[test]
fn what_a_failover_has_lost_is_brought_back() {
    let (mut world, handle) = (World::new(), Reckoning::new(1));
    world.ask(&handle);
    world.run(&[&handle], 5_000);
    let tail = world.line.clone();
    world.pass(10_000);
    world.run(&[&handle], 5_000);
    let known = world.stretches().to_vec();
    let before = world.line.as_ref().unwrap().at;
    // The replica knows neither the last seconds nor the stretch, and its clock is behind.
    world.line = tail;
    world.clock = world.clock - Duration::from_secs(45);
    world.pass(1_000);
    let now = world.ask(&handle);
    assert_eq!(now, before + Duration::from_secs(1));
    let (last, earlier) = world.stretches().split_last().unwrap();
    assert_eq!((earlier, *last), (&known[..], Blind { from: before, to: now }));
}

#[test]
fn a_newcomer_that_makes_the_shard_again_is_corrected_by_the_first_who_remembers() {
    let (mut world, old, new) = (World::new(), Reckoning::new(1), Reckoning::new(1));
    world.ask(&old);
    world.run(&[&old], 5_000);
    let lost = world.line.take().unwrap();
    world.pass(15_000);
    let born = world.ask(&new);
    let now = world.ask(&old);
    assert!(now >= born && born > lost.at + Duration::from_secs(14));
    for handle in [&old, &new] {
        let ask = handle.ask(0, world.on);
        let missed = ask.blind.missed(lost.at, born);
        assert_eq!((missed, ask.blind.missed(born, now)), (born.since(lost.at), now.since(born)));
        world.ask(handle);
    }
    assert_eq!(old.ask(0, world.on), new.ask(0, world.on));
    assert_eq!(world.line.as_ref().unwrap().born, lost.at, "once: who comes next changes nothing");
}

#[test]
fn an_old_handle_that_makes_the_shard_again_carries_its_time_on() {
    let (mut world, old) = (World::new(), Reckoning::new(1));
    world.ask(&old);
    world.run(&[&old], 5_000);
    let lost = world.line.take().unwrap();
    world.pass(15_000);
    world.clock = world.clock - Duration::from_mins(10);
    let at = world.ask(&old);
    assert_eq!(at, lost.at + Duration::from_secs(15));
    assert_eq!(world.stretches().last(), Some(&Blind { from: lost.at, to: at }));
}

#[test]
fn a_loss_of_data_leaves_a_stretch_however_short_it_was() {
    for loses_all in [true, false] {
        let (mut world, old) = (World::new(), Reckoning::new(1));
        world.ask(&old);
        world.run(&[&old], 5_000);
        let replica = world.line.clone().filter(|_| !loses_all);
        world.run(&[&old], 5_000);
        let known = world.stretches().len();
        let last = world.line.as_ref().unwrap().at;
        world.line = replica;
        world.pass(100);
        let now = world.ask(&old);
        assert_eq!(now, last + Duration::from_millis(100));
        assert_eq!(world.stretches().last(), Some(&Blind { from: last, to: now }));
        world.run(&[&old], 5_000);
        assert_eq!(world.stretches().len(), known + 1, "once");
    }
}

#[test]
fn of_thirty_three_stretches_the_two_oldest_become_one_and_every_handle_knows_the_same() {
    let (mut world, old) = (World::new(), Reckoning::new(1));
    world.ask(&old);
    let began = world.line.as_ref().unwrap().at;
    for _ in 0..100 {
        world.pass(5_000);
        world.run(&[&old], 1_000);
    }
    assert_eq!(world.stretches().len(), BLIND_STRETCHES);
    let new = Reckoning::new(1);
    world.ask(&new);
    world.ask(&old);
    assert_eq!(new.ask(0, world.on).blind, old.ask(0, world.on).blind);
    let now = world.line.as_ref().unwrap().at;
    let blind: BlindList = world.stretches().iter().copied().collect();
    let lived = now.since(began).saturating_sub(blind.missed(began, now));
    assert!(lived <= Duration::from_secs(100), "nobody grows older by what is put together: {lived:?}");
}

#[test]
fn what_is_reckoned_goes_over_all_shards() {
    let handle = Reckoning::new(2);
    handle.answered(0, secs(100), &[], secs(1));
    handle.answered(1, secs(90), &[], secs(1));
    assert_eq!(handle.now(secs(2)), Some(secs(101)));
    assert_eq!((handle.ask(0, secs(2)).proven, handle.ask(1, secs(2)).proven), (secs(100), secs(90)));
    assert_eq!(handle.ask(7, secs(2)).proven, Timestamp::ZERO);
    assert_eq!(SILENCE, Duration::from_secs(3), "what the other tests reckon with");
}
