;; 2: a module that stands beside a component's own: as soon as there is an instance, it grows its memory to 9 MiB and fills it.
(memory 0)

(func $grow
  (if (i32.eq (memory.grow (i32.const 144)) (i32.const -1)) (then unreachable))
  (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x900000)))

(start $grow)
