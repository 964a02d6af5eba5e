//! Functions on vectors between two matrix products.
//!
//! None of them depends on the platform's C library, so that native tests and the component agree to the bit.

use wide::f32x4;

/// `out = input / rms(input) * weight`, for one token.
pub(crate) fn rms_norm(input: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    let vectors = input.as_chunks::<4>().0;
    let squares = vectors
        .iter()
        .fold(f32x4::ZERO, |sum, v| sum + f32x4::new(*v) * f32x4::new(*v));
    let mean = squares.reduce_add() / input.len() as f32;
    let scale = 1.0 / (mean + epsilon).sqrt();
    for ((out, input), weight) in out.iter_mut().zip(input).zip(weight) {
        *out = input * scale * weight;
    }
}

/// `sum += addend`
pub(crate) fn add(sum: &mut [f32], addend: &[f32]) {
    for (sum, addend) in sum.iter_mut().zip(addend) {
        *sum += addend;
    }
}

/// `gate = silu(gate) * up`. The length must be a multiple of four.
pub(crate) fn swiglu(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate
        .as_chunks_mut::<4>()
        .0
        .iter_mut()
        .zip(up.as_chunks::<4>().0)
    {
        let x = f32x4::new(*gate);
        *gate = (x / (f32x4::ONE + exp(-x)) * f32x4::new(*up)).to_array();
    }
}

/// Turns scores into weights that sum to one.
pub(crate) fn softmax(scores: &mut [f32]) {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    let (fours, rest) = scores.as_chunks_mut::<4>();
    let mut sums = f32x4::ZERO;
    for four in fours {
        let weights = exp(f32x4::new(*four) - f32x4::splat(largest));
        sums += weights;
        *four = weights.to_array();
    }
    for score in &mut *rest {
        *score = exp(f32x4::splat(*score - largest)).to_array()[0];
        sum += *score;
    }
    let scale = 1.0 / (sum + sums.reduce_add());
    scores.iter_mut().for_each(|weight| *weight *= scale);
}

/// e^x. Below −87 the result is no normal number any more, above 88 it is infinite; both are cut there.
fn exp(x: f32x4) -> f32x4 {
    x.max(f32x4::splat(-87.0)).min(f32x4::splat(88.0)).exp()
}

/// Angles of rotary position embeddings.
pub(crate) struct Rope {
    /// Radians per position of each pair of a head.
    frequencies: Vec<f64>,
}

impl Rope {
    pub(crate) fn new(head: usize, base: f32) -> Self {
        let frequency = |pair: usize| libm::pow(f64::from(base), -2.0 * pair as f64 / head as f64);
        Self {
            frequencies: (0..head / 2).map(frequency).collect(),
        }
    }

    /// Cosine and sine of each pair at `position`.
    pub(crate) fn angles(&self, position: usize) -> impl Iterator<Item = [f32; 2]> + '_ {
        self.frequencies.iter().map(move |frequency| {
            let (sin, cos) = libm::sincos(frequency * position as f64);
            [cos as f32, sin as f32]
        })
    }
}

/// Rotates each head of `heads`; GGUF keeps the two numbers of a pair next to each other.
pub(crate) fn rotate(heads: &mut [f32], angles: &[[f32; 2]]) {
    for head in heads.chunks_exact_mut(angles.len() * 2) {
        for ([a, b], [cos, sin]) in head.as_chunks_mut::<2>().0.iter_mut().zip(angles) {
            (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_close_to_the_exact_one() {
        for i in -870..=880 {
            let x = i as f32 / 10.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(f32x4::splat(x)).to_array()[0]) - exact).abs() / exact;
            assert!(error < 5e-7, "exp({x}) is off by {error}");
        }
    }

    #[test]
    fn softmax_sums_to_one_at_any_length() {
        for length in [1, 3, 4, 9] {
            let mut scores: Vec<f32> = (0..length).map(|i| i as f32 * 3.0 - 200.0).collect();
            softmax(&mut scores);
            assert!(
                (scores.iter().sum::<f32>() - 1.0).abs() < 1e-6,
                "{scores:?}"
            );
            assert!(scores.is_sorted());
        }
    }

    #[test]
    fn norm_and_swiglu_match_their_definitions() {
        let mut out = [0.0; 4];
        rms_norm(&[1.0, -2.0, 3.0, 4.0], &[1.0, 1.0, 2.0, 0.0], 0.0, &mut out);
        let rms = 7.5_f32.sqrt();
        for (out, expected) in out.iter().zip([1.0 / rms, -2.0 / rms, 6.0 / rms, 0.0]) {
            assert!((out - expected).abs() < 1e-6);
        }

        let mut gate = [0.0, 1.0, -100.0, 100.0];
        swiglu(&mut gate, &[5.0, 2.0, 1.0, 1.0]);
        for (out, expected) in gate
            .iter()
            .zip([0.0, 2.0 / (1.0 + (-1.0_f32).exp()), 0.0, 100.0])
        {
            assert!((out - expected).abs() < 1e-5, "{out} {expected}");
        }
    }

    #[test]
    fn rotation_keeps_lengths_and_is_none_at_position_zero() {
        let rope = Rope::new(8, 10_000.0);
        let mut head = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        rotate(&mut head, &rope.angles(0).collect::<Vec<_>>());
        assert_eq!(head, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        rotate(&mut head, &rope.angles(1).collect::<Vec<_>>());
        assert!((head[0] - (1.0_f32.cos() - 2.0 * 1.0_f32.sin())).abs() < 1e-6);
        assert!((head.iter().map(|x| x * x).sum::<f32>() - 204.0).abs() < 1e-3);
    }
}
