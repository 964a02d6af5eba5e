//! Answers of the control plane, for people.

use serde_json::Value;

use crate::table::table;

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// All plugins, a row each.
pub(super) fn list(answer: &Value) -> String {
    let plugins = answer["plugins"].as_array().cloned().unwrap_or_default();
    let head = ["NAME", "STATE", "REVISION", "VERSION", "SOURCE", ""].map(str::to_owned);
    let rows = plugins.iter().map(|plugin| {
        let mut notes = Vec::new();
        for (key, word) in [("held", "held"), ("added", "added by the API")] {
            if plugin[key] == true {
                notes.push(word.to_owned());
            }
        }
        if let Some(canary) = plugin.get("canary") {
            notes.push(format!(
                "revision {} on trial ({})",
                canary["revision"],
                text(&canary["share"])
            ));
        }
        if plugin.get("unmet").is_some() {
            notes.push("asks for more than it is granted".into());
        }
        if let Some(error) = plugin["error"].as_str() {
            notes.push(format!("ERROR: {error}"));
        }
        [
            text(&plugin["name"]),
            text(&plugin["state"]),
            text(&plugin["revision"]),
            text(&plugin["about"]["version"]),
            text(&plugin["source"]),
            notes.join("; "),
        ]
    });
    let mut out = table(std::iter::once(head).chain(rows));
    if let Some(error) = answer["config_error"].as_str() {
        out +=
            &format!("the configuration file is invalid, and what it was before serves: {error}\n");
    }
    out
}

/// What an `Ask` says.
fn asked(ask: &Value) -> String {
    let what = ask["words"].as_str().unwrap_or_default();
    format!("{what}: {}", text(&ask["why"]))
}

/// One plugin: what serves, and how that differs from what it asks for.
pub(super) fn one(plugin: &Value) -> String {
    let mut out = format!(
        "{}: {}, revision {} ({})\n",
        text(&plugin["name"]),
        text(&plugin["state"]),
        text(&plugin["revision"]),
        text(&plugin["digest"]),
    );
    let about = &plugin["about"];
    if let Some(name) = about["name"].as_str() {
        out += &format!("  is {name} {}\n", text(&about["version"]));
    }
    out += &match about["signer"].as_str() {
        Some(signer) => format!("  signed by the key {signer}\n"),
        None => String::new(),
    };
    if let Some(canary) = plugin.get("canary") {
        let count = |of: &str| {
            format!(
                "{} of {} calls failed",
                canary[of]["errors"], canary[of]["calls"]
            )
        };
        out += &format!(
            "  revision {} is on trial with {} of the calls: {}; of the other's in the same time {}\n",
            canary["revision"],
            text(&canary["share"]),
            count("new"),
            count("old"),
        );
        for ask in canary["unmet"].as_array().into_iter().flatten() {
            out += &format!("  + it asks, and is not granted, to {}\n", asked(ask));
        }
    }
    for ask in plugin["unmet"].as_array().into_iter().flatten() {
        out += &format!("  + asks, and is not granted, to {}\n", asked(ask));
    }
    for what in plugin["unasked"].as_array().into_iter().flatten() {
        out += &format!("  - is granted, and does not ask, to {}\n", text(what));
    }
    let waits = plugin.get("unmet").is_some() || plugin["canary"]["unmet"][0].is_object();
    if waits {
        out += &format!(
            "  `evenhand plugin accept {}` grants what it asks for\n",
            text(&plugin["name"])
        );
    }
    if let Some(error) = plugin["error"].as_str() {
        out += &format!("  ERROR: {error}\n");
    }
    out
}

/// The same, with its line of revisions.
pub(super) fn show(answer: &Value) -> String {
    let mut out = match answer["plugin"].is_object() {
        true => one(&answer["plugin"]),
        false => "it is no plugin of this host any more\n".into(),
    };
    let head = ["REVISION", "STATE", "VERSION", "BY", "DIGEST", "SOURCE", ""].map(str::to_owned);
    let rows = answer["revisions"].as_array().cloned().unwrap_or_default();
    let rows = rows.into_iter().map(|row| {
        let digest = text(&row["digest"]);
        [
            text(&row["number"]),
            text(&row["state"]),
            text(&row["version"]),
            text(&row["by"]),
            digest.get(..12).unwrap_or_default().to_owned(),
            text(&row["source"]),
            text(&row["reason"]),
        ]
    });
    out += &table(std::iter::once(head).chain(rows));
    out
}
