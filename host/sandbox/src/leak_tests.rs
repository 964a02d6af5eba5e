//! Places of the pool are used again and again: what a component of an earlier call left in them must be gone. In text, because
//! tables, globals and memory that nobody asked for can't be named in Rust.

use tokio::runtime::Runtime;
use wasmtime::Store;
use wasmtime::component::{Component, Linker};

use crate::{Compiler, Guests, Sandbox};

/// `run` counts what it finds where it has not written yet, and then writes there: a global, a table's last element and one that it
/// grew, memory behind the data and memory that it grew.
const REMEMBERS: &str = r#"
(component
  (core module $m
    (memory 2 4)
    (data (i32.const 0) "data")
    (table $t 4 8 funcref)
    (global $g (mut i32) (i32.const 0))
    (elem declare func $f)
    (func $f)
    (func (export "run") (result i32)
      (local $found i32)
      (drop (memory.grow (i32.const 2)))
      (drop (table.grow $t (ref.null func) (i32.const 4)))
      (local.set $found (i32.ne (global.get $g) (i32.const 0)))
      (local.set $found (i32.add (local.get $found) (i32.eqz (ref.is_null (table.get $t (i32.const 3))))))
      (local.set $found (i32.add (local.get $found) (i32.eqz (ref.is_null (table.get $t (i32.const 7))))))
      (local.set $found (i32.add (local.get $found) (i32.ne (i32.load (i32.const 0)) (i32.const 0x61746164))))
      (local.set $found (i32.add (local.get $found) (i32.ne (i32.load (i32.const 4)) (i32.const 0))))
      (local.set $found (i32.add (local.get $found) (i32.ne (i32.load (i32.const 100000)) (i32.const 0))))
      (local.set $found (i32.add (local.get $found) (i32.ne (i32.load (i32.const 131072)) (i32.const 0))))
      (local.set $found (i32.add (local.get $found) (i32.ne (i32.load (i32.const 262140)) (i32.const 0))))
      (global.set $g (i32.const 1))
      (table.set $t (i32.const 3) (ref.func $f))
      (table.set $t (i32.const 7) (ref.func $f))
      (memory.fill (i32.const 0) (i32.const 0xa5) (i32.const 262144))
      (local.get $found)))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
"#;

#[test]
fn a_place_of_the_pool_forgets() {
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle().clone();
    let guests = Guests {
        fast: handle.clone(),
        slow: handle.clone(),
    };
    let place = Sandbox::new(handle, guests, Compiler::in_process())
        .unwrap()
        .pooled;
    let component = Component::new(&place.engine, wat::parse_str(REMEMBERS).unwrap()).unwrap();
    let pre = Linker::new(&place.engine)
        .instantiate_pre(&component)
        .unwrap();
    let again_in_one_instance = async |calls: usize| {
        let mut store = Store::new(&place.engine, ());
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let instance = pre.instantiate_async(&mut store).await.unwrap();
        let run = instance
            .get_typed_func::<(), (u32,)>(&mut store, "run")
            .unwrap();
        let mut found = 0;
        for _ in 0..calls {
            found = run.call_async(&mut store, ()).await.unwrap().0;
        }
        found
    };
    runtime.block_on(async {
        // It would find them, were it the same instance.
        assert_eq!(again_in_one_instance(2).await, 8);
        for _ in 0..10_000 {
            assert_eq!(again_in_one_instance(1).await, 0);
        }
    });
}
