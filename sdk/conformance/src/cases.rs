//! The cases of the kit, by name.

/// A case: what it looks at, and where that is written.
#[derive(Debug)]
pub struct Case {
    /// Its name, which stays.
    pub name: &'static str,
    /// What a component must do.
    pub about: &'static str,
    /// Where that is written: a rule of `docs/publishing.md`, or an item of `wit/`.
    pub rule: &'static str,
}

const fn of(name: &'static str, about: &'static str, rule: &'static str) -> Case {
    Case { name, about, rule }
}

const RULE_1: &str = "docs/publishing.md, rule 1 (order of events)";
const RULE_2: &str = "docs/publishing.md, rule 2 (a stream that ends early is an error)";
const RULE_3: &str = "docs/publishing.md, rule 3 (nothing is dropped in silence)";
const RULE_4: &str = "docs/publishing.md, rule 4 (a fresh instance serves each call)";
const RULE_5: &str = "docs/publishing.md, rule 5 (credentials are names)";
const RULE_6: &str = "docs/publishing.md, rule 6 (provider data)";
const RULE_7: &str = "docs/publishing.md, rule 7 (tool calls as the model wrote them)";
const RULE_8: &str = "docs/publishing.md, rule 8 (errors)";
const MANIFEST: &str = "docs/publishing.md (the manifest)";
const SCRIPT: &str = "docs/conformance.md (the script)";
const GENERATE: &str = "wit/provider.wit, provider.generate and generation.next";
const ERROR: &str = "wit/types.wit, error and error-code";
const TOOLS: &str = "wit/tool.wit, tools";
const RESOURCES: &str = "wit/tool.wit, resources";
const PROMPTS: &str = "wit/tool.wit, prompts";
const BACKEND: &str = "wit/accelerator.wit, backend";

/// All cases, in the order in which they run.
pub const CASES: &[Case] = &[
    of(
        "manifest.present",
        "A component says what it is and what it asks for.",
        MANIFEST,
    ),
    of(
        "manifest.contract",
        "It was built for a contract that this kit knows.",
        MANIFEST,
    ),
    of(
        "manifest.config",
        "The script's `config` is one that the manifest's schema takes.",
        MANIFEST,
    ),
    of(
        "script.complete",
        "The script plays every core scenario, or says why the plugin lacks it.",
        SCRIPT,
    ),
    of(
        "load",
        "It loads with the grants that its manifest asks for, and no other.",
        "wit/, the worlds",
    ),
    of(
        "load.offline",
        "It loads without asking its vendor.",
        "wit/provider.wit, provider.check",
    ),
    of(
        "models.list",
        "`models` lists what it serves, each once, and the model that is asked.",
        "wit/provider.wit, provider.models",
    ),
    of(
        "models.fails",
        "A list that the vendor does not give is an error, not a trap.",
        ERROR,
    ),
    of(
        "answer.whole",
        "A scenario, read when it is whole, is what the script says.",
        GENERATE,
    ),
    of("answer.stream", "The same, read as it comes.", GENERATE),
    of(
        "answer.same",
        "Whole or as a stream, the answer is the same.",
        "wit/types.wit, generate-request.stream",
    ),
    of(
        "answer.unsupported",
        "What the vendor lacks is refused or warned of.",
        RULE_3,
    ),
    of(
        "answer.repeated",
        "The same request has the same answer again and again.",
        RULE_4,
    ),
    of(
        "tool-call.empty",
        "A call without arguments is `{}`.",
        RULE_7,
    ),
    of(
        "provider-data.returns",
        "What a vendor must see again comes back to it, byte for byte.",
        RULE_6,
    ),
    of(
        "provider-data.foreign",
        "Provider data that is somebody else's, or nonsense, is no trap.",
        RULE_6,
    ),
    of(
        "stream.pieces",
        "A stream that comes in pieces, cut anywhere, inside of characters too, is the same answer.",
        GENERATE,
    ),
    of(
        "stream.cut",
        "A stream that ends early is an error.",
        RULE_2,
    ),
    of(
        "stream.broken",
        "A stream whose connection breaks is an error.",
        RULE_2,
    ),
    of(
        "stream.endless",
        "A stream that never ends is an error, and no trap but its limit's.",
        RULE_2,
    ),
    of(
        "whole.cut",
        "A whole answer that ends early is an error.",
        RULE_2,
    ),
    of(
        "cancel.drops-upstream",
        "A call that is cancelled lets go of the vendor's answer.",
        "wit/provider.wit, generation (dropping it cancels it)",
    ),
    of(
        "error.status",
        "A vendor's status is an error of the right code, with the status and the body.",
        RULE_8,
    ),
    of(
        "error.vendor",
        "A vendor's refusal in its own words is the error that the script says.",
        RULE_8,
    ),
    of(
        "error.garbage",
        "An answer that makes no sense is an error, never a trap or a clean end.",
        ERROR,
    ),
    of(
        "error.mutated",
        "An answer of which one value is of another kind is an answer in order or an error, never a trap.",
        ERROR,
    ),
    of(
        "silence",
        "A field of the request is sent, warned of, or refused.",
        RULE_3,
    ),
    of(
        "input.strange",
        "Strange requests are served or refused, never a trap.",
        ERROR,
    ),
    of(
        "input.large",
        "A large request within the limits is served or refused, never a trap.",
        ERROR,
    ),
    of(
        "embed.vectors",
        "A vector for each text, or `unsupported`.",
        "wit/provider.wit, provider.embed",
    ),
    of(
        "count-tokens.counts",
        "The vendor's count, or `unsupported`.",
        "wit/provider.wit, provider.count-tokens",
    ),
    of(
        "credential.named",
        "Requests name the secret that the manifest asks for.",
        RULE_5,
    ),
    of(
        "native.untouched",
        "A client's bytes go to the vendor and the vendor's to the client, untouched.",
        "wit/provider.wit, native.forward",
    ),
    of(
        "native.status",
        "A vendor's refusal goes to the client as it is.",
        "wit/provider.wit, native.forward",
    ),
    of(
        "native.cancel",
        "A client that goes lets go of the vendor's answer.",
        "wit/provider.wit, native.forward",
    ),
    of(
        "native.unknown",
        "A dialect that it doesn't speak is an error, not a trap.",
        "wit/provider.wit, native.dialects",
    ),
    of(
        "tools.list",
        "Tools have good names, each once, and say what they do; the list is the same each time.",
        TOOLS,
    ),
    of(
        "tools.schemas",
        "Schemas of arguments and results are valid, refer to nothing outside, and are of objects.",
        TOOLS,
    ),
    of("tools.hints", "Hints don't contradict each other.", TOOLS),
    of(
        "tools.example",
        "An example's call gives what the script says, and its result fits the schema.",
        TOOLS,
    ),
    of(
        "tools.repeated",
        "A read-only tool gives the same each time, in a fresh instance.",
        RULE_4,
    ),
    of(
        "tools.nonsense",
        "Arguments that fit the schema and make no sense are a result or an error, never a trap.",
        TOOLS,
    ),
    of(
        "tools.unknown",
        "A tool that there isn't is an error, never a trap.",
        TOOLS,
    ),
    of(
        "tools.outage",
        "What is down outside is an error or a failed result, never a trap.",
        TOOLS,
    ),
    of(
        "tools.cancel",
        "A call that is cancelled lets go of what it was reading.",
        TOOLS,
    ),
    of(
        "resources.list",
        "Resources and templates have URIs and names, each once.",
        RESOURCES,
    ),
    of(
        "resources.read",
        "Each resource that is listed can be read.",
        RESOURCES,
    ),
    of(
        "resources.unknown",
        "A resource that there isn't is `not-found`.",
        RESOURCES,
    ),
    of("prompts.list", "Prompts have names, each once.", PROMPTS),
    of(
        "prompts.fill",
        "Each prompt that is listed can be filled in.",
        PROMPTS,
    ),
    of(
        "prompts.unknown",
        "A prompt that there isn't is `not-found`, or `bad-request` where that can't be told from wrong arguments.",
        PROMPTS,
    ),
    of(
        "completions.suggest",
        "Suggestions are a list or an error, never a trap.",
        "wit/tool.wit, completions",
    ),
    of(
        "backend.describe",
        "An accelerator says who makes it, its version and its devices.",
        BACKEND,
    ),
    of(
        "backend.models",
        "Models have names, each once, and tasks.",
        BACKEND,
    ),
    of(
        "backend.unknown-model",
        "A model that there isn't is an error, never a trap.",
        BACKEND,
    ),
    of(
        "backend.generate",
        "Text from a prompt, in whole characters; it ends with `done`, once, and keeps to `max-tokens`.",
        BACKEND,
    ),
    of(
        "backend.repeated",
        "A greedy answer is the same again.",
        BACKEND,
    ),
    of(
        "backend.cancel",
        "An answer that is dropped leaves the backend free for the next.",
        BACKEND,
    ),
    of(
        "backend.count-tokens",
        "More text has more tokens.",
        BACKEND,
    ),
    of(
        "backend.embed",
        "A vector for each text, all of one length, the same for the same text.",
        BACKEND,
    ),
    of(
        "backend.tasks",
        "What a model can't do is an error, never a trap.",
        BACKEND,
    ),
    of(
        "stream.order",
        "In all answers of this run, events came in order.",
        RULE_1,
    ),
    of(
        "asks.no-more",
        "In this run, the component wanted nothing that its manifest doesn't ask for.",
        MANIFEST,
    ),
    of(
        "never.traps",
        "In this run, the component never trapped.",
        RULE_8,
    ),
    of(
        "never.hangs",
        "In this run, no call ran into a limit of time.",
        ERROR,
    ),
];

/// A case by its name.
///
/// # Panics
/// The kit itself names one that there isn't.
pub(crate) fn case(name: &str) -> &'static Case {
    let found = CASES.iter().find(|case| case.name == name);
    found.unwrap_or_else(|| panic!("the kit has no case {name:?}"))
}

/// The cases and scenarios as `docs/conformance.md` lists them.
pub fn documentation() -> String {
    let mut text = String::from(
        "| case | what a component must do | where that is written |\n|---|---|---|\n",
    );
    for Case { name, about, rule } in CASES {
        text += &format!("| `{name}` | {about} | {rule} |\n");
    }
    text += "\n| scenario | what is asked, and what must come of it |\n|---|---|\n";
    for scenario in crate::requests::SCENARIOS {
        let core = if scenario.core { " (core)" } else { "" };
        text += &format!("| `{}`{core} | {} |\n", scenario.name, scenario.about);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_them() {
        let page = include_str!("../../../docs/conformance.md");
        let listed = documentation();
        assert!(
            page.ends_with(&listed),
            "docs/conformance.md must end with:\n\n{listed}"
        );
    }
}
