//! A calculator for models.
//!
//! `fend-core` computes with exact fractions of any size, so that 0.1 + 0.2 is 0.3 and money comes out right; it knows units too, says
//! where a result is rounded, needs nothing of the host, and is MIT. Of the other libraries `evalexpr` is AGPL, and `fasteval` and
//! `meval` compute with `f64`.

use std::time::{Duration, Instant};

use evenhand_sdk::{Call, Error, Failure, Json, Tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest expression, in bytes.
const LONGEST: usize = 1000;
/// Deepest nesting of brackets, which are read recursively: in a component 100 fit the stack that wasmtime gives, 200 don't. Whatever
/// else can be nested in [`LONGEST`] bytes fits.
const DEEPEST: usize = 50;
/// Most characters of a result: a model has no use for more.
const LONGEST_RESULT: usize = 4000;
/// Most time for one.
const TIME: Duration = Duration::from_secs(2);

/// It needs none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// What to compute, such as `(1299.99 + 5.01) * 1.19`, `19% of 250`, `2^64`, `sqrt(2)`, `5 km / 20 minutes to km/h`.
    expression: String,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Calculated {
    /// The result, with its unit.
    result: String,
    /// It is exact; else it was rounded, to 10 digits unless the expression says otherwise (`1/3 to 14 sf`).
    exact: bool,
}

struct Calculate;

impl Tool for Calculate {
    const NAME: &'static str = "calculate";
    const TITLE: Option<&'static str> = Some("Calculate");
    const DESCRIPTION: &'static str = "Computes an expression exactly: + - * / ^ ! mod, brackets, percent, functions (sqrt, cbrt, abs, \
        floor, ceil, round, exp, ln, log10, sin, cos, tan, ...), units and conversions (`to`). Decimal fractions are exact: 0.1 + 0.2 \
        is 0.3; roots and the like are good to 14 digits. Use it for every calculation that matters.";
    const READ_ONLY: bool = true;
    const OPEN_WORLD: bool = false;
    type Arguments = Arguments;
    type Output = Json<Calculated>;

    fn offered() -> Result<bool, Error> {
        evenhand_sdk::config::<Config>().map(|Config {}| true)
    }

    fn call(arguments: Arguments, _: &Call) -> Result<Json<Calculated>, Failure> {
        calculate(&arguments.expression).map(Json)
    }
}

evenhand_sdk::export_tools!((Calculate,));

struct Until(Instant);

impl fend_core::Interrupt for Until {
    fn should_interrupt(&self) -> bool {
        Instant::now() >= self.0
    }
}

fn calculate(expression: &str) -> Result<Calculated, Failure> {
    check(expression)?;
    // Without a source of chance, a clock and rates of exchange: the same expression has the same result.
    let mut context = fend_core::Context::new();
    let until = Until(Instant::now() + TIME);
    let result = fend_core::evaluate_with_interrupt(expression, &mut context, &until)
        .map_err(|why| Failure::correct(format!("`{expression}`: {why}")))?;
    if result.output_is_empty() {
        let message = format!("`{expression}` has no result: write an expression");
        return Err(Failure::correct(message));
    }
    let text = result.get_main_result();
    if text.len() > LONGEST_RESULT {
        let message = format!(
            "the result has {} characters, at most {LONGEST_RESULT} are given: ask for an approximation, such as `... to 20 sf`",
            text.len()
        );
        return Err(Failure::correct(message));
    }
    let rounded = text.strip_prefix("approx. ");
    Ok(Calculated {
        result: rounded.unwrap_or(text).into(),
        exact: rounded.is_none(),
    })
}

/// Refuses what would need more stack than there is.
fn check(expression: &str) -> Result<(), Failure> {
    if expression.len() > LONGEST {
        let message = format!("an expression has at most {LONGEST} bytes: compute it in steps");
        return Err(Failure::correct(message));
    }
    let mut depth = 0_usize;
    for c in expression.chars() {
        match c {
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            let message = format!("brackets may be nested {DEEPEST} deep: compute it in steps");
            return Err(Failure::correct(message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(expression: &str) -> (String, bool) {
        let calculated = calculate(expression).unwrap();
        (calculated.result, calculated.exact)
    }

    #[test]
    fn decimals_are_exact() {
        for (expression, exact) in [
            ("0.1 + 0.2", "0.3"),
            ("(1299.99 + 5.01) * 1.19", "1552.95"),
            ("19% of 250", "47.5"),
            ("2^64", "18446744073709551616"),
            ("1/8", "0.125"),
            ("5 km to m", "5000 m"),
            ("10 mod 3", "1"),
        ] {
            assert_eq!(result(expression), (exact.into(), true), "{expression}");
        }
    }

    #[test]
    fn what_is_rounded_is_said_to_be() {
        assert_eq!(result("sqrt(2)"), ("1.4142135624".into(), false));
        assert_eq!(result("sqrt(2) to 13 sf"), ("1.414213562373".into(), false));
        assert_eq!(result("1/3"), ("0.3333333333".into(), false));
    }

    #[test]
    fn what_can_not_be_computed_is_the_models_to_correct() {
        let (long, deep) = ("1+".repeat(600), "(".repeat(60));
        let wrong = [
            "1 +",
            "1/0",
            "frobnicate",
            "",
            "roll d6",
            "10000!",
            &long,
            &deep,
        ];
        for expression in wrong {
            let failed = calculate(expression);
            assert!(
                matches!(failed, Err(Failure::Correctable(_))),
                "{expression}: {failed:?}"
            );
        }
    }

    #[test]
    fn what_takes_too_long_is_broken_off() {
        let started = Instant::now();
        assert!(calculate("9^9^9^9").is_err());
        assert!(started.elapsed() < TIME * 4);
    }
}
