//! Names that a vendor refuses, such as a tool called `files.read`, renamed and restored.

use std::collections::HashMap;

/// What a vendor accepts: at most `max` characters, all of them ASCII letters, digits, `_` or `-`.
///
/// The new name depends on the old one alone, so that it is the same in every turn of a conversation, whichever
/// tools are offered beside it.
#[derive(Debug, Clone)]
pub struct Names {
    max: usize,
    restored: HashMap<String, String>,
}

impl Names {
    /// Names of at most `max` characters (17 or more).
    pub fn new(max: usize) -> Self {
        Self {
            max: max.max(17),
            restored: HashMap::new(),
        }
    }

    /// The name to send for this one. Remembered, for [`Names::restore`].
    pub fn send(&mut self, name: &str) -> String {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !name.is_empty() && name.len() <= self.max && name.chars().all(fits) {
            return name.into();
        }
        let kept = name.chars().take(self.max - 13);
        let mut sent: String = kept.map(|c| if fits(c) { c } else { '_' }).collect();
        // 48 bits of FNV-1a keep apart what the replaced characters made alike.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        sent.push_str(&format!("_{:012x}", hash >> 16));
        self.restored.insert(sent.clone(), name.into());
        sent
    }

    /// The name that was sent as this one.
    pub fn restore(&self, sent: &str) -> String {
        self.restored
            .get(sent)
            .cloned()
            .unwrap_or_else(|| sent.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stays_and_what_does_not_comes_back() {
        let mut names = Names::new(64);
        assert_eq!(names.send("get_weather-2"), "get_weather-2");
        let long = "x".repeat(100);
        for name in ["files.read", "files/read", "größe", "", &long] {
            let sent = names.send(name);
            assert!(sent.len() <= 64 && sent.is_ascii() && !sent.contains(['.', '/']));
            assert_eq!(sent, Names::new(64).send(name));
            assert_eq!(names.restore(&sent), name);
        }
        assert_ne!(names.send("files.read"), names.send("files/read"));
        assert_eq!(names.restore("unheard_of"), "unheard_of");
    }
}
