//! What an entry of the configuration lets a plugin do, in words.

use types::config::Plugin;

/// Prints a line for each thing that the plugin could do, and what it could use.
pub(crate) fn print(entry: &Plugin) {
    for power in entry.grant.powers() {
        println!("  {power}");
    }
    let limits = &entry.limits;
    println!(
        "  within {} of memory and {:?} a call, {} calls at a time",
        limits.memory, limits.deadline, limits.concurrency
    );
}
