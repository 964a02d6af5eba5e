//! A grant, made as wide as a component asks.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use manifest::{Ask, Limit, Power, What};
use serde_json::{Map, Value, json};

/// Adds to an entry's grant what is asked for. `secrets`: where the values of new ones come from.
///
/// # Errors
/// A secret has no source, or something is asked for that has more to it than a yes.
pub fn widen(
    entry: &mut Value,
    asks: &[Ask],
    secrets: &BTreeMap<String, Value>,
) -> anyhow::Result<()> {
    for ask in asks {
        match &ask.what {
            What::Egress(rule) => {
                let rules = table(entry, "grant")?.entry("egress").or_insert(json!([]));
                let rules = rules.as_array_mut().context("grant.egress is no list")?;
                rules.push(Value::String(rule.to_string()));
            }
            What::Secret { name, attach, to } => {
                let all = table(entry, "grant")?.entry("secrets").or_insert(json!({}));
                let all = all.as_object_mut().context("grant.secrets is no table")?;
                let given = all.get(name);
                let mut towards = to
                    .iter()
                    .map(serde_json::to_value)
                    .collect::<Result<Vec<_>, _>>()?;
                if let Some(given) = given {
                    // Other revisions use it as it is.
                    ensure!(
                        given["as"] == serde_json::to_value(attach)?,
                        "the secret {name:?} is granted in another way: change its entry"
                    );
                    let known = given["to"].as_array().cloned().unwrap_or_default();
                    towards.retain(|origin| !known.contains(origin));
                    towards.splice(0..0, known);
                }
                let source = secrets.get(name).or(given).cloned();
                let mut secret = source.with_context(|| {
                    format!("the secret {name:?} has no source yet: say where its value comes from, such as {name}=env:VARIABLE")
                })?;
                let fields = secret
                    .as_object_mut()
                    .with_context(|| format!("the source of the secret {name:?} is no table"))?;
                fields.insert("as".into(), serde_json::to_value(attach)?);
                fields.insert("to".into(), Value::Array(towards));
                all.insert(name.clone(), secret);
            }
            What::Limit { limit, at_least } => {
                let key = match limit {
                    Limit::Memory => "memory",
                    Limit::RequestBytes => "request_bytes",
                    Limit::ResponseBytes => "response_bytes",
                };
                table(entry, "limits")?.insert(key.into(), json!(at_least.as_u64()));
            }
            What::Power { power, name } => {
                let grant = table(entry, "grant")?;
                let key = match power {
                    Power::AllowPrivate => "allow_private",
                    Power::Keep => "keep",
                    Power::State => "state",
                    Power::Elicit => "elicit",
                    Power::Sample => {
                        grant.insert("sample".into(), json!({"client": true}));
                        continue;
                    }
                    Power::Kv => {
                        let all = grant.entry("kv").or_insert(json!({}));
                        let all = all.as_object_mut().context("grant.kv is no table")?;
                        all.insert(name.clone().unwrap_or_default(), json!("key"));
                        continue;
                    }
                    Power::Sql | Power::SqlWrite | Power::Weights | Power::Accelerator => bail!(
                        "it asks to {}, and only you know which: write that into its grant",
                        ask.what
                    ),
                };
                grant.insert(key.into(), Value::Bool(true));
            }
        }
    }
    Ok(())
}

fn table<'a>(entry: &'a mut Value, key: &str) -> anyhow::Result<&'a mut Map<String, Value>> {
    let entry = entry.as_object_mut().context("the entry is no table")?;
    let table = entry.entry(key).or_insert(json!({}));
    table
        .as_object_mut()
        .with_context(|| format!("{key} is no table"))
}

#[cfg(test)]
mod tests {
    use manifest::Manifest;

    use super::*;
    use crate::kept::parse;

    fn manifest(more: Value) -> Manifest {
        let mut all = json!({
            "name": "acme/a",
            "version": "1.0.0",
            "licence": "MIT",
            "egress": [{"rule": "GET https://a.example/*", "why": "asks"}],
            "secret": [{"name": "key", "as": "bearer", "to": ["https://a.example"], "why": "pays"}],
            "limit": [{"limit": "memory", "at_least": "128MiB", "why": "is large"}],
        });
        all["power"] = more;
        Manifest::parse(all.to_string().as_bytes()).unwrap()
    }

    fn entry() -> Value {
        json!({"name": "a", "source": "/a.wasm", "grant": {"egress": ["GET https://b.example/x"]}})
    }

    #[test]
    fn what_is_accepted_is_granted_and_nothing_else() {
        let powers = json!([
            {"power": "kv", "name": "n", "why": "x"},
            {"power": "elicit", "why": "x"},
            {"power": "sample", "why": "x"},
        ]);
        let manifest = manifest(powers);
        let mut entry = entry();
        let unmet = manifest.unmet(&parse(&entry).unwrap());
        let missing = widen(&mut entry.clone(), &unmet, &BTreeMap::new()).unwrap_err();
        assert!(missing.to_string().contains("key=env:"), "{missing}");
        let secrets = BTreeMap::from([("key".into(), json!({"env": "K"}))]);
        widen(&mut entry, &unmet, &secrets).unwrap();
        let entry = parse(&entry).unwrap();
        assert_eq!(manifest.unmet(&entry), []);
        let unasked = manifest.unasked(&entry.grant);
        assert_eq!(unasked, ["send GET https://b.example/x"]);
    }

    #[test]
    fn what_only_an_operator_knows_is_not_made_up() {
        let manifest = manifest(json!([{"power": "sql", "name": "db", "why": "x"}]));
        let mut entry = entry();
        let unmet = manifest.unmet(&parse(&entry).unwrap());
        let secrets = BTreeMap::from([("key".into(), json!({"env": "K"}))]);
        let error = widen(&mut entry, &unmet, &secrets).unwrap_err();
        assert!(error.to_string().contains("\"db\""), "{error}");
    }
}
