//! 1: computes without end.

use hostile::Answer;

fn attack(_: &str) -> Answer {
    hostile::spin()
}

hostile::attack!(attack);
