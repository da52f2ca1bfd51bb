//! What the store promises when its server fails: nobody is seen to leave who did not, no change is
//! lost, a blind view says so, and all of it heals by itself.

mod clock;
mod flaps;
mod full;
mod mass;
mod outages;
mod refusals;
mod skew;
mod views;
mod world;
