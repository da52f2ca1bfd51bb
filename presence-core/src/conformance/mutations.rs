//! Mutated inputs: nearly valid bytes, for testing parsers of foreign data.

use super::Rng;
use std::ops::Range;

/// Number of mutated inputs, unless `PRESENCE_SEEDS` is set.
const INPUTS: u64 = 4_000;
/// Most edits per input.
const EDITS: u64 = 8;
/// Bytes with a special meaning in text formats.
const SPECIAL: &[u8] = b"\0\t\n\r \"',-./0019:=[\\]{}~\x7f\x80\xc3\xff";

/// Calls `read` with each example, and then with examples in which a few bytes were changed,
/// removed, repeated or copied from another example.
///
/// `read` returns whether it accepted the input. Each example must be accepted, since mutations of
/// an invalid one would test nothing.
///
/// For parsers of data from other processes, servers and clients: they must not panic on any bytes,
/// and `read` should check their properties. The inputs are the same in each run. A failure prints
/// the seed of its input: `PRESENCE_SEED=n` tries that one alone, `PRESENCE_SEEDS=n` the first n
/// (4,000 by default).
///
/// ```
/// use presence_core::Topic;
/// use presence_core::testing::conformance::mutations;
///
/// mutations(&[b"lobby", b"/pricing?plan=2"], |bytes| {
///     let Ok(text) = std::str::from_utf8(bytes) else { return false };
///     let topic = Topic::new(text);
///     topic.is_ok_and(|topic| topic.as_str() == text)
/// });
/// ```
///
/// # Panics
/// If `read` panics or refuses an example, or if there are no examples.
pub fn mutations(examples: &[&[u8]], read: impl FnMut(&[u8]) -> bool) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("PRESENCE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("PRESENCE_SEEDS").unwrap_or(INPUTS),
    };
    mutations_of(examples, seeds, read);
}

fn mutations_of(examples: &[&[u8]], seeds: Range<u64>, mut read: impl FnMut(&[u8]) -> bool) {
    assert!(!examples.is_empty(), "there must be an example to change");
    for input in examples {
        let guard = PrintOnPanic { seed: None, input };
        assert!(read(input), "an example must be taken");
        std::mem::forget(guard);
    }
    for seed in seeds {
        let input = mutated(examples, seed);
        let guard = PrintOnPanic { seed: Some(seed), input: &input };
        read(&input);
        std::mem::forget(guard);
    }
}

/// Prints the failing input if a reader panics.
struct PrintOnPanic<'a> {
    /// `None` for an unmodified example.
    seed: Option<u64>,
    input: &'a [u8],
}

impl Drop for PrintOnPanic<'_> {
    fn drop(&mut self) {
        eprint!("on \"{}\"", self.input.escape_ascii());
        match self.seed {
            Some(seed) => eprintln!("; PRESENCE_SEED={seed} shows it again"),
            None => eprintln!(", an example"),
        }
    }
}

fn mutated(examples: &[&[u8]], seed: u64) -> Vec<u8> {
    let mut rng = Rng::seeded(seed);
    let mut input = examples[rng.index(examples.len())].to_vec();
    for _ in 0..=rng.below(EDITS) {
        let (from, to) = range(&mut rng, input.len());
        match rng.below(6) {
            0 => drop(input.drain(from..to)),
            1 => input.truncate(from),
            2 => {
                let repeated = input[from..to].to_vec();
                input.splice(to..to, repeated);
            }
            3 => {
                let other = examples[rng.index(examples.len())];
                let (start, end) = range(&mut rng, other.len());
                input.splice(from..to, other[start..end].iter().copied());
            }
            4 => input.insert(from, SPECIAL[rng.index(SPECIAL.len())]),
            _ => {
                let byte = rng.next().to_le_bytes()[0];
                input.splice(from..to.min(from + 1), [byte]);
            }
        }
    }
    input
}

/// A random range within `len`, mostly a short one.
fn range(rng: &mut Rng, len: usize) -> (usize, usize) {
    let from = rng.index(len + 1);
    let most = if rng.one_in(4) { len } else { len.min(4) };
    (from, (from + rng.index(most + 1)).min(len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn inputs_are_the_examples_and_many_mutations_of_them() {
        let (mut inputs, examples) = (Vec::new(), [&b"one example"[..], b"another"]);
        mutations_of(&examples, 0..INPUTS, |input| {
            inputs.push(input.to_vec());
            true
        });
        assert_eq!(inputs[..2], examples);
        let different: HashSet<_> = inputs.iter().collect();
        assert!(different.len() > inputs.len() / 2, "{} of {}", different.len(), inputs.len());
        assert!(inputs.iter().all(|input| input.len() < 4_096), "inputs stay short");
    }

    #[test]
    fn a_seed_reproduces_its_input() {
        let examples = [&b"{\"a\":1}"[..]];
        assert_eq!(mutated(&examples, 7), mutated(&examples, 7));
        assert_ne!(mutated(&examples, 7), mutated(&examples, 8));
    }

    #[test]
    #[should_panic(expected = "found")]
    fn a_reader_that_panics_on_a_rare_byte_is_caught() {
        mutations_of(&[b"harmless"], 0..INPUTS, |input| {
            assert!(!input.contains(&b'\xff'), "found");
            true
        });
    }

    #[test]
    #[should_panic(expected = "an example must be taken")]
    fn an_example_that_the_reader_does_not_accept_is_caught() {
        mutations_of(&[b"taken", b"refused"], 0..INPUTS, |input| input == b"taken");
    }
}
