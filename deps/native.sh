#!/bin/sh
# Builds GMP, nettle and GnuTLS for this machine, with what watches over them in tests: for `make fuzz` and `make faults`.
#
#   deps/native.sh TARBALLS OUT           OUT gets include/ and lib/, watched over by clang's AddressSanitizer
#   deps/native.sh TARBALLS OUT thread    OUT/thread gets a GnuTLS that ThreadSanitizer watches over
#
# The same sources and patches as in the DLL; libgcrypt is Debian's. GMP and nettle are watched over where they are called, not within: their
# assembly cannot be, and is not what reads a peer's bytes. A build from the same inputs is left alone.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1" "$2/log"
# shellcheck disable=SC2034 # unpack, of build.sh, wants it
tarballs=$(cd "$1" && pwd)
out=$(cd "$2" && pwd)
work=$out/work
jobs=${JOBS:-$(nproc)}
prefix=$out # of GnuTLS
watch="-fsanitize=address,fuzzer-no-link"
built=$out/.built

# How a tarball is unpacked and patched, and what is said when something fails, is the same as for Windows.
eval "$(sed -n '/^step() {/,/^}/p; /^locked() {/,/^}/p; /^unpack() {/,/^}/p' "$here/build.sh")"

inputs=$({ grep -E 'sha256 .* (gmp|nettle|gnutls28)_' "$here/lock"; cat "$0" "$here/patches/"*.patch; clang --version; } | sha256sum)
if [ "${3:-}" = thread ]; then
    "$0" "$1" "$2" # what that GnuTLS stands on is the same
    prefix=$out/thread
    watch=-fsanitize=thread
    built=$out/.built-thread
fi
[ "$(cat "$built" 2>/dev/null)" != "$inputs" ] || exit 0

plain="-O2 -g"
configure_gmp() {
    mkdir -p doc && echo 'all install:' >doc/Makefile.in || return
    ./configure --prefix="$out" --disable-shared --enable-static --disable-cxx CC=gcc CFLAGS="$plain -fPIC"
}

configure_nettle() {
    ./configure --prefix="$out" --libdir="$out/lib" --disable-shared --enable-static --enable-fat --disable-documentation \
        --disable-openssl --with-include-path="$out/include" --with-lib-path="$out/lib" CC=gcc CFLAGS="$plain"
}

# As for Windows, where it is about what the library does.
configure_gnutls() {
    ./configure --prefix="$prefix" --disable-shared --enable-static --with-included-libtasn1 --with-included-unistring \
        --without-p11-kit --without-idn --without-zlib --without-brotli --without-zstd --without-tpm --without-tpm2 \
        --with-system-priority-file= --with-default-trust-store-file= --enable-ssl3-support --enable-ssl2-support \
        --disable-tools --disable-cxx --disable-doc --disable-tests --disable-nls --disable-libdane --disable-guile \
        --disable-full-test-suite --disable-rpath --disable-gost --enable-hardware-acceleration --disable-dyn-ncrypt \
        PKG_CONFIG_LIBDIR="$out/lib/pkgconfig" GMP_CFLAGS="-I$out/include" GMP_LIBS="-L$out/lib -lgmp" \
        CC=clang CFLAGS="-O1 -g -fno-omit-frame-pointer $watch" CPPFLAGS="-I$out/include" LDFLAGS="-L$out/lib"
}

library() { # package dir
    echo "  DEPS    native $2"
    step "$2-unpack" unpack "$1" "$2"
    (cd "$work/$2" && step "$2-configure" "configure_${2%-*}")
    step "$2-make" make -C "$work/$2" -j"$jobs"
    step "$2-install" make -C "$work/$2" install
}

# nettle's own tests of what our patches to it change.
nettle_tests() {
    set -- rsa-test rsa-sign-tr-test rsa-compute-root-test pss-test ecc-mod-arith-test ecc-add-test ecc-dup-test ecc-mul-a-test ecc-mul-g-test \
        ecdh-test ecdsa-sign-test ecdsa-verify-test curve25519-dh-test ed25519-test
    cd "$work/nettle/testsuite" && make -j"$jobs" "$@" || return
    for test; do
        echo "$test" && srcdir=. "./$test" || return
    done
}

if [ "${3:-}" = thread ]; then
    library gnutls28 gnutls-thread
else
    library gmp gmp
    library nettle nettle
    (step nettle-tests nettle_tests)
    library gnutls28 gnutls
fi
echo "$inputs" >"$built"
