//! Comparing with what is in `tests/golden`. `BLESS=1 cargo test -p evenhand-dialects golden` writes it anew.

use std::{fs, path::Path};

use serde_json::Value;

/// Compares with what is in the file.
pub(crate) fn golden(folder: &str, name: &str, text: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(folder);
    let path = folder.join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(&path, text).expect("written");
    }
    let kept = fs::read_to_string(&path).expect("there: see the top of this file");
    assert!(kept == text, "{name} is not\n{text}");
}

pub(crate) fn golden_json(folder: &str, name: &str, json: &Value) {
    let text = serde_json::to_string_pretty(json).expect("JSON");
    golden(folder, name, &(text + "\n"));
}
