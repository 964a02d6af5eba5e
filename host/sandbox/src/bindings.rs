//! What `bindgen!` makes of `wit/`, fenced in. The rest of the host sees `types::neutral`.

#![allow(missing_docs, unreachable_pub, clippy::all)]

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

pub use provider::evenhand::plugin::{
    accelerators, config, http, log, tensors, types as wit, weights,
};
