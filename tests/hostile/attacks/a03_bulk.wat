;; 3: fills and copies a memory of 256 MiB with one instruction each, again and again.
(func $attack (param i32) (result i32)
  (drop (memory.grow (i32.const 4093)))
  (loop $again
    (memory.fill (i32.const 0) (i32.const 7) (i32.const 0x10000000))
    (memory.copy (i32.const 1) (i32.const 0) (i32.const 0xfffffff))
    (br $again))
  unreachable)

(func $next (result i32) unreachable)
