//! 10: imports a function that the contract doesn't have.

#[cfg(target_family = "wasm")]
#[allow(unsafe_code, unreachable_pub, reason = "generated")]
mod generated {
    wit_bindgen::generate!({ inline: "
        package evenhand:plugin@0.1.0;
        interface shell { run: func(command: string) -> string; }
        interface provider { check: func() -> string; }
        world attack { import shell; export provider; }
    " });

    struct Attacker;

    impl exports::evenhand::plugin::provider::Guest for Attacker {
        fn check() -> String {
            evenhand::plugin::shell::run("id")
        }
    }

    export!(Attacker);
}
