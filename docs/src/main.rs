//! Runs a program of the cookbook: `cargo run -p cookbook rooms`.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let program = cookbook::PROGRAMS.iter().find(|(name, _)| *name == wanted);
    let (_, main) = program.ok_or_else(|| {
        let names = cookbook::PROGRAMS.map(|(name, _)| name);
        format!("which program? {}", names.join(", "))
    })?;
    main()
}
