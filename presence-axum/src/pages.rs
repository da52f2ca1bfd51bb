//! Rendered pages of lists, kept until their scope changes.

use crate::recent::Recent;
use crate::wire::ListBody;
use bytes::Bytes;
use parking_lot::Mutex;
use presence_core::{Page, Revision, Scope, ScopeView, UserId};

/// The pages that were requested last, each with the revision of its scope. A page of a scope that
/// has changed is rendered anew.
///
/// What a page shows does not depend on the caller; the caller's rights are checked before.
pub(crate) struct Pages(Mutex<Recent<Key, (Revision, Bytes)>>);

/// A page: its scope, the user that it follows, and its limit.
type Key = (Scope, Option<UserId>, usize);

/// The most bytes of all pages together.
const MOST: usize = 8 * 1024 * 1024;
/// What an entry takes besides its text: the key with its names, and its place in the map.
const ENTRY: usize = 256;

impl Default for Pages {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(MOST)))
    }
}

impl Pages {
    /// The JSON of a page: [`ListBody`].
    pub(crate) fn page(&self, scope: &ScopeView, page: &Page) -> serde_json::Result<Bytes> {
        let render = || ListBody::of(&scope.list(page), scope.counts()).text();
        // Taken before the members are read: the page may be newer than its revision, but not older.
        let Some(revision) = scope.revision() else { return render() };
        let key = (scope.scope().clone(), page.after.clone(), page.limit);
        if let Some((at, text)) = self.0.lock().get(&key)
            && at == revision
        {
            return Ok(text);
        }
        let text = render()?;
        let weight =
            ENTRY + text.len() + name_of(&key.0) + key.1.as_ref().map_or(0, |user| user.as_str().len());
        self.0.lock().insert(key, (revision, text.clone()), weight);
        Ok(text)
    }
}

fn name_of(scope: &Scope) -> usize {
    match scope {
        Scope::Topic(topic) => topic.as_str().len(),
        // A view is of everyone or of a topic.
        Scope::All | Scope::Users(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use presence_core::{Beat, Leave, Presence, Status, Topic, Topics};
    use presence_memory::MemoryStore;
    use serde_json::Value;
    use std::sync::Arc;

    async fn presence() -> Presence {
        let presence = Presence::builder(Arc::new(MemoryStore::new())).start().unwrap();
        presence.ready().await;
        presence
    }

    fn beat(user: &str) -> Beat {
        let topics = Topics::new(["room".parse().unwrap()]).unwrap();
        Beat::enter(user.parse().unwrap(), user.parse().unwrap()).topics(topics)
    }

    fn users(text: &Bytes) -> Vec<String> {
        let page: Value = serde_json::from_slice(text).unwrap();
        let row =
            |row: &Value| format!("{} {}", row["user"].as_str().unwrap(), row["status"].as_str().unwrap());
        page["users"].as_array().unwrap().iter().map(row).collect()
    }

    #[tokio::test]
    async fn a_page_is_kept_until_its_scope_changes() {
        let (presence, pages) = (presence().await, Pages::default());
        let room: Topic = "room".parse().unwrap();
        let page = || pages.page(&presence.topic(&room), &Page::default()).unwrap();
        assert!(users(&page()).is_empty());
        presence.beat(beat("ada")).await.unwrap();
        let kept = page();
        assert_eq!(users(&kept), ["ada online"]);
        // A renewal changes nothing, nor does somebody elsewhere.
        presence.beat(Beat::renew("ada".parse().unwrap(), "ada".parse().unwrap())).await.unwrap();
        presence.beat(Beat::enter("bob".parse().unwrap(), "bob".parse().unwrap())).await.unwrap();
        assert_eq!(page().as_ptr(), kept.as_ptr());
        presence.beat(beat("bob")).await.unwrap();
        assert_eq!(users(&page()), ["ada online", "bob online"]);
        presence.beat(beat("ada").declares(Status::Busy)).await.unwrap();
        assert_eq!(users(&page()), ["ada busy", "bob online"]);
        let leave = Leave::new("ada".parse().unwrap(), "ada".parse().unwrap());
        presence.leave(leave.immediately()).await.unwrap();
        assert_eq!(users(&page()), ["bob online"]);
    }

    #[tokio::test]
    async fn pages_of_other_scopes_cursors_and_limits_are_others() {
        let (presence, pages) = (presence().await, Pages::default());
        for user in ["ada", "bob", "cy"] {
            presence.beat(beat(user)).await.unwrap();
        }
        presence.beat(Beat::enter("dee".parse().unwrap(), "dee".parse().unwrap())).await.unwrap();
        let (room, all) = (presence.topic(&"room".parse().unwrap()), presence.everyone());
        for _ in 0..2 {
            let names = |scope, page: Page| users(&pages.page(scope, &page).unwrap()).len();
            assert_eq!(names(&room, Page::default()), 3);
            assert_eq!(names(&all, Page::default()), 4);
            assert_eq!(names(&room, Page::default().limit(2)), 2);
            assert_eq!(names(&room, Page::default().limit(2).after("bob".parse::<UserId>().unwrap())), 1);
        }
    }

    #[tokio::test]
    async fn the_bytes_of_all_pages_are_bounded() {
        const BOUND: usize = 4_096;
        let (presence, pages) = (presence().await, Pages(Mutex::new(Recent::new(BOUND))));
        presence.beat(beat("ada")).await.unwrap();
        let everyone = presence.everyone();
        for n in 0..100 {
            let after: UserId = format!("a{}", "x".repeat(n)).parse().unwrap();
            pages.page(&everyone, &Page::default().after(after)).unwrap();
            assert!(pages.0.lock().weight() <= BOUND);
        }
        assert!(pages.0.lock().weight() > BOUND / 4);
    }
}
