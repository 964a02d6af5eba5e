//! Names as clients see them. MCP's have no `/`, so that a tool `calc/add` is `calc.add` where all plugins are offered.
//! <https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool-names>

use crate::visit::Visit;

/// A plugin's tool or prompt, as this visitor sees it.
pub(crate) fn shown(visit: &Visit, plugin: &str, name: &str) -> String {
    match visit.plugin {
        Some(_) => name.to_owned(),
        None => format!("{plugin}.{name}"),
    }
}

/// What the name may stand for: a plugin and its own name. Plugins' names may have dots as well.
pub(crate) fn meant<'a>(
    visit: &'a Visit,
    plugins: &'a [String],
    name: &'a str,
) -> Vec<(&'a str, &'a str)> {
    match visit.plugin.as_deref() {
        Some(plugin) => vec![(plugin, name)],
        None => {
            let own = |plugin: &'a String| {
                let rest = name.strip_prefix(plugin.as_str())?.strip_prefix('.')?;
                Some((plugin.as_str(), rest))
            };
            plugins.iter().filter_map(own).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use calls::Caller;

    use super::*;

    #[test]
    fn a_name_finds_its_plugin_again() {
        let plugins = ["a".to_owned(), "a.b".to_owned(), "c".to_owned()];
        let everywhere = Visit {
            caller: Caller::Anyone,
            plugin: None,
        };
        for (plugin, name) in [("a", "x"), ("a.b", "x"), ("c", "x.y")] {
            let shown = shown(&everywhere, plugin, name);
            assert!(meant(&everywhere, &plugins, &shown).contains(&(plugin, name)));
        }
        assert!(meant(&everywhere, &plugins, "c").is_empty());
        assert!(meant(&everywhere, &plugins, "cx.y").is_empty());
        let there = Visit {
            plugin: Some("c".into()),
            ..everywhere
        };
        assert_eq!(shown(&there, "c", "x.y"), "x.y");
        assert_eq!(meant(&there, &plugins, "a.x"), [("c", "a.x")]);
        assert!(there.may("c/x") && !there.may("cc/x") && !there.may("a/x"));
    }
}
