//! The list of cases is complete, and every clause of the contract has a case.

const AREAS: [&str; 10] = [
    include_str!("../clock.rs"),
    include_str!("../errors.rs"),
    include_str!("../forget.rs"),
    include_str!("../histories.rs"),
    include_str!("../isolation.rs"),
    include_str!("../load.rs"),
    include_str!("../put.rs"),
    include_str!("../touch.rs"),
    include_str!("../users.rs"),
    include_str!("../watch.rs"),
];

fn cases() -> impl Iterator<Item = &'static str> {
    let after = AREAS.into_iter().flat_map(|area| area.split("\npub async fn ").skip(1));
    after.filter_map(|text| text.split_once('<').map(|(name, _)| name))
}

#[test]
fn every_case_is_in_the_list() {
    let listed: Vec<_> =
        include_str!("../macros.rs").lines().filter_map(|line| line.trim().split_once("::")).collect();
    for case in cases() {
        assert!(listed.iter().any(|(_, listed)| *listed == case), "{case} is not in the list");
    }
    assert!(cases().count() > 40);
}

#[test]
fn every_clause_of_the_contract_has_a_case() {
    let contract = include_str!("../../store/mod.rs");
    let clauses = contract.lines().filter_map(|line| line.strip_prefix("/// | ")?.split_once(" | "));
    let clauses: Vec<_> = clauses.map(|(clause, _)| clause).filter(|clause| *clause != "clause").collect();
    assert!(clauses.len() > 15);
    for clause in clauses {
        let prefix = format!("{}_", clause.to_lowercase());
        assert!(cases().any(|case| case.starts_with(&prefix)), "{clause} has no case");
    }
}
