//! A grant in words.

use super::StoreUrl;
use super::grant::{AttachAs, Grant, SecretSource, Sharing};

impl Grant {
    /// What a plugin of this grant may do, a line each, for operators and the audit log.
    pub fn powers(&self) -> Vec<String> {
        let mut powers = vec!["may compute and log".to_owned()];
        powers.extend(self.egress.iter().map(|rule| format!("may send {rule}")));
        if self.allow_private {
            powers.push("may reach private and loopback addresses under these names".into());
        }
        for (name, secret) in &self.secrets {
            let from = match &secret.source {
                SecretSource::Env(variable) => format!("the environment variable {variable}"),
                SecretSource::File(path) => format!("the file {}", path.display()),
                SecretSource::Command(command) => format!("what {:?} prints", command[0]),
            };
            let place = match &secret.attach {
                AttachAs::Bearer => "bearer token".to_owned(),
                AttachAs::Header(field) => format!("header {field}"),
                AttachAs::Query(parameter) => format!("query parameter {parameter}"),
                AttachAs::AwsSigv4 { region, service } => {
                    format!("signature (aws-sigv4) for {service} in {region}")
                }
            };
            let auto = if secret.auto {
                ", to every request by wasi:http too"
            } else {
                ""
            };
            let to: Vec<String> = secret.to.iter().map(ToString::to_string).collect();
            powers.push(format!(
                "may have the secret {name:?} ({from}) attached as {place} towards {}{auto}; it never sees it",
                to.join(", ")
            ));
        }
        for (name, path) in &self.weights {
            powers.push(format!(
                "may read the weights {name:?} ({})",
                path.display()
            ));
        }
        for name in &self.accelerators {
            powers.push(format!("may compute on the accelerator {name:?}"));
        }
        if self.keep {
            powers.push("keeps one instance, with its memory, from call to call".into());
        }
        if self.state {
            powers.push("keeps a note for each key and session of a client".into());
        }
        if self.elicit {
            powers.push("may ask the person behind a call".into());
        }
        if let Some(sample) = &self.sample {
            if sample.client {
                powers.push("may ask the client's model".into());
            }
            if let Some(model) = &sample.model {
                powers.push(format!("may ask the model {model:?}"));
            }
        }
        for (namespace, sharing) in &self.kv {
            let shared = match sharing {
                Sharing::Key => "for each key its own",
                Sharing::Shared => "the same for all keys",
            };
            powers.push(format!(
                "may keep values in the namespace {namespace:?}, {shared}"
            ));
        }
        for (name, database) in &self.sql {
            let may = if database.write {
                "read and change"
            } else {
                "read"
            };
            let place = match &database.url {
                StoreUrl::Plain(url) => url.clone(),
                StoreUrl::Secret(SecretSource::Env(variable)) => {
                    format!("the environment variable {variable} names it")
                }
                StoreUrl::Secret(_) => "a secret names it".into(),
            };
            powers.push(format!("may {may} the database {name:?} ({place})"));
        }
        powers
    }
}
