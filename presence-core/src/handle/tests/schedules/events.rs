//! The events of a schedule, and their times.

use super::*;

#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    Cut(Option<usize>),
    Stall,
    Reconnect,
    Refuse,
    Accept,
    Step(i64),
    StopReplication,
    FailOver,
    Empty,
    StartProcess,
    Silent(usize),
    Leave(usize),
}

/// A random schedule of events.
pub(super) fn random_events(rng: &mut Rng) -> Vec<(Duration, Event)> {
    let mut events = Vec::new();
    let millis = |rng: &mut Rng, from: u64, to: u64| Duration::from_millis(from + rng.below(to - from));
    for _ in 0..=rng.below(2) {
        let at = millis(rng, 12_000, 60_000);
        let (down, up, who) = match rng.below(8) {
            0 => (Event::Cut(None), Event::Reconnect, 0),
            1 => (Event::Cut(Some(rng.index(2))), Event::Reconnect, 1),
            2 => (Event::Refuse, Event::Accept, 0),
            kind => {
                let long = millis(rng, 500, 45_000);
                match kind {
                    3 => events.extend([(at, Event::Refuse), (at + long, Event::Accept)]),
                    4 => events.extend([(at, Event::Stall), (at + long, Event::Reconnect)]),
                    5 => {
                        let by = [500, 2_900, 3_100, 10_000, 45_000, 3_600_000][rng.index(6)];
                        events.push((at, Event::Step(if rng.one_in(2) { by } else { -by })));
                    }
                    6 => {
                        let lag = millis(rng, 0, 8_000);
                        let step = [0, 0, -45_000, 45_000, -3_600_000][rng.index(5)];
                        events.extend([
                            (at.saturating_sub(lag), Event::StopReplication),
                            (at, Event::Step(step)),
                        ]);
                        events.push((at, Event::FailOver));
                    }
                    _ => {
                        let gone = millis(rng, 500, 15_000);
                        events.extend([
                            (at, Event::Cut(None)),
                            (at + gone, Event::Empty),
                            (at + gone, Event::Reconnect),
                        ]);
                    }
                }
                continue;
            }
        };
        // Repeated resets of all links or of one, and refusals.
        let period = millis(rng, 800, 15_000);
        // A single process is cut off for little of the time: beyond that, the others may see its
        // sessions lapse.
        let share = 5 + u32::try_from(rng.below(if who == 1 { 55 } else { 85 })).unwrap();
        let bad = (period * share / 100).min(if who == 1 { secs(2) } else { secs(60) });
        let mut t = at;
        while t < at + millis(rng, 20_000, 60_000) {
            events.extend([(t, down), (t + bad, up)]);
            t += period;
        }
    }
    for who in 0..USERS {
        match rng.below(4) {
            0 => events.push((millis(rng, 10_000, 90_000), Event::Silent(who))),
            1 => events.push((millis(rng, 10_000, 90_000), Event::Leave(who))),
            _ => {}
        }
    }
    for _ in 0..rng.below(3) {
        events.push((millis(rng, 5_000, 100_000), Event::StartProcess));
    }
    events.retain(|(at, _)| *at < CALM_AFTER);
    events.extend([(CALM_AFTER, Event::Reconnect), (CALM_AFTER, Event::Accept)]);
    events.sort_by_key(|(at, _)| *at);
    events
}
