//! Every route of a service has a row in the table of costs in SECURITY.md.

use std::fs;
use std::path::Path;

/// The paths that the sources of a service give to its router.
fn routes(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            routes(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let named = text.split(".route(\"").skip(1).filter_map(|rest| rest.split_once('"'));
            found.extend(named.map(|(route, _)| route.to_owned()));
        }
    }
}

#[test]
fn every_route_of_a_service_has_a_row() {
    let table = include_str!("../../../../SECURITY.md").split("## What one request can cost").nth(1).unwrap();
    let services =
        ["active-idle", "chat-gateway", "hub-and-spoke", "job-events", "live", "page-hits", "with-users"];
    for service in services {
        let mut found = Vec::new();
        routes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(service).join("src"), &mut found);
        assert!(!found.is_empty(), "{service} has no routes?");
        for route in found {
            let has_row = table.lines().any(|row| row.starts_with('|') && row.contains(&format!("{route}`")));
            assert!(has_row, "no row for {route} of {service} in SECURITY.md");
        }
    }
}
