;; `wasi_snapshot_preview1` for a plugin, which gets nothing from its host. The module imports nothing but the memory of the plugin.
;;
;; What cannot matter to a result is answered, the same at every run: a clock that counts how often it was read, a fixed sequence
;; of random bytes, no arguments, no environment, closed input, output that is dropped, sleep that ends at once. There are no
;; directories, so no other file descriptor exists: calls with one give EBADF, as WASI says. A call that ends the program traps in
;; a function of its name.
(module
  (import "env" "memory" (memory 0))

  ;; Zero would not do as a time: Go's runtime gives up where its clock stands at zero.
  (global $now (mut i64) (i64.const 1000000000))
  (global $random (mut i64) (i64.const 0x2545f4914f6cdd1d))

  (func $clock_res_get (export "clock_res_get") (param $clock i32) (param $to i32) (result i32)
    (i64.store (local.get $to) (i64.const 1000))
    (i32.const 0))
  (func $clock_time_get (export "clock_time_get") (param $clock i32) (param $precision i64) (param $to i32) (result i32)
    (global.set $now (i64.add (global.get $now) (i64.const 1000)))
    (i64.store (local.get $to) (global.get $now))
    (i32.const 0))

  ;; splitmix64: each byte is the top one of the next number.
  (func $random_get (export "random_get") (param $to i32) (param $length i32) (result i32)
    (local $end i32)
    (local $mixed i64)
    (local.set $end (i32.add (local.get $to) (local.get $length)))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $to) (local.get $end)))
        (global.set $random (i64.add (global.get $random) (i64.const 0x9e3779b97f4a7c15)))
        (local.set $mixed
          (i64.mul
            (i64.xor (global.get $random) (i64.shr_u (global.get $random) (i64.const 30)))
            (i64.const 0xbf58476d1ce4e5b9)))
        (i64.store8 (local.get $to) (i64.shr_u (local.get $mixed) (i64.const 56)))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (br $next)))
    (i32.const 0))

  ;; No arguments and no environment: no entries, of no bytes.
  (func $args_sizes_get (export "args_sizes_get") (param $count i32) (param $bytes i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $bytes) (i32.const 0))
    (i32.const 0))
  (func $environ_sizes_get (export "environ_sizes_get") (param $count i32) (param $bytes i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $bytes) (i32.const 0))
    (i32.const 0))
  (func $args_get (export "args_get") (param i32 i32) (result i32) (i32.const 0))
  (func $environ_get (export "environ_get") (param i32 i32) (result i32) (i32.const 0))

  ;; The standard streams: output takes all bytes and drops them, input is at its end.
  (func $fd_write (export "fd_write") (param $fd i32) (param $vectors i32) (param $count i32) (param $written i32) (result i32)
    (local $sum i32)
    (if (i32.gt_u (local.get $fd) (i32.const 2)) (then (return (i32.const 8))))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $sum (i32.add (local.get $sum) (i32.load offset=4 (local.get $vectors))))
        (local.set $vectors (i32.add (local.get $vectors) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (i32.store (local.get $written) (local.get $sum))
    (i32.const 0))
  (func $fd_read (export "fd_read") (param $fd i32) (param $vectors i32) (param $count i32) (param $read i32) (result i32)
    (if (local.get $fd) (then (return (i32.const 8))))
    (i32.store (local.get $read) (i32.const 0))
    (i32.const 0))
  ;; A character device (2) with all rights.
  (func $fd_fdstat_get (export "fd_fdstat_get") (param $fd i32) (param $to i32) (result i32)
    (if (i32.gt_u (local.get $fd) (i32.const 2)) (then (return (i32.const 8))))
    (i64.store (local.get $to) (i64.const 2))
    (i64.store offset=8 (local.get $to) (i64.const -1))
    (i64.store offset=16 (local.get $to) (i64.const -1))
    (i32.const 0))
  (func $fd_fdstat_set_flags (export "fd_fdstat_set_flags") (param $fd i32) (param i32) (result i32)
    (select (i32.const 8) (i32.const 0) (i32.gt_u (local.get $fd) (i32.const 2))))
  (func $fd_close (export "fd_close") (param $fd i32) (result i32)
    (select (i32.const 8) (i32.const 0) (i32.gt_u (local.get $fd) (i32.const 2))))
  (func $fd_sync (export "fd_sync") (param $fd i32) (result i32)
    (select (i32.const 8) (i32.const 0) (i32.gt_u (local.get $fd) (i32.const 2))))
  (func $fd_datasync (export "fd_datasync") (param $fd i32) (result i32)
    (select (i32.const 8) (i32.const 0) (i32.gt_u (local.get $fd) (i32.const 2))))
  ;; A stream has no place: ESPIPE (70).
  (func $fd_seek (export "fd_seek") (param i32 i64 i32 i32) (result i32) (i32.const 70))
  (func $fd_tell (export "fd_tell") (param i32 i32) (result i32) (i32.const 70))

  ;; Sleep and waiting end at once: each subscription (48 bytes) gives an event (32 bytes) of its kind.
  (func $poll_oneoff (export "poll_oneoff") (param $in i32) (param $out i32) (param $count i32) (param $events i32) (result i32)
    (local $left i32)
    (local.set $left (local.get $count))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $left)))
        (i64.store (local.get $out) (i64.load (local.get $in)))
        (i64.store offset=8 (local.get $out)
          (i64.shl (i64.extend_i32_u (i32.load8_u offset=8 (local.get $in))) (i64.const 16)))
        (i64.store offset=16 (local.get $out) (i64.const 0))
        (i64.store offset=24 (local.get $out) (i64.const 0))
        (local.set $in (i32.add (local.get $in) (i32.const 48)))
        (local.set $out (i32.add (local.get $out) (i32.const 32)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (i32.store (local.get $events) (local.get $count))
    (i32.const 0))
  (func $sched_yield (export "sched_yield") (result i32) (i32.const 0))

  ;; The program ends.
  (func $proc_exit (export "proc_exit") (param i32) unreachable)
  (func $proc_raise (export "proc_raise") (param i32) (result i32) unreachable)

  ;; No directory is open, so no other descriptor exists: EBADF (8).
  (func $fd_prestat_get (export "fd_prestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func $fd_prestat_dir_name (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (i32.const 8))
  (func $fd_advise (export "fd_advise") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func $fd_allocate (export "fd_allocate") (param i32 i64 i64) (result i32) (i32.const 8))
  (func $fd_fdstat_set_rights (export "fd_fdstat_set_rights") (param i32 i64 i64) (result i32) (i32.const 8))
  (func $fd_filestat_get (export "fd_filestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func $fd_filestat_set_size (export "fd_filestat_set_size") (param i32 i64) (result i32) (i32.const 8))
  (func $fd_filestat_set_times (export "fd_filestat_set_times") (param i32 i64 i64 i32) (result i32) (i32.const 8))
  (func $fd_pread (export "fd_pread") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func $fd_pwrite (export "fd_pwrite") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func $fd_readdir (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func $fd_renumber (export "fd_renumber") (param i32 i32) (result i32) (i32.const 8))
  (func $path_create_directory (export "path_create_directory") (param i32 i32 i32) (result i32) (i32.const 8))
  (func $path_filestat_get (export "path_filestat_get") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func $path_filestat_set_times (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32)
    (i32.const 8))
  (func $path_link (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func $path_open (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (i32.const 8))
  (func $path_readlink (export "path_readlink") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func $path_remove_directory (export "path_remove_directory") (param i32 i32 i32) (result i32) (i32.const 8))
  (func $path_rename (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func $path_symlink (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func $path_unlink_file (export "path_unlink_file") (param i32 i32 i32) (result i32) (i32.const 8))
  (func $sock_accept (export "sock_accept") (param i32 i32 i32) (result i32) (i32.const 8))
  (func $sock_recv (export "sock_recv") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func $sock_send (export "sock_send") (param i32 i32 i32 i32 i32) (result i32) (i32.const 8))
  (func $sock_shutdown (export "sock_shutdown") (param i32 i32) (result i32) (i32.const 8))

  ;; What the usual adapter has beside WASI. Go's bindings stop its clock while memory is handed over; this one does not run anyway.
  (func $adapter_monotonic_clock_set_paused (export "adapter_monotonic_clock_set_paused") (param i32))
  (func $adapter_open_badfd (export "adapter_open_badfd") (param i32) (result i32) (i32.const 8))
  (func $adapter_close_badfd (export "adapter_close_badfd") (param i32) (result i32) (i32.const 0))
  (func $reset_adapter_state (export "reset_adapter_state")))
