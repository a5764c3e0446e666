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
library=$sysroot/lib/rustlib/src/rust/library
installed=$sysroot/lib/rustlib/$target/lib

say() { printf 'wasm-target: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Whether the compiler has the target: rlibs of another version would not load, and each has its own sysroot.
present() { compgen -G "$installed/libstd-*.rlib" >/dev/null; }

add_with_rustup() {
  command -v rustup >/dev/null && timeout 180 rustup target add "$target" >/dev/null 2>&1 && present
}

# The machine's own Debian mirror, as apt knows it.
debian_mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null \
    | grep -vE '^[[:space:]]*#' | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -1 | tr -d ' '
}

# Unpacks rust-src of the compiler's version into $1, through a private apt set-up: the system's lists and packages
# stay as they are, and signatures are verified as ever.
fetch_rust_src() {
  local work=$1 mirror package
  local -a apt=(-oDir::Etc::SourceList=/dev/null "-oDir::Etc::SourceParts=$work/etc" "-oDir::State::Lists=$work/lists"
    "-oDir::Cache=$work/cache" -oAPT::Sandbox::User=root)
  command -v apt-get >/dev/null || die "no apt-get here: run 'rustup target add $target' where it can be reached"
  mirror=$(debian_mirror) || true
  [ -n "$mirror" ] || die "no Debian mirror in /etc/apt: run 'rustup target add $target' where it can be reached"
  mkdir -p "$work/etc" "$work/lists/partial" "$work/cache/archives/partial"
  cat >"$work/etc/rust-src.sources" <<SOURCES
Types: deb
URIs: $mirror
Suites: trixie-backports sid
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
  apt-get "${apt[@]}" -q update >"$work/update.log" 2>&1 || cat "$work/update.log" >&2 # one suite may be enough
  package=$(apt-cache "${apt[@]}" madison rust-src 2>/dev/null | awk -v v="$version" 'index($3, v) == 1 { print $3; exit }')
  [ -n "$package" ] || die "Debian has no rust-src $version: install the target by hand, or use a compiler that Debian has"
  (cd "$work" && apt-get "${apt[@]}" -q download "rust-src=$package" >/dev/null && dpkg -x rust-src_*.deb unpacked)
}

# Compiles an empty crate with -Zbuild-std: its dependencies are the rlibs that we want.
build_std() {
  local work=$1 borrowed=
  mkdir -p "$work/empty/src"
  printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' >"$work/empty/Cargo.toml"
  printf '#![no_std]\n' >"$work/empty/src/lib.rs"
  if [ ! -e "$library/std" ]; then
    fetch_rust_src "$work"
    mkdir -p "$(dirname "$library")"
    cp -r "$work/unpacked/usr/src/rustc-$version/library" "$library"
    borrowed=yes
  fi
  local built=0
  (cd "$work/empty" && env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$work/target" \
    cargo build --quiet --release --target "$target" -Zbuild-std=std,panic_abort) || built=$?
  [ -z "$borrowed" ] || rm -rf "$library" # a later `rustup component add rust-src` must not find it in the way
  [ "$built" = 0 ] || die "the standard library of $version does not build"
  mkdir -p "$work/rlibs"
  find "$work/target/$target/release/deps" -name '*.rlib' ! -name 'libempty-*' -exec cp {} "$work/rlibs/" \;
  mkdir -p "$(dirname "$cache")"
  mv -T "$work/rlibs" "$cache" 2>/dev/null || [ -d "$cache" ] # somebody else was first
}

present && exit 0
if add_with_rustup; then
  say "added $target with rustup"
  exit 0
fi
[ -w "$sysroot/lib/rustlib" ] || die "cannot write to '$sysroot': run this as its owner, or 'rustup target add $target'"
if [ ! -d "$cache" ]; then
  say "rustup cannot fetch $target: building its standard library from Debian's rust-src $version (once, a minute or two)"
  mkdir -p "$(dirname "$cache")"
  work=$(mktemp -d "$(dirname "$cache")/wasm-std.XXXXXX") # beside the cache: the last step is one rename
  trap 'rm -rf "$work"' EXIT
  build_std "$work"
fi
mkdir -p "$installed"
cp "$cache"/*.rlib "$installed/"
present || die "the target is still missing after the build: remove '$cache' and try again"
say "installed $target for rustc $version"
