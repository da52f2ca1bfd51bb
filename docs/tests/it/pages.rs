//! Each page contains its program. `UPDATE_PAGES=1` writes the programs into their pages.

use cookbook::PROGRAMS;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The longest program of a page, in lines.
const LINES: usize = 60;
const BEGIN: &str = "```rust\n";
const END: &str = "\n```\n";

fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The file of a program.
fn program_of(name: &str) -> PathBuf {
    docs().join("src").join(name.replace('-', "_")).with_extension("rs")
}

/// The names of the files with this ending in a folder.
fn names(folder: &Path, ending: &str) -> BTreeSet<String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    files.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect()
}

#[test]
fn a_page_shows_its_program_as_it_is() {
    for (name, _) in PROGRAMS {
        let path = docs().join(format!("{name}.md"));
        let (page, program) = (read(&path), read(&program_of(name)));
        let from = page.find(BEGIN).map(|at| at + BEGIN.len());
        let from = from.unwrap_or_else(|| panic!("docs/{name}.md shows no program"));
        let to = from + page[from..].find(END).expect("a block ends") + 1;
        if page[from..to] != program {
            assert!(
                std::env::var_os("UPDATE_PAGES").is_some(),
                "docs/{name}.md shows another program than there is in docs/src: \
                 UPDATE_PAGES=1 cargo test -p cookbook pages"
            );
            fs::write(&path, format!("{}{program}{}", &page[..from], &page[to..])).unwrap();
        }
    }
}

#[test]
fn a_program_is_short_and_every_page_has_one() {
    let programs: BTreeSet<_> = PROGRAMS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut modules = names(&docs().join("src"), ".rs");
    assert!(modules.remove("lib") && modules.remove("main"));
    assert_eq!(modules, programs.iter().map(|name| name.replace('-', "_")).collect());
    let mut pages = names(&docs(), ".md");
    assert!(pages.remove("README"));
    assert_eq!(pages, programs);
    for name in programs {
        let lines = read(&program_of(&name)).lines().count();
        assert!(lines <= LINES, "{name} has {lines} lines");
    }
}

#[test]
fn every_page_is_linked_and_no_link_is_broken() {
    let index = read(&docs().join("README.md"));
    for (name, _) in PROGRAMS {
        assert!(index.contains(&format!("({name}.md)")), "docs/README.md does not link {name}.md");
    }
    let root = docs().join("..");
    let pages = names(&docs(), ".md").into_iter().map(|name| docs().join(format!("{name}.md")));
    for page in pages.chain([root.join("README.md")]) {
        for link in read(&page).split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next()) {
            if !link.is_empty() && !link.starts_with("http") {
                let target = page.parent().unwrap().join(link);
                assert!(target.exists(), "{} links {link}, which is not there", page.display());
            }
        }
    }
}
