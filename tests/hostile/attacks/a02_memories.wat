;; 2: grows three memories in turn, each to 30 MiB and no further, and fills them. The limit is on the sum.
(memory $a 0) (memory $b 0) (memory $c 0)
(data (i32.const 0x100) "90 MiB")

(func $attack (param i32) (result i32)
  (local $mib i32)
  (loop $next
    (if (i32.or (i32.or
          (i32.eq (memory.grow $a (i32.const 16)) (i32.const -1))
          (i32.eq (memory.grow $b (i32.const 16)) (i32.const -1)))
          (i32.eq (memory.grow $c (i32.const 16)) (i32.const -1)))
      (then unreachable))
    (memory.fill $a (i32.shl (local.get $mib) (i32.const 20)) (i32.const 1) (i32.const 0x100000))
    (memory.fill $b (i32.shl (local.get $mib) (i32.const 20)) (i32.const 1) (i32.const 0x100000))
    (memory.fill $c (i32.shl (local.get $mib) (i32.const 20)) (i32.const 1) (i32.const 0x100000))
    (local.set $mib (i32.add (local.get $mib) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $mib) (i32.const 30))))
  (call $fails (i32.const 0x100) (i32.const 6)))

(func $next (result i32) unreachable)
