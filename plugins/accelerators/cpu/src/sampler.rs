//! Which token comes next.

use evenhand_sdk::tensors::Sampling;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::error::Error;

/// Where the request has none: what the authors of SmolLM2-135M-Instruct recommend on its model card.
const DEFAULT_TEMPERATURE: f32 = 0.2;
/// From the same place.
const DEFAULT_TOP_P: f32 = 0.9;
/// Candidates that are sorted at first; nearly always enough, and much cheaper than to sort 49,152.
const FIRST_CANDIDATES: usize = 64;

/// Chooses tokens.
pub(crate) struct Sampler {
    temperature: f32,
    top_p: f64,
    top_k: usize,
    random: ChaCha8Rng,
    /// Weights, which are probabilities but for a factor, and tokens. Kept for its memory only.
    candidates: Vec<(f32, u32)>,
}

impl Sampler {
    pub(crate) fn new(sampling: &Sampling) -> Result<Self, Error> {
        let temperature = sampling.temperature.unwrap_or(DEFAULT_TEMPERATURE);
        if !(temperature >= 0.0 && temperature.is_finite()) {
            return Err(Error::Request(format!(
                "temperature is {temperature}, not 0 or more"
            )));
        }
        let top_p = sampling.top_p.unwrap_or(DEFAULT_TOP_P);
        if !(0.0..=1.0).contains(&top_p) {
            return Err(Error::Request(format!("top_p is {top_p}, not from 0 to 1")));
        }
        if sampling.top_k == Some(0) {
            return Err(Error::Request("top_k is 0, not 1 or more".into()));
        }
        let seed = match sampling.seed {
            Some(seed) => seed,
            None => getrandom::u64().map_err(Error::internal)?,
        };
        Ok(Self {
            temperature,
            top_p: f64::from(top_p),
            top_k: sampling.top_k.map_or(usize::MAX, |k| k as usize),
            random: ChaCha8Rng::seed_from_u64(seed),
            candidates: Vec::new(),
        })
    }

    /// The next token. Of equals the one with the smaller number counts as likelier.
    pub(crate) fn next(&mut self, logits: &[f32]) -> u32 {
        let first = (f32::NEG_INFINITY, 0);
        let (largest, likeliest) =
            (0..).zip(logits).fold(
                first,
                |best, (id, logit)| if *logit > best.0 { (*logit, id) } else { best },
            );
        if self.temperature == 0.0 || self.top_k == 1 {
            return likeliest;
        }
        let weight = |logit: f32| libm::expf((logit - largest) / self.temperature);
        self.candidates.clear();
        self.candidates
            .extend(logits.iter().map(|logit| weight(*logit)).zip(0..));
        if self.top_k < logits.len() {
            self.sort_first(self.top_k);
            self.candidates.truncate(self.top_k);
        }
        if self.top_p < 1.0 {
            self.cut_to_top_p();
        }
        // 53 bits: as many as an f64 holds.
        let share = (self.random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let mut left = share * mass(&self.candidates);
        let chosen = self.candidates.iter().find(|(weight, _)| {
            left -= f64::from(*weight);
            left < 0.0
        });
        chosen.map_or(likeliest, |(_, id)| *id)
    }

    /// Leaves the fewest of the likeliest candidates that have the wanted mass.
    fn cut_to_top_p(&mut self) {
        let wanted = self.top_p * mass(&self.candidates);
        let mut sorted = FIRST_CANDIDATES;
        loop {
            sorted = sorted.min(self.candidates.len());
            self.sort_first(sorted);
            let mut sum = 0.0;
            let enough = self.candidates[..sorted].iter().position(|(weight, _)| {
                sum += f64::from(*weight);
                sum >= wanted
            });
            match enough {
                Some(last) => return self.candidates.truncate(last + 1),
                None if sorted == self.candidates.len() => return,
                None => sorted *= 8,
            }
        }
    }

    /// Puts the `count` likeliest candidates first, in order.
    fn sort_first(&mut self, count: usize) {
        let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if count < self.candidates.len() {
            self.candidates.select_nth_unstable_by(count, order);
        }
        self.candidates[..count].sort_unstable_by(order);
    }
}

fn mass(candidates: &[(f32, u32)]) -> f64 {
    candidates
        .iter()
        .map(|(weight, _)| f64::from(*weight))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(sampling: Sampling, logits: &[f32], times: usize) -> Vec<u32> {
        let mut sampler = Sampler::new(&sampling).unwrap();
        (0..times).map(|_| sampler.next(logits)).collect()
    }

    fn warm(seed: u64) -> Sampling {
        Sampling {
            temperature: Some(1.0),
            top_p: Some(1.0),
            seed: Some(seed),
            ..Sampling::default()
        }
    }

    #[test]
    fn zero_temperature_takes_the_likeliest_and_the_first_of_equals() {
        let cold = Sampling {
            temperature: Some(0.0),
            ..Sampling::default()
        };
        assert_eq!(sample(cold, &[1.0, 3.0, 3.0, -1.0], 3), [1, 1, 1]);
    }

    #[test]
    fn a_seed_repeats_and_another_differs() {
        let logits: Vec<f32> = (0..1000).map(|i| (i % 17) as f32 * 0.1).collect();
        assert_eq!(sample(warm(7), &logits, 20), sample(warm(7), &logits, 20));
        assert_ne!(sample(warm(7), &logits, 20), sample(warm(8), &logits, 20));
        let chance = Sampling {
            seed: None,
            ..warm(0)
        };
        assert_ne!(
            sample(chance.clone(), &logits, 20),
            sample(chance, &logits, 20)
        );
    }

    #[test]
    fn frequencies_follow_the_probabilities() {
        let logits = [0.5_f32.ln(), 0.3_f32.ln(), 0.2_f32.ln()];
        let mut counts = [0; 3];
        sample(warm(1), &logits, 10_000)
            .into_iter()
            .for_each(|id| counts[id as usize] += 1);
        for (count, expected) in counts.into_iter().zip([5000, 3000, 2000]) {
            assert!(i32::abs(count - expected) < 200, "{counts:?}");
        }
    }

    #[test]
    fn top_k_and_top_p_leave_only_the_likeliest() {
        let logits: Vec<f32> = (0..500).map(|i| i as f32 * 0.001).collect();
        let top_k = Sampling {
            top_k: Some(100),
            ..warm(2)
        };
        assert!(sample(top_k, &logits, 2000).into_iter().all(|id| id >= 400));
        // Nearly equal probabilities: a tenth of the mass is a tenth of the tokens, give or take.
        let top_p = Sampling {
            top_p: Some(0.1),
            ..warm(3)
        };
        let seen = sample(top_p, &logits, 2000);
        assert!(
            seen.iter().all(|id| *id >= 455) && seen.iter().any(|id| *id < 470),
            "{:?}",
            seen.iter().min()
        );
    }

    #[test]
    fn values_that_make_no_sense_are_refused() {
        for wrong in [
            Sampling {
                temperature: Some(-1.0),
                ..Sampling::default()
            },
            Sampling {
                temperature: Some(f32::NAN),
                ..Sampling::default()
            },
            Sampling {
                top_p: Some(1.5),
                ..Sampling::default()
            },
            Sampling {
                top_k: Some(0),
                ..Sampling::default()
            },
        ] {
            assert!(
                matches!(Sampler::new(&wrong), Err(Error::Request(_))),
                "{wrong:?}"
            );
        }
    }
}
