//! Features that a client asks for by name, in a header field.

use serde_json::{Map, Value};
use types::neutral::{Extension, GenerateRequest};

/// The dialect whose words they are.
const DIALECT: &str = "anthropic-messages";

/// Puts the names of `anthropic-beta` into the extension's `betas`, where a body may have some too.
pub fn take_betas(headers: &[(String, String)], request: &mut GenerateRequest) {
    let names = headers
        .iter()
        .filter(|(name, _)| name == "anthropic-beta")
        .flat_map(|(_, value)| value.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty());
    let names: Vec<Value> = names.map(Value::from).collect();
    if names.is_empty() {
        return;
    }
    let place = request
        .extensions
        .iter()
        .position(|extension| extension.dialect == DIALECT);
    let place = place.unwrap_or_else(|| {
        request.extensions.push(Extension {
            dialect: DIALECT.into(),
            fields: "{}".into(),
        });
        request.extensions.len() - 1
    });
    let extension = &mut request.extensions[place];
    let mut fields: Map<String, Value> =
        serde_json::from_str(&extension.fields).unwrap_or_default();
    let betas = fields
        .entry("betas")
        .or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(betas) = betas {
        for name in names {
            if !betas.contains(&name) {
                betas.push(name);
            }
        }
    }
    extension.fields = Value::Object(fields).to_string();
}
