//! Shares one load of a user between all callers that wait for it.

use super::{Inner, in_time};
use crate::Shown;
use crate::status::is_status;
use parking_lot::Mutex;
use presence_core::UserId;
use presence_core::store::{self, BATCH_ENTRIES, Kind, PresenceStore, Session};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch;

/// The result of a load; users without a status are missing.
type Landed = Result<Arc<HashMap<UserId, Arc<Shown>>>, Arc<store::Error>>;

/// The running loads. Bounded by the number of waiting requests.
#[derive(Default)]
pub struct Flights(Mutex<HashMap<UserId, Arc<Flight>>>);

/// One call of the store, for several users.
struct Flight {
    /// Changes that the watch reported since the call began: the response may be older than these.
    changes: Mutex<HashMap<UserId, Session>>,
    landed: watch::Receiver<Option<Landed>>,
}

impl Flights {
    /// Records a change that a running load may not include.
    pub fn record(&self, session: &Session) {
        let flying = self.0.lock();
        if let Some(flight) = flying.get(&session.user) {
            merge(&mut flight.changes.lock(), session);
        }
    }

    /// Joins the running loads of these users. Also returns the load to start for the
    /// others, if any.
    fn join(&self, users: Vec<UserId>) -> (Vec<Arc<Flight>>, Option<Departing>) {
        let (landing, landed) = watch::channel(None);
        let new = Arc::new(Flight { changes: Mutex::default(), landed });
        let (mut joined, mut mine) = (Vec::<Arc<Flight>>::new(), Vec::new());
        let mut flying = self.0.lock();
        for user in users {
            match flying.get(&user) {
                Some(flight) if Arc::ptr_eq(flight, &new) => {}
                Some(flight) if joined.iter().any(|known| Arc::ptr_eq(known, flight)) => {}
                Some(flight) => joined.push(Arc::clone(flight)),
                None => {
                    flying.insert(user.clone(), Arc::clone(&new));
                    mine.push(user);
                }
            }
        }
        let departing = (!mine.is_empty()).then(|| {
            joined.push(Arc::clone(&new));
            Departing { users: mine, flight: new, landing }
        });
        (joined, departing)
    }

    /// Ends a load: later changes are merged into the cache, which contains its result.
    fn end(&self, users: &[UserId], flight: &Flight) -> HashMap<UserId, Session> {
        let mut flying = self.0.lock();
        for user in users {
            flying.remove(user);
        }
        std::mem::take(&mut *flight.changes.lock())
    }
}

/// A load that is about to start.
struct Departing {
    users: Vec<UserId>,
    flight: Arc<Flight>,
    landing: watch::Sender<Option<Landed>>,
}

impl Inner {
    /// Reads users from the store, once for all callers that wait for them. Current
    /// statuses are cached.
    pub(super) async fn load(
        self: &Arc<Self>,
        users: Vec<UserId>,
    ) -> Result<HashMap<UserId, Arc<Shown>>, Arc<store::Error>> {
        let (flights, departing) = self.flights.join(users);
        if let Some(departing) = departing {
            // A task of its own, so that a caller that goes away does not cancel the load for the
            // others.
            tokio::spawn(Arc::clone(self).fly(departing));
        }
        let mut all = HashMap::new();
        for flight in flights {
            let mut landed = flight.landed.clone();
            let landed = landed.wait_for(Option::is_some).await.map(|landed| landed.clone());
            // A load without a result has panicked.
            let Ok(Some(landed)) = landed else {
                return Err(Arc::new(store::Error::new(Kind::Unavailable, "the load was abandoned")));
            };
            all.extend(landed?.iter().map(|(user, shown)| (user.clone(), Arc::clone(shown))));
        }
        Ok(all)
    }

    async fn fly(self: Arc<Self>, Departing { users, flight, landing }: Departing) {
        let shown = |session: Session| (session.user.clone(), Arc::new(Shown::new(session)));
        let loaded = load(&*self.store, &users).await;
        let loaded = loaded.map(|sessions| sessions.into_values().map(shown).collect::<HashMap<_, _>>());
        for shown in loaded.iter().flat_map(HashMap::values) {
            self.keep(shown);
        }
        // From here on, the watch finds the loaded statuses in the cache.
        let changes = self.flights.end(&users, &flight);
        let landed = match loaded {
            Ok(mut loaded) => {
                for mut session in changes.into_values() {
                    if let Some(loaded) = loaded.get(&session.user) {
                        session.merge(loaded.session());
                    }
                    let (user, shown) = shown(session);
                    self.keep(&shown);
                    loaded.insert(user, shown);
                }
                Ok(Arc::new(loaded))
            }
            Err(error) => Err(Arc::new(error)),
        };
        landing.send_replace(Some(landed));
    }
}

/// Reads the status sessions of users from the store.
pub async fn load(store: &dyn PresenceStore, users: &[UserId]) -> store::Result<HashMap<UserId, Session>> {
    let mut held = HashMap::with_capacity(users.len());
    for batch in users.chunks(BATCH_ENTRIES) {
        let facts = in_time(store.load(batch)).await?;
        for session in facts.sessions.iter().filter(|session| is_status(session)) {
            merge(&mut held, session);
        }
    }
    Ok(held)
}

fn merge(known: &mut HashMap<UserId, Session>, session: &Session) {
    match known.get_mut(&session.user) {
        Some(known) => drop(known.merge(session)),
        None => drop(known.insert(session.user.clone(), session.clone())),
    }
}
