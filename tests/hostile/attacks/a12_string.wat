;; 12: an error whose message has 4 GiB, by its length.
(func $attack (param i32) (result i32) (call $fails (i32.const 0) (i32.const 0xffffffff)))

(func $next (result i32) unreachable)
