//! 2: takes so many MiB as the last message says, and touches them. Other memories stand beside its own: `a02_beside.wat`.

use hostile::Answer;

fn attack(said: &str) -> Answer {
    let mib: usize = said.parse().unwrap_or(1 << 10);
    let taken = std::hint::black_box(vec![1_u8; mib << 20]);
    hostile::says(&taken.len().to_string())
}

hostile::attack!(attack);
