//! A grant in words.

use super::grant::{AttachAs, Grant, SecretSource};

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
        powers
    }
}
