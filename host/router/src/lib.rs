//! Which targets serve a call: pure functions of the configuration. No vendor is known here, so none can be preferred.

#![deny(missing_docs)]

use types::config::{Config, Policy, Route, Target};

/// Fewer than this share of equal letters is no near miss.
const NEAR: f64 = 0.6;

/// Most names that an error suggests.
const SUGGESTIONS: usize = 3;

/// The targets of a model's name, in the order in which they are tried; none where the name is unknown. `draw` gives a number
/// from 0 up to, not including, its argument; it is asked by weighted routes only.
pub fn targets(config: &Config, model: &str, draw: impl FnMut(u64) -> u64) -> Vec<Target> {
    if let Some(route) = config.routes.iter().find(|route| route.model == model) {
        let order = match route.policy {
            Policy::Priority => (0..route.targets.len()).collect(),
            Policy::Weighted => weighted(route, draw),
        };
        return order
            .into_iter()
            .map(|i| route.targets[i].model.clone())
            .collect();
    }
    let target = model.parse::<Target>().ok();
    target
        .filter(|target| {
            config
                .plugins
                .iter()
                .any(|plugin| plugin.name == target.plugin)
        })
        .into_iter()
        .collect()
}

/// Draws one target after the other, each by its weight among those that are left. A weight of 0 comes last.
fn weighted(route: &Route, mut draw: impl FnMut(u64) -> u64) -> Vec<usize> {
    let weight = |i: &usize| u64::from(route.targets[*i].weight);
    let mut left: Vec<usize> = (0..route.targets.len()).collect();
    let mut order = Vec::with_capacity(left.len());
    loop {
        let sum: u64 = left.iter().map(weight).sum();
        if sum == 0 {
            order.append(&mut left);
            return order;
        }
        let mut point = draw(sum);
        let chosen = left.iter().position(|i| {
            let here = point < weight(i);
            point = point.saturating_sub(weight(i));
            here
        });
        order.push(left.remove(chosen.unwrap_or(0)));
    }
}

/// The names most like one that is unknown, the nearest first.
pub fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let short = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let mut scored: Vec<(f64, f64, &str)> = names
        .map(|name| {
            let lower = name.to_lowercase();
            let whole = strsim::jaro_winkler(&wanted, &lower);
            // Who forgets the plugin's name means the model's; among the same models of several plugins, the nearest whole name.
            let score = whole.max(strsim::jaro_winkler(&short(&wanted), &short(&lower)));
            (score, whole, name)
        })
        .filter(|(score, ..)| *score >= NEAR)
        .collect();
    scored.sort_by(|a, b| {
        let by_score = b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1));
        by_score.then(a.2.cmp(b.2))
    });
    scored.dedup_by(|a, b| a.2 == b.2);
    scored
        .into_iter()
        .take(SUGGESTIONS)
        .map(|(.., name)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn config(policy: &str, weights: &[u32]) -> Config {
        let targets: Vec<String> = weights
            .iter()
            .enumerate()
            .map(|(i, weight)| format!("{{ model = \"p/m{i}\", weight = {weight} }}"))
            .collect();
        Config::parse(&format!(
            "[[plugin]]\nname = \"p\"\nsource = \"p.wasm\"\n[[route]]\nmodel = \"r\"\npolicy = \"{policy}\"\ntargets = [{}]",
            targets.join(", ")
        ))
        .unwrap()
    }

    #[test]
    fn a_name_is_a_route_or_a_plugins_model() {
        let config = config("priority", &[1, 1]);
        let models = |name| {
            targets(&config, name, |_| 0)
                .into_iter()
                .map(|t| t.model)
                .collect::<Vec<_>>()
        };
        assert_eq!(models("r"), ["m0", "m1"]);
        assert_eq!(models("p/a/b"), ["a/b"]);
        assert!(models("q/a").is_empty());
        assert!(models("p/").is_empty());
        assert!(models("p").is_empty());
    }

    proptest! {
        #[test]
        fn every_target_is_tried_once(weights in prop::collection::vec(0u32..5, 1..6), draws in any::<u64>()) {
            prop_assume!(weights.iter().any(|w| *w > 0));
            let found = targets(&config("weighted", &weights), "r", |sum| draws % sum);
            let mut models: Vec<_> = found.iter().map(|t| t.model.clone()).collect();
            // Those without weight come last.
            let weightless = weights.iter().filter(|w| **w == 0).count();
            for target in &found[..found.len() - weightless] {
                let i: usize = target.model[1..].parse().unwrap();
                prop_assert!(weights[i] > 0);
            }
            models.sort();
            models.dedup();
            prop_assert_eq!(models.len(), weights.len());
        }
    }

    #[test]
    fn shares_follow_the_weights() {
        let config = config("weighted", &[1, 3]);
        let first = (0..4).map(|point| targets(&config, "r", |sum| point % sum)[0].model.clone());
        assert_eq!(first.filter(|m| m == "m1").count(), 3);
    }

    #[test]
    fn the_nearest_names_are_suggested() {
        let names = [
            "acme/grand-5",
            "rival/opus-4-5",
            "local/smollm2-135m-instruct",
        ];
        assert_eq!(nearest("acme/grand5", names.into_iter())[0], "acme/grand-5");
        assert_eq!(
            nearest("smollm2-135m", names.into_iter())[0],
            "local/smollm2-135m-instruct"
        );
        let same = ["a/opus", "b/opus", "rival/opus", "z/opus"];
        assert_eq!(nearest("rivl/opus", same.into_iter())[0], "rival/opus");
        assert!(nearest("zzz", names.into_iter()).is_empty());
    }
}
