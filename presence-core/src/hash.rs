//! A hash that is the same in every process and version, unlike the hashes of maps.

/// FNV-1a of a text, started with `seed`. Stored data is located by it, so the result
/// must never change.
pub fn stable(seed: u64, text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325 ^ seed, step)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_hash_matches_the_published_values() {
        assert_eq!(super::stable(0, ""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(super::stable(0, "a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(super::stable(0, "foobar"), 0x8594_4171_f739_67e8);
    }
}
