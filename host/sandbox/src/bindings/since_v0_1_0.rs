//! Contract 0.1.0, the newest: what `bindgen!` makes of `wit/`, fenced in. The rest of the host sees `types::neutral`.

#![allow(missing_docs, unreachable_pub, clippy::all)]

use semver::Version;

/// This version.
pub const VERSION: Version = Version::new(0, 1, 0);

/// Its exports, by which a component shows what it is.
pub const PROVIDER: &str = "evenhand:plugin/provider@0.1.0";
pub const NATIVE: &str = "evenhand:plugin/native@0.1.0";
pub const BACKEND: &str = "evenhand:plugin/backend@0.1.0";
pub const TOOLS: &str = "evenhand:plugin/tools@0.1.0";
pub const RESOURCES: &str = "evenhand:plugin/resources@0.1.0";
pub const PROMPTS: &str = "evenhand:plugin/prompts@0.1.0";
pub const COMPLETIONS: &str = "evenhand:plugin/completions@0.1.0";

pub mod provider {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "provider-world",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "evenhand:plugin/http.body": crate::body::Body,
            "evenhand:plugin/http.response": crate::egress::Response,
            "evenhand:plugin/weights.file": crate::weights::WeightsFile,
            "evenhand:plugin/accelerators.model": crate::broker::RemoteModel,
            "evenhand:plugin/accelerators.generation": crate::broker::RemoteGeneration,
        },
    });
}

pub mod native {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "provider-native-world",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "evenhand:plugin/types": super::wit,
            "evenhand:plugin/tensors": super::tensors,
            "evenhand:plugin/log": super::provider::evenhand::plugin::log,
            "evenhand:plugin/config": super::provider::evenhand::plugin::config,
            "evenhand:plugin/http": super::provider::evenhand::plugin::http,
            "evenhand:plugin/weights": super::provider::evenhand::plugin::weights,
            "evenhand:plugin/accelerators": super::provider::evenhand::plugin::accelerators,
        },
    });
}

pub mod accelerator {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "accelerator",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "evenhand:plugin/types": super::wit,
            "evenhand:plugin/tensors": super::tensors,
            "evenhand:plugin/log": super::provider::evenhand::plugin::log,
            "evenhand:plugin/config": super::provider::evenhand::plugin::config,
            "evenhand:plugin/http": super::provider::evenhand::plugin::http,
            "evenhand:plugin/weights": super::provider::evenhand::plugin::weights,
        },
    });
}

pub mod tool {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "tool-world",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "evenhand:plugin/types": super::wit,
            "evenhand:plugin/log": super::provider::evenhand::plugin::log,
            "evenhand:plugin/config": super::provider::evenhand::plugin::config,
            "evenhand:plugin/http": super::provider::evenhand::plugin::http,
        },
    });
}

pub mod resources {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "resources-world",
        exports: { default: async },
        with: {
            "evenhand:plugin/types": super::wit,
            "evenhand:plugin/tool-types": super::tool_types,
        },
    });
}

pub mod prompts {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "prompts-world",
        exports: { default: async },
        with: {
            "evenhand:plugin/types": super::wit,
            "evenhand:plugin/tool-types": super::tool_types,
        },
    });
}

pub mod completions {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "completions-world",
        exports: { default: async },
        with: {
            "evenhand:plugin/types": super::wit,
        },
    });
}

pub use tool::evenhand::plugin::{kv, sql, state as notes, tool_host, tool_types};

pub use provider::evenhand::plugin::{
    accelerators, config, http, log, tensors, types as wit, weights,
};
