;; 12: a batch of four thousand million events, by its length.
(func $attack (param i32) (result i32)
  (i32.store (i32.const 0x8008) (call $generation (i32.const 1)))
  (i32.const 0x8000))

(func $next (result i32)
  (i32.store (i32.const 0x9008) (i32.const 1))
  (i32.store (i32.const 0x900c) (i32.const 0))
  (i32.store (i32.const 0x9010) (i32.const 0xffffffff))
  (i32.const 0x9000))
