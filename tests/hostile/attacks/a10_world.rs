//! 10: exports `provider` with other functions than the contract's.

#[cfg(target_family = "wasm")]
#[allow(unsafe_code, unreachable_pub, reason = "generated")]
mod generated {
    wit_bindgen::generate!({ inline: "
        package evenhand:plugin@0.1.0;
        interface provider { check: func() -> u32; models: func() -> string; }
        world attack { export provider; }
    " });

    struct Attacker;

    impl exports::evenhand::plugin::provider::Guest for Attacker {
        fn check() -> u32 {
            7
        }

        fn models() -> String {
            "none".into()
        }
    }

    export!(Attacker);
}
