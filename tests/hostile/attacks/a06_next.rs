//! 6: begins an answer and never returns from `next`.

use hostile::Answer;

fn attack(_: &str) -> Answer {
    hostile::later(|| hostile::spin())
}

hostile::attack!(attack);
