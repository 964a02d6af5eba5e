//! What a component is and asks for, without running it.

use std::collections::BTreeSet;

use anyhow::Context;
use wasmparser::{ComponentName, KnownCustom, Parser, Payload};

use crate::bindings::{BACKEND, NATIVE, PROVIDER, TOOLS};
use crate::contract::ensure_contract;
use crate::engine::{MEMORIES, POOLED_MEMORY, Sandbox, foreign};
use crate::load::{UNKNOWN, ensure_component};
use crate::logs::printable;
use crate::plugin::Kind;

/// A page of a memory: <https://webassembly.github.io/spec/core/exec/runtime.html#page-size>.
const PAGE: u64 = 64 << 10;

/// What can be told of a component.
#[derive(Debug)]
pub struct Inspection {
    /// What it would be loaded as.
    pub kind: Option<Kind>,
    /// It has the native path.
    pub native: bool,
    /// Names of the interfaces that it imports.
    pub imports: Vec<String>,
    /// Names of the interfaces that it exports.
    pub exports: Vec<String>,
    /// What its instances need at least; absent: not to be told, because it imports modules.
    pub needs: Option<Needs>,
    /// Its own name of itself.
    pub name: Option<String>,
    /// What it was made with, as it says: languages, tools, SDKs.
    pub producers: BTreeSet<String>,
    /// Why it would not be loaded.
    pub refused: Option<String>,
}

/// What an instance needs at least.
#[derive(Debug)]
pub struct Needs {
    /// Memories of all its modules.
    pub memories: u32,
    /// The largest of them at the start, in bytes.
    pub memory: u64,
    /// Tables of all its modules.
    pub tables: u32,
    /// Places of the pool that a call takes; absent: the pool has none that is large enough.
    pub places: Option<u32>,
}

impl Sandbox {
    /// Compiles and links a component, and tells what it is and asks for. None of its code runs.
    ///
    /// # Errors
    /// It is no component, was built for another contract, or can't be compiled.
    pub async fn inspect(&self, bytes: Vec<u8>) -> anyhow::Result<Inspection> {
        ensure_component(&bytes)?;
        ensure_contract(&bytes)?;
        let engine = &self.kept.engine;
        let component = self.compiler.compile(engine, bytes.clone()).await?;
        let ty = component.component_type();
        // Names come from the component, and go to a terminal.
        let plain = |name: &str| printable(name).into_owned();
        let imports = ty.imports(engine).map(|(name, _)| plain(name)).collect();
        let exports: Vec<String> = ty.exports(engine).map(|(name, _)| plain(name)).collect();
        let has = |name: &str| exports.iter().any(|export| export == name);
        let kind = match (has(PROVIDER), has(BACKEND), has(TOOLS)) {
            (true, false, false) => Some(Kind::Provider),
            (false, true, false) => Some(Kind::Accelerator),
            (false, false, true) => Some(Kind::Tools),
            _ => None,
        };
        let linked = self
            .kept
            .linker
            .instantiate_pre(&component)
            .map_err(foreign);
        let refused = match (linked, kind) {
            (Err(error), _) => Some(format!("{:#}", error.context(UNKNOWN))),
            (Ok(_), Some(_)) => None,
            (Ok(_), None) => Some(
                "it exports none of `provider`, `backend` and `tools`, or more than one".into(),
            ),
        };
        let needs = component.resources_required().map(|needs| {
            let memory = needs
                .max_initial_memory_size
                .unwrap_or(0)
                .saturating_mul(PAGE);
            let places = needs.num_memories.div_ceil(MEMORIES).max(1);
            Needs {
                memories: needs.num_memories,
                memory,
                tables: needs.num_tables,
                places: (memory <= POOLED_MEMORY).then_some(places),
            }
        });
        let (name, producers) = notes(&bytes)?;
        Ok(Inspection {
            kind,
            native: has(NATIVE),
            imports,
            exports,
            needs,
            name,
            producers,
            refused: refused.map(|reason| plain(&reason)),
        })
    }
}

/// What its custom sections say: its name, and what made it. Nobody checks that; what can't be read is left out.
fn notes(bytes: &[u8]) -> anyhow::Result<(Option<String>, BTreeSet<String>)> {
    let (mut name, mut producers) = (None, BTreeSet::new());
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.context("its sections can't be read")?;
        let Payload::CustomSection(section) = payload else {
            continue;
        };
        match section.as_known() {
            KnownCustom::ComponentName(names) => {
                for said in names.into_iter().flatten() {
                    // The outermost comes last.
                    if let ComponentName::Component { name: said, .. } = said {
                        name = Some(printable(said).into_owned());
                    }
                }
            }
            KnownCustom::Producers(fields) => {
                for field in fields.into_iter().flatten() {
                    for made in field.values.into_iter().flatten() {
                        let text = format!("{} {} {}", field.name, made.name, made.version);
                        producers.insert(printable(text.trim()).into_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Ok((name, producers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_made_it_is_found_at_any_depth() {
        let text = r#"(component $outer
            (core module (@producers (language "Rust" "1.95") (processed-by "a\1b[31m" "1")))
            (@producers (sdk "kit" "2")))"#;
        let (name, producers) = notes(&wat::parse_str(text).unwrap()).unwrap();
        assert_eq!(name.as_deref(), Some("outer"));
        let told: Vec<&str> = producers.iter().map(String::as_str).collect();
        assert_eq!(
            told,
            [
                "language Rust 1.95",
                "processed-by a\\u{1b}[31m 1",
                "sdk kit 2"
            ]
        );
    }
}
