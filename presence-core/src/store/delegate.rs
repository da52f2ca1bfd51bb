//! A macro that implements the store trait by calling another store.

/// Implements all methods of [`PresenceStore`](crate::PresenceStore) by calling the same methods of
/// another store. It returns the futures of that store without boxing them again.
///
/// Use it in an `impl` block. `delegate_store!(@but_watch |wrapper| wrapper.store)` leaves out
/// `watch`, for a wrapper that changes it. A wrapper that changes other methods has to write out the
/// whole trait.
///
/// ```
/// use presence_core::testing::conformance::ReferenceStore;
/// use presence_core::store::{Coalesce, PresenceStore};
///
/// struct Batching(Coalesce<ReferenceStore>);
///
/// impl PresenceStore for Batching {
///     presence_core::delegate_store!(|batching| batching.0);
/// }
/// ```
#[macro_export]
macro_rules! delegate_store {
    (|$this:ident| $store:expr) => {
        $crate::delegate_store!(@but_watch |$this| $store);
        $crate::delegate_store!(@watch |$this| $store);
    };
    (@but_watch |$this:ident| $store:expr) => {
        fn touch_now(
            &self,
            touches: &[$crate::store::Touch],
        ) -> ::std::option::Option<$crate::store::Result<$crate::store::Misses>> {
            let $this = self;
            $crate::PresenceStore::touch_now(&$store, touches)
        }

        $crate::delegate_store!(@batch |$this| $store, put($crate::store::Session) -> ());
        $crate::delegate_store!(@batch |$this| $store, touch($crate::store::Touch) -> $crate::store::Misses);
        $crate::delegate_store!(@batch |$this| $store, load($crate::UserId) -> $crate::store::Facts);
        $crate::delegate_store!(@others |$this| $store);
    };
    (@but_put_touch_and_load |$this:ident| $store:expr) => {
        $crate::delegate_store!(@others |$this| $store);
        $crate::delegate_store!(@watch |$this| $store);
    };
    (@watch |$this:ident| $store:expr) => {
        fn watch(&self) -> $crate::store::BoxStream<'static, $crate::store::FeedEvent> {
            let $this = self;
            $crate::PresenceStore::watch(&$store)
        }
    };
    // All methods but `put`, `touch`, `load` and `watch`.
    (@others |$this:ident| $store:expr) => {
        fn shards(&self) -> u16 {
            let $this = self;
            $crate::PresenceStore::shards(&$store)
        }

        fn shard_of(&self, user: &$crate::UserId) -> u16 {
            let $this = self;
            $crate::PresenceStore::shard_of(&$store, user)
        }

        $crate::delegate_store!(@batch |$this| $store, remember($crate::store::UserRecord) -> ());
        $crate::delegate_store!(@batch |$this| $store, forget($crate::store::ForgetIf) -> ());

        fn now<'a, 'async_trait>(
            &'a self,
        ) -> $crate::store::BoxFuture<'async_trait, $crate::store::Result<$crate::Timestamp>>
        where
            'a: 'async_trait,
            Self: 'async_trait,
        {
            let $this = self;
            $crate::PresenceStore::now(&$store)
        }
    };
    // A method that takes a batch, with the signature that `async_trait` generates.
    (@batch |$this:ident| $store:expr, $verb:ident($entry:ty) -> $answer:ty) => {
        fn $verb<'a, 'b, 'async_trait>(
            &'a self,
            batch: &'b [$entry],
        ) -> $crate::store::BoxFuture<'async_trait, $crate::store::Result<$answer>>
        where
            'a: 'async_trait,
            'b: 'async_trait,
            Self: 'async_trait,
        {
            let $this = self;
            $crate::PresenceStore::$verb(&$store, batch)
        }
    };
}
