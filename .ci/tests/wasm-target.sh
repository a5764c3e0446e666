#!/usr/bin/env bash
# The way without the toolchain's servers: a copy of the compiler that has no wasm32 target, and a rustup that fails.
# Downloads 45 MB from Debian's mirror and compiles for two minutes; not part of the gate.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "wasm-target.sh: $*" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -a "$(rustc --print sysroot)" "$work/toolchain"
rm -rf "$work/toolchain/lib/rustlib/wasm32-unknown-unknown" "$work/toolchain/lib/rustlib/src"
printf '#!/bin/sh\nexit 1\n' >"$work/toolchain/bin/rustup"
chmod +x "$work/toolchain/bin/rustup"
export PATH=$work/toolchain/bin:$PATH STREAMGAUGE_CACHE=$work/cache
[ "$(rustc --print sysroot)" = "$work/toolchain" ] || fail "the copied compiler does not use its own folder"

printf '#[unsafe(no_mangle)]\npub extern "C" fn answer() -> usize { vec![0u8; 42].len() }\n' >"$work/guest.rs"
guest() { rustc --edition 2024 -O --crate-type cdylib --target wasm32-unknown-unknown -o "$work/guest.wasm" "$work/guest.rs"; }
guest 2>/dev/null && fail "the copied compiler still has the target"

./wasm-target.sh
guest
[ "$(head -c 4 "$work/guest.wasm" | od -An -tx1 | tr -d ' ')" = 0061736d ] || fail "the guest is not a wasm module"
[ ! -e "$work/toolchain/lib/rustlib/src" ] || [ ! -e "$work/toolchain/lib/rustlib/src/rust/library" ] || fail "rust-src stays behind"

# A second machine with the same cache: no network, no build.
rm -rf "$work/toolchain/lib/rustlib/wasm32-unknown-unknown"
before=$SECONDS
./wasm-target.sh
[ $((SECONDS - before)) -lt 10 ] || fail "the cache was not used"
guest
./wasm-target.sh # present: nothing to say
echo "wasm-target.sh: ok"
