//! The tool of an insurer's: pays a claim. What it may write to is a database that the operator granted; that it asks a person first is
//! the agent's `approve`.

use evenhand_sdk::{Call, Error, Failure, Json, Tool, sql};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The granted database that has `claims`, `policies` and `payouts`.
    database: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The claim's id, such as `C-77`.
    claim: String,
    /// Euros, such as `1640` or `1640.50`.
    #[schemars(regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,2})?$"))]
    amount: String,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Paid {
    /// The payout's number in the ledger.
    payout: String,
    /// Euros.
    amount: String,
    /// Where the money goes.
    account: String,
}

struct Pay;

impl Tool for Pay {
    const NAME: &'static str = "pay";
    const TITLE: Option<&'static str> = Some("Pay a claim");
    const DESCRIPTION: &'static str = "Pays an amount for a claim to the account of its policy's holder, and writes it into the ledger. \
        A claim is paid once, and never more than its policy's limit.";
    const DESTRUCTIVE: bool = false;
    // Its row in the ledger has the call's id: a call that the host repeats after a crash finds it there, and pays nothing again.
    const IDEMPOTENT: bool = true;
    const OPEN_WORLD: bool = false;
    type Arguments = Arguments;
    type Output = Json<Paid>;

    fn offered() -> Result<bool, Error> {
        let Config { database } = evenhand_sdk::config()?;
        let granted = sql::databases();
        Ok(granted.iter().any(|it| it.name == database && it.write))
    }

    fn call(arguments: Arguments, call: &Call) -> Result<Json<Paid>, Failure> {
        let Config { database } = evenhand_sdk::config()?;
        let cents = cents(&arguments.amount)?;
        let of_call = json!([call.id(), arguments.claim, cents]).to_string();
        sql::query(&database, PAY, &of_call, true)?;
        // Of this call, or of the same before a crash.
        let of_both = json!([call.id(), arguments.claim]).to_string();
        if let Some(row) = first(sql::query(&database, PAID, &of_both, false)?)? {
            let [payout, cents, account] = &row[..] else {
                return Err(Error::internal("a payout has three columns").into());
            };
            return Ok(Json(Paid {
                payout: text(payout),
                amount: euros(cents.as_u64().unwrap_or_default()),
                account: text(account),
            }));
        }
        let of_claim = json!([arguments.claim]).to_string();
        let claim = first(sql::query(&database, CLAIM, &of_claim, false)?)?;
        Err(Failure::correct(refusal(
            &arguments.claim,
            claim.as_deref(),
        )))
    }
}

/// Inserts a row, if the claim is there, not paid yet, and the amount within the limit. One statement: nobody comes between.
const PAY: &str = "insert into payouts (call, claim, cents) \
    select ?1, claims.id, ?3 from claims join policies on policies.number = claims.policy \
    where claims.id = ?2 and ?3 <= policies.limit_cents and not exists (select 1 from payouts where claim = ?2) \
    on conflict do nothing";

const PAID: &str = "select 'payout ' || payouts.rowid, cents, account from payouts \
    join claims on claims.id = payouts.claim join policies on policies.number = claims.policy where call = ?1 and claim = ?2";

const CLAIM: &str = "select limit_cents, exists (select 1 from payouts where claim = claims.id) \
    from claims join policies on policies.number = claims.policy where claims.id = ?1";

fn first(answer: sql::Answer) -> Result<Option<Vec<Value>>, Error> {
    let row = answer.rows.first().map(|row| serde_json::from_str(row));
    row.transpose()
        .map_err(|e| Error::internal(format!("a row of the host's is no JSON array: {e}")))
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Why a claim wasn't paid, by its limit and whether it was paid before.
fn refusal(id: &str, claim: Option<&[Value]>) -> String {
    match claim {
        Some([_, paid]) if paid == &json!(1) => format!("the claim {id:?} was paid already"),
        Some([limit, _]) => {
            let limit = euros(limit.as_u64().unwrap_or_default());
            format!("the amount is above the policy's limit, {limit} euros: pay at most that")
        }
        _ => format!("there is no claim {id:?} under a policy"),
    }
}

fn cents(amount: &str) -> Result<u64, Failure> {
    let (euros, rest) = amount.split_once('.').unwrap_or((amount, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let read = (digits(euros) && digits(rest) && rest.len() <= 2)
        .then(|| format!("{euros}{rest:0<2}").parse().ok())
        .flatten();
    match read {
        Some(0) | None => {
            let message = format!("{amount:?} is no amount: write euros, such as 1640.50");
            Err(Failure::correct(message))
        }
        Some(cents) => Ok(cents),
    }
}

fn euros(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

evenhand_sdk::export_tools!((Pay,));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        for (amount, exact) in [("1640", 164_000), ("1640.5", 164_050), ("0.07", 7)] {
            assert_eq!(cents(amount), Ok(exact));
        }
        for wrong in ["", "0", "1,5", "-3", "1.234", "1e3", "99999999999999999999"] {
            assert!(cents(wrong).is_err(), "{wrong}");
        }
        assert_eq!(euros(164_007), "1640.07");
    }

    #[test]
    fn who_is_refused_is_told_why() {
        let claim = |limit: u64, paid: u8| [json!(limit), json!(paid)];
        assert!(refusal("C-1", None).contains("no claim \"C-1\""));
        assert!(refusal("C-1", Some(&claim(5, 1))).contains("paid already"));
        assert!(refusal("C-1", Some(&claim(500_000, 0))).contains("5000.00 euros"));
    }

    #[test]
    fn the_model_is_told_what_an_amount_looks_like() {
        let info = Pay::info().unwrap();
        assert!(info.input_schema.contains("pattern") && info.idempotent && !info.read_only);
    }
}
