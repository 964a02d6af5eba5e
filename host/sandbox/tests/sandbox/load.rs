use crate::support::{World, file};

/// Why a component is refused.
fn refused(bytes: Vec<u8>, text: &str) -> String {
    let world = World::new();
    let loaded = world.run(world.load_bytes(bytes, "refused", text, &[]));
    format!("{:#}", loaded.err().expect("refused"))
}

fn component(name: &str) -> Vec<u8> {
    std::fs::read(file(name)).unwrap()
}

#[test]
fn what_fits_no_world_is_refused_with_what_was_expected() {
    let foreign = r#"(component
        (import "acme:gpu/cuda" (instance (export "run" (func))))
        (instance $nothing)
        (export "evenhand:plugin/provider@0.1.0" (instance $nothing)))"#;
    for (bytes, reason) in [
        (b"garbage".to_vec(), "not WebAssembly"),
        (wat::parse_str("(module)").unwrap(), "core WebAssembly module"),
        (wat::parse_str("(component)").unwrap(), "exports nothing"),
        (
            wat::parse_str(r#"(component (instance $i) (export "acme:other/world" (instance $i)))"#).unwrap(),
            "exports acme:other/world",
        ),
        (
            wat::parse_str(r#"(component (instance $i) (export "evenhand:plugin/provider@0.1.0" (instance $i)))"#).unwrap(),
            "provider",
        ),
        (wat::parse_str(foreign).unwrap(), "acme:gpu/cuda"),
        (component("misbehaving")[..1000].to_vec(), "not a valid component"),
    ] {
        let told = refused(bytes, "");
        assert!(told.contains(reason), "{told:?} does not say {reason:?}");
    }
}

#[test]
fn keeping_an_instance_is_a_grant_for_accelerators() {
    let told = refused(component("counting"), "");
    assert!(told.contains("keep = true"), "{told}");
    let told = refused(component("misbehaving"), "grant = { keep = true }");
    assert!(told.contains("accelerators"), "{told}");
}

#[test]
fn a_limit_that_the_pool_cannot_give_is_refused() {
    let told = refused(component("misbehaving"), "limits = { memory = \"4GiB\" }");
    assert!(told.contains("limits.memory"), "{told}");
}

#[test]
fn a_secret_without_a_value_is_refused() {
    let grant = "grant = { secrets = { key = { env = \"X\", as = \"bearer\", to = [\"https://a.example\"] } } }";
    let told = refused(component("misbehaving"), grant);
    assert!(told.contains("\"key\""), "{told}");
}
