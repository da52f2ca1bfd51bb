//! Two instances on one server, publishers on all sides, viewers that come and go, and misfortunes
//! in the middle: every viewer sees each update of its job exactly once and in order.

mod client;

use super::{events_of, updates_of};
use client::{Stream, post};
use parking_lot::Mutex;
use presence_core::broker::EventId;
use presence_core::random;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How many jobs there are, and how many updates each gets before its last.
pub const JOBS: usize = 50;
pub const UPDATES: usize = 20;
pub const VIEWERS: usize = 200;

/// How long the whole may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(4);

/// When the middle is: publishers take some two seconds.
const STRIKES_AFTER: Duration = Duration::from_millis(700);

/// The fault in the middle of a drill.
pub trait Misfortune {
    async fn strike(&self);
}

/// Nothing does.
pub struct Peace;

impl Misfortune for Peace {
    async fn strike(&self) {}
}

/// Tells the foreign services' updates: a `PUBLISH` on a server.
pub trait Foreign: Send + Sync + 'static {
    /// Publishes; it is unknown whether anybody received it.
    fn publish(&self, channel: &str, payload: &str);
}

#[derive(Default)]
pub struct Shown(Mutex<HashSet<(String, usize)>>);

pub struct Drill {
    /// Which steps of which jobs some viewer has seen.
    pub shown: Shown,
    /// The instances that viewers and publishers connect to; a killed one is skipped.
    pub instances: Vec<SocketAddr>,
    pub foreign: Option<Arc<dyn Foreign>>,
    /// The updates that viewers must have seen in the end.
    pub keeps: Keeps,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// Everything.
    All,
    /// All that was acknowledged, and each foreign update once or not at all.
    Acknowledged,
    /// Only the last update: the server loses its data.
    Nothing,
}

/// The events of one viewer: their ids, and the step of the job in each.
struct Seen {
    job: String,
    events: Vec<(EventId, usize)>,
}

impl Drill {
    pub async fn run(self, misfortune: impl Misfortune) {
        let seed = random::u64();
        println!("seed {seed:x}");
        let drill = Arc::new(self);
        let jobs: Vec<String> = (0..JOBS).map(|n| format!("job {seed:x}:{n}*")).collect();
        let acknowledged = Acknowledged::default();
        for job in &jobs {
            drill.tell(job, "pending", 0, &mut rng(seed, 0), &acknowledged).await;
        }
        // A viewer that begins later would begin with the latest: all shall see all.
        let (begun, mut begins) = mpsc::unbounded_channel();
        let viewers: Vec<_> = (0..VIEWERS)
            .map(|n| {
                let (drill, job, begun) = (Arc::clone(&drill), jobs[n % JOBS].clone(), begun.clone());
                tokio::spawn(async move { drill.watch(job, n % 3 == 0, rng(seed, n), begun).await })
            })
            .collect();
        for _ in 0..VIEWERS {
            timeout(PATIENCE, begins.recv()).await.expect("all viewers begin");
        }
        let publishers = (0..JOBS).map(|n| {
            let (drill, job, acknowledged) = (Arc::clone(&drill), jobs[n].clone(), Arc::clone(&acknowledged));
            tokio::spawn(async move { drill.publish(job, rng(seed, VIEWERS + n), acknowledged).await })
        });
        let publishers: Vec<_> = publishers.collect();
        tokio::time::sleep(STRIKES_AFTER).await;
        misfortune.strike().await;
        let all = async {
            for publisher in publishers {
                publisher.await.unwrap();
            }
            let mut seen = Vec::new();
            for viewer in viewers {
                seen.push(viewer.await.unwrap());
            }
            seen
        };
        let seen = timeout(PATIENCE, all).await.expect("every viewer sees the end of its job");
        drill.judge(&seen, &acknowledged.lock());
    }

    /// Tells a job's updates, each to an instance or to the server; then the last one.
    async fn publish(&self, job: String, mut rng: impl FnMut(usize) -> usize, acknowledged: Acknowledged) {
        let mut by_foreign = Vec::new();
        for step in 1..=UPDATES {
            match &self.foreign {
                // Whether it was stored is unknown, and while the server is down it is lost.
                Some(foreign) if rng(3) == 0 => {
                    let (foreign, channel) = (Arc::clone(foreign), format!("job:{job}:updates"));
                    let update = update(&job, "processing", step).to_string();
                    let publish = move || foreign.publish(&channel, &update);
                    tokio::task::spawn_blocking(publish).await.unwrap();
                    by_foreign.push(step);
                }
                _ => self.tell(&job, "processing", step, &mut rng, &acknowledged).await,
            }
            tokio::time::sleep(Duration::from_millis(rng(150) as u64)).await;
        }
        // A foreign update is not acknowledged, and one after the last update is skipped.
        let is_shown = |step| self.shown.0.lock().contains(&(job.clone(), step));
        while self.keeps == Keeps::All && !by_foreign.iter().all(|step| is_shown(*step)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.tell(&job, "completed", 100, &mut rng, &acknowledged).await;
    }

    /// Until an instance takes it; its key makes it one, however often it is sent.
    async fn tell(
        &self,
        job: &str,
        status: &str,
        step: usize,
        rng: &mut impl FnMut(usize) -> usize,
        acknowledged: &Acknowledged,
    ) {
        let (key, body) = (format!("{step}"), update(job, status, step).to_string());
        loop {
            let to = self.instances[rng(self.instances.len())];
            match post(to, &updates_of(job), &key, body.clone()).await {
                Some(202) => break,
                Some(503) | None => tokio::time::sleep(Duration::from_millis(100)).await,
                Some(other) => panic!("{other}"),
            }
        }
        acknowledged.lock().entry(job.to_owned()).or_default().insert(step);
    }

    /// Watches until the last update; a restless viewer disconnects after some events and connects
    /// to any instance.
    async fn watch(
        &self,
        job: String,
        restless: bool,
        mut rng: impl FnMut(usize) -> usize,
        begun: mpsc::UnboundedSender<()>,
    ) -> Seen {
        let mut events: Vec<(EventId, usize)> = Vec::new();
        loop {
            let to = self.instances[rng(self.instances.len())];
            let last = events.last().map(|(id, _)| *id);
            let mut stays = if restless { 1 + rng(5) } else { usize::MAX };
            if let Some(mut stream) = Stream::open(to, &events_of(&job), last).await {
                while stays > 0
                    && let Some((id, update)) = stream.next().await
                {
                    let update: Value = serde_json::from_str(&update).unwrap();
                    assert_eq!(update["jobId"], json!(job));
                    if events.is_empty() {
                        begun.send(()).unwrap();
                    }
                    let step = update["progress"].as_u64().unwrap();
                    let step = usize::try_from(step).unwrap();
                    self.shown.0.lock().insert((job.clone(), step));
                    events.push((id, step));
                    if update["status"] == "completed" {
                        return Seen { job, events };
                    }
                    stays -= 1;
                }
            }
            tokio::time::sleep(Duration::from_millis(rng(40) as u64)).await;
        }
    }

    fn judge(&self, seen_by: &[Seen], acknowledged: &HashMap<String, HashSet<usize>>) {
        let mut of_job: HashMap<&str, &[(EventId, usize)]> = HashMap::new();
        for Seen { job, events } in seen_by {
            let ids: HashSet<EventId> = events.iter().map(|(id, _)| *id).collect();
            assert_eq!(ids.len(), events.len(), "nothing twice: {events:?}");
            for pair in events.windows(2) {
                let ((one, _), (other, _)) = (pair[0], pair[1]);
                let in_order = one.incarnation != other.incarnation || one.number < other.number;
                assert!(in_order, "in order: {events:?}");
            }
            if self.keeps == Keeps::Nothing {
                continue;
            }
            let steps: HashSet<usize> = events.iter().map(|(_, step)| *step).collect();
            assert_eq!(steps.len(), events.len(), "no update was stored twice: {events:?}");
            let all = of_job.entry(job).or_insert(events);
            assert_eq!(*all, events, "all viewers of a job see the same");
            let missing: Vec<_> = acknowledged[job].difference(&steps).collect();
            assert!(missing.is_empty(), "acknowledged and not seen: {missing:?} in {events:?}");
        }
        let (seen, acknowledged) = (
            of_job.values().map(|events| events.len()).sum::<usize>(),
            acknowledged.values().map(HashSet::len).sum::<usize>(),
        );
        println!("{acknowledged} updates were acknowledged, {seen} were seen");
        match self.keeps {
            // The first, the last, and those between.
            Keeps::All => assert_eq!(seen, JOBS * (UPDATES + 2), "foreign updates were seen, too"),
            Keeps::Acknowledged => {}
            Keeps::Nothing => {
                let lives = |seen: &Seen| {
                    seen.events.iter().map(|(id, _)| id.incarnation).collect::<HashSet<_>>().len()
                };
                assert!(seen_by.iter().any(|seen| lives(seen) > 1), "the server did lose what it had");
            }
        }
    }
}

/// Which steps of which jobs were acknowledged.
type Acknowledged = Arc<Mutex<HashMap<String, HashSet<usize>>>>;

fn update(job: &str, status: &str, step: usize) -> Value {
    json!({"jobId": job, "status": status, "progress": step, "stage": "s", "message": "m"})
}

/// Numbers below a bound, the same for the same seed.
fn rng(seed: u64, stream: usize) -> impl FnMut(usize) -> usize + Send + 'static {
    let mut state = seed ^ (stream as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    move |below| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % below as u64).unwrap()
    }
}
