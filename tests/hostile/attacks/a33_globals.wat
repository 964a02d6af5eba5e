;; 33: leaves marks in a global, a table and memory, and says whether it finds one.
(global $mark (mut i32) (i32.const 0))
(table $table 1 100 funcref)
(elem declare func $next)
(data (i32.const 0x100) "found nothing")

(func $attack (param i32) (result i32)
  (if (i32.or (i32.or
        (global.get $mark)
        (i32.load (i32.const 0xa000)))
        (i32.or (i32.ne (table.size $table) (i32.const 1))
                (i32.eqz (ref.is_null (table.get $table (i32.const 0))))))
    (then (return (call $fails (i32.const 0x100) (i32.const 5)))))
  (global.set $mark (i32.const 1))
  (i32.store (i32.const 0xa000) (i32.const 1))
  (table.set $table (i32.const 0) (ref.func $next))
  (drop (table.grow $table (ref.func $next) (i32.const 10)))
  (call $fails (i32.const 0x106) (i32.const 7)))

(func $next (result i32) unreachable)
