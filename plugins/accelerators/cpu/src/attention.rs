//! Keys and values of the tokens so far, and attention over them.

use wide::f32x4;

use crate::math::softmax;

/// Positions of a page. Pages are allocated as the text grows, so a short answer of a model with a long context costs
/// little (46 KB a token for SmolLM2-135M), and no page is ever copied.
const PAGE: usize = 64;
/// Vectors of a head that are summed at a time over all positions: 8 sums stay in registers.
const STRIPE: usize = 8;

/// Sizes of the heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heads {
    /// Heads of queries.
    pub(crate) queries: usize,
    /// Heads of keys and values; each serves `queries / keys` heads of queries.
    pub(crate) keys: usize,
    /// Numbers of a head; a multiple of 32.
    pub(crate) size: usize,
}

/// Keys and values of one layer.
pub(crate) struct Cache {
    heads: Heads,
    len: usize,
    keys: Vec<Box<[f32x4]>>,
    values: Vec<Box<[f32x4]>>,
}

impl Cache {
    pub(crate) fn new(heads: Heads) -> Self {
        Self {
            heads,
            len: 0,
            keys: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Vectors of a position.
    fn width(&self) -> usize {
        self.heads.keys * self.heads.size / 4
    }

    /// Appends the key and value of the next position.
    pub(crate) fn push(&mut self, key: &[f32], value: &[f32]) {
        let width = self.width();
        let at = self.len % PAGE * width;
        for (pages, floats) in [(&mut self.keys, key), (&mut self.values, value)] {
            if self.len.is_multiple_of(PAGE) {
                pages.push(vec![f32x4::ZERO; PAGE * width].into_boxed_slice());
            }
            let page = &mut pages[self.len / PAGE][at..][..width];
            page.iter_mut()
                .zip(floats.as_chunks::<4>().0)
                .for_each(|(v, floats)| *v = f32x4::new(*floats));
        }
        self.len += 1;
    }

    /// Attention of `query` (all heads) over the first `positions`, into `out`. `scores` is scratch space.
    pub(crate) fn attend(
        &self,
        query: &[f32],
        positions: usize,
        scores: &mut Vec<f32>,
        out: &mut [f32],
    ) {
        let Heads {
            queries,
            keys,
            size,
        } = self.heads;
        let scale = f32x4::splat(1.0 / (size as f32).sqrt());
        scores.resize(positions, 0.0);
        for head in 0..queries {
            let query = &query[head * size..][..size];
            let query: Vec<f32x4> = query
                .as_chunks::<4>()
                .0
                .iter()
                .map(|v| f32x4::new(*v) * scale)
                .collect();
            let from = head / (queries / keys) * size / 4;
            for (scores, page) in scores.chunks_mut(PAGE).zip(&self.keys) {
                for (score, key) in scores.iter_mut().zip(page.chunks_exact(self.width())) {
                    *score = dot(&query, &key[from..][..size / 4]);
                }
            }
            softmax(scores);
            let out = &mut out[head * size..][..size];
            for (stripe, out) in out.chunks_exact_mut(STRIPE * 4).enumerate() {
                let sums = self.weighted_sum(scores, from + stripe * STRIPE);
                out.as_chunks_mut::<4>()
                    .0
                    .iter_mut()
                    .zip(sums)
                    .for_each(|(out, sum)| *out = sum.to_array());
            }
        }
    }

    /// Sum over the positions of the weighted values, for [`STRIPE`] vectors from `from`.
    fn weighted_sum(&self, weights: &[f32], from: usize) -> [f32x4; STRIPE] {
        let mut sums = [f32x4::ZERO; STRIPE];
        for (weights, page) in weights.chunks(PAGE).zip(&self.values) {
            for (weight, value) in weights.iter().zip(page.chunks_exact(self.width())) {
                let weight = f32x4::splat(*weight);
                if let Some(values) = value[from..].first_chunk::<STRIPE>() {
                    sums.iter_mut()
                        .zip(values)
                        .for_each(|(sum, value)| *sum += weight * *value);
                }
            }
        }
        sums
    }
}

/// Four sums, because one would wait for itself.
#[inline(always)]
fn dot(a: &[f32x4], b: &[f32x4]) -> f32 {
    let mut sums = [f32x4::ZERO; 4];
    for (a, b) in a.as_chunks::<4>().0.iter().zip(b.as_chunks::<4>().0) {
        for i in 0..4 {
            sums[i] += a[i] * b[i];
        }
    }
    ((sums[0] + sums[1]) + (sums[2] + sums[3])).reduce_add()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attention_matches_its_definition_across_pages() {
        let heads = Heads {
            queries: 4,
            keys: 2,
            size: 32,
        };
        let wave = |i: usize, speed: f32| (i as f32 * speed).sin();
        let positions = PAGE * 2 + 5;
        let keys: Vec<f32> = (0..positions * 64).map(|i| wave(i, 0.7)).collect();
        let values: Vec<f32> = (0..positions * 64).map(|i| wave(i, 1.3)).collect();
        let query: Vec<f32> = (0..128).map(|i| wave(i, 2.1)).collect();
        let mut cache = Cache::new(heads);
        keys.chunks(64)
            .zip(values.chunks(64))
            .for_each(|(k, v)| cache.push(k, v));

        let mut out = vec![0.0; 128];
        cache.attend(&query, positions - 1, &mut Vec::new(), &mut out);
        for head in 0..4 {
            let from = head / 2 * 32;
            let score = |p: usize| -> f32 {
                (0..32)
                    .map(|i| query[head * 32 + i] * keys[p * 64 + from + i])
                    .sum::<f32>()
                    / 32.0_f32.sqrt()
            };
            let weights: Vec<f32> = (0..positions - 1).map(|p| score(p).exp()).collect();
            let total: f32 = weights.iter().sum();
            for i in 0..32 {
                let expected: f32 = weights
                    .iter()
                    .zip(values.chunks(64))
                    .map(|(w, v)| w * v[from + i])
                    .sum();
                assert!((out[head * 32 + i] - expected / total).abs() < 1e-5);
            }
        }
    }
}
