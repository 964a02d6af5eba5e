;; 12: a message as large as all of its memory, which is there: 100 MiB for the host to copy.
(func $attack (param i32) (result i32)
  (drop (memory.grow $memory (i32.const 1600)))
  (call $fails (i32.const 0x20000) (i32.const 0x6400000)))

(func $next (result i32) unreachable)
