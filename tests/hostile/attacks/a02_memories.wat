;; 2: a module that has four memories of its own.
(memory 1) (memory 1) (memory 1)

(func $attack (param i32) (result i32) (call $fails (i32.const 0) (i32.const 0)))

(func $next (result i32) unreachable)
