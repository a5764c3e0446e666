#!/usr/bin/env bash
# Makes `cargo build --target wasm32-unknown-unknown` work for the installed compiler.
#
# First `rustup target add`. Where the toolchain's servers are not reached, the standard library is built once from
# Debian's `rust-src` of the same version and put beside the compiler. Does nothing when the target is there.
set -euo pipefail

target=wasm32-unknown-unknown
sysroot=$(rustc --print sysroot)
version=$(rustc --version | cut -d' ' -f2)
cache=${STREAMGAUGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/streamgauge}/wasm-std-$version

say() { printf 'wasm-target: %s\n' "$*" >&2; }

present() { compgen -G "$sysroot/lib/rustlib/$target/lib/libstd-*.rlib" >/dev/null; }

install_cached() {
  [ -e "$cache/complete" ] || return 1
  mkdir -p "$sysroot/lib/rustlib/$target/lib"
  cp "$cache"/*.rlib "$sysroot/lib/rustlib/$target/lib/"
}

# Unpacks rust-src of the compiler's version into $1, through a private apt set-up that leaves the system's alone.
fetch_rust_src() {
  local work=$1 mirror package
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null \
    | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -1 | tr -d ' ')
  [ -n "$mirror" ] || { say "no Debian mirror in /etc/apt; run 'rustup target add $target' where it can be reached"; return 1; }
  mkdir -p "$work/etc" "$work/lists/partial" "$work/cache/archives/partial"
  cat >"$work/etc/rust-src.sources" <<SOURCES
Types: deb
URIs: $mirror
Suites: trixie trixie-backports sid
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
  local -a apt=(-oDir::Etc::SourceList=/dev/null "-oDir::Etc::SourceParts=$work/etc" "-oDir::State::Lists=$work/lists"
    "-oDir::Cache=$work/cache" -oAPT::Sandbox::User=root)
  apt-get "${apt[@]}" -q update >/dev/null
  package=$(apt-cache "${apt[@]}" madison rust-src | awk -v v="$version" 'index($3, v) == 1 { print $3; exit }')
  [ -n "$package" ] || { say "Debian has no rust-src $version; install the target by hand: rustup target add $target"; return 1; }
  (cd "$work" && apt-get "${apt[@]}" -q download "rust-src=$package" && dpkg -x rust-src_*.deb unpacked)
}

build_std() {
  local work
  work=$(mktemp -d)
  trap 'rm -rf "$work"' RETURN
  fetch_rust_src "$work"
  mkdir -p "$sysroot/lib/rustlib/src/rust"
  rm -rf "$sysroot/lib/rustlib/src/rust/library"
  cp -r "$work/unpacked/usr/src/rustc-$version/library" "$sysroot/lib/rustlib/src/rust/library"
  mkdir -p "$work/empty/src"
  printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' >"$work/empty/Cargo.toml"
  printf '' >"$work/empty/src/lib.rs"
  (cd "$work/empty" && RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$work/target" \
    cargo build --release --target "$target" -Zbuild-std=std,panic_abort)
  mkdir -p "$cache"
  find "$work/target/$target/release/deps" -name '*.rlib' ! -name 'libempty-*' -exec cp {} "$cache/" \;
  touch "$cache/complete"
}

if present; then exit 0; fi
if rustup target add "$target" >/dev/null 2>&1 && present; then say "added $target with rustup"; exit 0; fi
say "rustup cannot fetch $target; building its standard library from Debian's rust-src $version (about 2 minutes, once)"
install_cached || { build_std && install_cached; }
present || { say "the target is still missing"; exit 1; }
say "installed $target for rustc $version"
