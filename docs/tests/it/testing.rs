//! `docs/testing.md`: the program is a test.

#[test]
fn minutes_pass_in_no_time() {
    cookbook::testing::main().unwrap();
}
