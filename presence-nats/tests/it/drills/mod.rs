//! Drills: while the server fails, no process reports a user as gone who is not, no change is lost,
//! and a view without proof of time is stale. Afterwards everything recovers without intervention.

mod clock;
mod flaps;
mod full;
mod mass;
mod outages;
mod refusals;
mod skew;
mod views;
mod world;
