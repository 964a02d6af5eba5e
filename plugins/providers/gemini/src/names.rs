//! Names of functions: the vendor's rule is wider than the SDK's, but for how they begin.

use std::collections::HashMap;

use evenhand_sdk::names;

/// The vendor documented 64 for long and 128 later; the shorter suits all of its models.
const LENGTH: usize = 64;

/// Renames what the vendor refuses, the same way every time, and restores it.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    short: names::Names,
    restored: HashMap<String, String>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            short: names::Names::new(LENGTH),
            restored: HashMap::new(),
        }
    }
}

impl Names {
    /// The name to send for this one.
    pub(crate) fn send(&mut self, name: &str) -> String {
        let begins = name.starts_with(begins);
        if begins && name.len() <= LENGTH && name.chars().all(fits) {
            return name.into();
        }
        // The blank is what makes the SDK rename: it refuses less than the vendor does.
        let lead = if begins { "" } else { "_" };
        let sent = self.short.send(&format!("{lead}{name} "));
        self.restored.insert(sent.clone(), name.into());
        sent
    }

    /// The name that was sent as this one.
    pub(crate) fn restore(&self, sent: &str) -> String {
        let known = self.restored.get(sent).cloned();
        known.unwrap_or_else(|| sent.into())
    }
}

fn begins(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

fn fits(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.:-".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_and_what_does_not_comes_back() {
        let mut names = Names::default();
        for name in ["get_weather-2", "files.read", "ns:f", "_x"] {
            assert_eq!(names.send(name), name);
        }
        let long = "x".repeat(65);
        for name in ["2nd", "-f", ".f", "files/read", "größe", "", &long] {
            let sent = names.send(name);
            assert!(sent.len() <= LENGTH && sent.starts_with(begins) && sent.chars().all(fits));
            assert_eq!(sent, Names::default().send(name));
            assert_eq!(names.restore(&sent), name);
        }
        assert_ne!(names.send("2nd"), names.send("_2nd"));
        assert_eq!(names.restore("unheard_of"), "unheard_of");
    }
}
