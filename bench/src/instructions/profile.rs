//! Reads the profile that callgrind writes.

use crate::Outcome;
use std::collections::HashSet;
use std::path::Path;

/// The totals of a process.
pub struct Profile {
    pub instructions: u64,
    /// Calls of allocating functions; a reallocation counts as one.
    pub allocations: u64,
}

/// The allocating functions of the C library.
const ALLOCATE: [&str; 5] = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"];

impl Profile {
    /// Reads a profile in the format of valgrind's manual, "Callgrind Format Specification": names
    /// are defined once, as `(number) name`, and then referenced by number.
    pub fn read(path: &Path) -> Outcome<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let (mut instructions, mut allocations) = (None, 0);
        let (mut allocators, mut calls_one) = (HashSet::new(), false);
        for line in text.lines() {
            let name = line.strip_prefix("cfn=").or_else(|| line.strip_prefix("fn="));
            if let Some(name) = name {
                let (number, name) = name.split_once(' ').unwrap_or((name, ""));
                if ALLOCATE.contains(&name) {
                    allocators.insert(number);
                }
                // A call from one allocating function to another is not counted.
                calls_one = line.starts_with('c') && allocators.contains(number);
            } else if let Some(calls) = line.strip_prefix("calls=").filter(|_| calls_one) {
                allocations += calls.split(' ').next().unwrap_or_default().parse::<u64>()?;
            } else if let Some(total) = line.strip_prefix("summary:").or(line.strip_prefix("totals:")) {
                instructions = Some(total.trim().parse()?);
            }
        }
        let instructions = instructions.ok_or_else(|| format!("{} has no total", path.display()))?;
        Ok(Self { instructions, allocations })
    }
}
