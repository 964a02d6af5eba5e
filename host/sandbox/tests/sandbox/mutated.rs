//! Loading never panics, whatever the bytes are: mutations of what is valid, and what wasm-smith makes up.

use arbitrary::{Arbitrary, Unstructured};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use tokio::task::JoinError;

use crate::support::{World, file};

/// A component with most kinds of sections: types, imports, modules, instances, aliases, functions, exports, and one inside it.
const SMALL: &str = r#"(component
    (import "host" (instance $host (export "log" (func (param "text" string)))))
    (core module $memory (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable))
    (core instance $memory (instantiate $memory))
    (alias core export $memory "memory" (core memory $linear))
    (core func $log (canon lower (func $host "log") (memory $linear)))
    (core module $main (import "host" "log" (func $log (param i32 i32))) (table 3 funcref)
        (global (mut i32) (i32.const 7)) (elem (i32.const 0) $run) (data "abc")
        (func $run (export "run") (param i32) (result i32)
            (call $log (i32.const 0) (i32.const 3)) (i32.add (local.get 0) (global.get 0))))
    (core instance $main (instantiate $main (with "host" (instance (export "log" (func $log))))))
    (func $run (param "x" u32) (result u32) (canon lift (core func $main "run")))
    (component $inner (import "f" (func $f (param "x" u32) (result u32))) (export "g" (func $f)))
    (instance $inner (instantiate $inner (with "f" (func $run))))
    (export "evenhand:plugin/provider@0.1.0" (instance $inner)))"#;

/// Loads, and expects a plugin or a reason.
fn loads_or_says_why(world: &World, bytes: Vec<u8>) {
    if let Err(error) = world.run(world.load_bytes(bytes, "mutated", "", &[])) {
        // A panic of a task comes back as an error of this kind.
        assert!(
            !error.chain().any(|it| it.is::<JoinError>()),
            "it panicked: {error:#}"
        );
    }
}

fn mutate(bytes: &mut [u8], changes: &[(Index, u8)]) {
    for (at, value) in changes {
        bytes[at.index(bytes.len())] = *value;
    }
}

#[test]
fn any_mutation_of_a_small_component() {
    let world = World::new();
    let small = wat::parse_str(SMALL).unwrap();
    let told = world.run(world.load_bytes(small.clone(), "small", "", &[]));
    let told = format!("{:#}", told.err().expect("refused"));
    assert!(
        told.contains("instance `host`"),
        "it is valid as it is: {told}"
    );
    let changes = vec(any::<(Index, u8)>(), 1..6);
    let cut = any::<Option<Index>>();
    proptest!(ProptestConfig::with_cases(2000), |(changes in changes, cut in cut)| {
        let mut bytes = small.clone();
        mutate(&mut bytes[8..], &changes);
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
        loads_or_says_why(&world, bytes);
    });
}

#[test]
fn any_mutation_of_a_real_plugin() {
    let world = World::new();
    let real = std::fs::read(file("misbehaving")).unwrap();
    // There are types and imports: what is wrong is found before code is compiled, so that many can be tried.
    let head = 8..real.len().min(4096);
    proptest!(ProptestConfig::with_cases(32), |(changes in vec(any::<(Index, u8)>(), 1..4))| {
        let mut bytes = real.clone();
        mutate(&mut bytes[head.clone()], &changes);
        loads_or_says_why(&world, bytes);
    });
}

#[test]
fn any_component_that_is_made_up() {
    let world = World::new();
    proptest!(ProptestConfig::with_cases(200), |(seed in vec(any::<u8>(), 100..3000))| {
        if let Ok(component) = wasm_smith::Component::arbitrary(&mut Unstructured::new(&seed)) {
            loads_or_says_why(&world, component.to_bytes());
        }
    });
}
