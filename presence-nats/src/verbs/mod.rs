//! The methods of the store, one file each.

mod forget;
mod load;
mod put;
mod remember;
mod touch;

pub(crate) use touch::Nodes;
