#!/bin/sh
# Builds GMP, nettle, GnuTLS and libgcrypt as static libraries for one Windows architecture.
#
#   deps/build.sh ARCH TARBALLS OUT    ARCH is x86_64 or i686; OUT gets include/ and lib/
#
# Each library is built from Debian's tarball with Debian's patches, then ours from deps/patches. A library
# already built from the same inputs is left alone. Logs are OUT/log/*.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
arch=$1
mkdir -p "$2" "$3/log"
tarballs=$(cd "$2" && pwd)
out=$(cd "$3" && pwd)
host=$arch-w64-mingw32
work=$out/work
jobs=${JOBS:-$(nproc)}
before=nothing

# _WIN32_WINNT: Windows 10. The prefix map keeps this folder's name out of the DLL: assertions and debug lines
# carry __FILE__. -gdwarf-4 because winedbg 8 reads no newer.
cflags="-O2 -gdwarf-4 -D_WIN32_WINNT=0x0A00 -D__MINGW_USE_VC2005_COMPAT -ffile-prefix-map=$work=."
# i686 keeps gcc's default of no SSE: where gcc may use it, it puts nettle's 64-bit GHASH arithmetic into SSE registers
# and AES-GCM runs at a third of its speed. The assembly modules choose by CPUID anyway.

step() { # name command...
    name=$1
    shift
    "$@" >"$out/log/$name" 2>&1 || {
        tail -n 30 "$out/log/$name" >&2
        echo "deps: $name failed; the whole log is $out/log/$name" >&2
        exit 1
    }
}

# The name of a package's tarball; a signature may lie beside it.
locked() { # package orig|debian
    awk -v p="$1_" -v kind="[.]$2[.]tar" '$1 == "sha256" && index($3, p) == 1 && $3 ~ kind { print $3 }' "$here/lock"
}

# Orig tarball, Debian's patches, our patches. Every file then gets one time, so that make does not think that
# a patched configure.ac calls for autoconf.
# (set -e does not hold in a function whose failure is looked at, so each step says it.)
unpack() { # package dir
    rm -rf "${work:?}/$2"
    mkdir -p "$work/$2" || return
    tar -xf "$tarballs/$(locked "$1" orig)" -C "$work/$2" --strip-components=1 || return
    tar -xf "$tarballs/$(locked "$1" debian)" -C "$work/$2" || return
    {
        sed -n 's|^[^# ][^ ]*|debian/patches/&|p' "$work/$2/debian/patches/series"
        find "$here/patches" -name "$1-*.patch" | sort
    } >"$work/$2.series"
    while read -r patch; do
        (cd "$work/$2" && patch -p1 -F0 --no-backup-if-mismatch -s -i "$patch") || return
    done <"$work/$2.series"
    find "$work/$2" -exec touch -h -d @1700000000 {} +
}

# The sum of everything a build's result depends on: what built the library before it among it.
inputs() { # package dir
    {
        grep "sha256 .* $1_" "$here/lock"
        grep '^cflags=' "$0"
        sed -n "/^configure_$2()/,/^}/p" "$0"
        cat "$here/patches/$1"-*.patch "$out/.$before" 2>/dev/null
        "$host-gcc" --version
    } | sha256sum
}

library() { # package dir seconds [variable of make]
    inputs=$(inputs "$1" "$2")
    if [ "$(cat "$out/.$2" 2>/dev/null)" = "$inputs" ]; then before=$2 && return; fi
    echo "  DEPS    $arch $2 (about $3 s on two cores)"
    start=$(date +%s)
    step "$2-unpack" unpack "$1" "$2"
    (cd "$work/$2" && step "$2-configure" "configure_$2")
    step "$2-make" make -C "$work/$2" -j"$jobs" "${4:-_=}"
    step "$2-install" make -C "$work/$2" "${4:-_=}" install
    echo "$inputs" >"$out/.$2"
    before=$2
    echo "  DEPS    $arch $2 done in $(($(date +%s) - start)) s"
}

configure_gmp() {
    # Debian's tarball has no manual (its licence), but configure wants to make its Makefile.
    mkdir -p doc && echo 'all install:' >doc/Makefile.in || return
    # GMP takes the processor from the host's name. In 32 bit everybody has SSE2 since Windows 8; "i686" has none.
    case $arch in i686) cpu=core2 abi=32 ;; *) cpu=$arch abi=64 ;; esac
    ./configure --host="$cpu-w64-mingw32" ABI=$abi --prefix="$out" \
        --disable-shared --enable-static --disable-cxx CC="$host-gcc" AR="$host-ar" NM="$host-nm" RANLIB="$host-ranlib" \
        STRIP="$host-strip" DLLTOOL="$host-dlltool" CC_FOR_BUILD=gcc CFLAGS="$cflags"
}

configure_nettle() {
    ./configure --host="$host" --prefix="$out" --libdir="$out/lib" --disable-shared --enable-static \
        --enable-fat --disable-documentation --disable-openssl --enable-assembler \
        --with-include-path="$out/include" --with-lib-path="$out/lib" CC_FOR_BUILD=gcc CFLAGS="$cflags"
}

configure_gnutls() {
    # ac_cv_have___get_cpuid_count: configure asks one variable and tests another, so without this the SHA
    # extensions are never found (SHA-256 then runs at a fifth of its speed).
    # An empty system priority file compiles the reading of one out: what is negotiated is decided by
    # dlls/schannel/priority.c alone.
    ./configure --host="$host" --prefix="$out" --disable-shared --enable-static \
        --with-included-libtasn1 --with-included-unistring --without-p11-kit --without-idn --without-zlib \
        --without-brotli --without-zstd --without-tpm --without-tpm2 --with-system-priority-file= \
        --with-default-trust-store-file= --enable-ssl3-support --enable-ssl2-support --disable-tools \
        --disable-cxx --disable-doc --disable-tests --disable-nls --disable-libdane --disable-guile \
        --disable-full-test-suite --disable-rpath --disable-gost --enable-hardware-acceleration \
        --enable-threads=windows --disable-dyn-ncrypt \
        ac_cv_have___get_cpuid_count=yes \
        PKG_CONFIG_LIBDIR="$out/lib/pkgconfig" GMP_CFLAGS="-I$out/include" GMP_LIBS="-L$out/lib -lgmp" \
        CFLAGS="$cflags" CPPFLAGS="-I$out/include" LDFLAGS="-L$out/lib"
}

configure_gpg_error() {
    ./configure --host="$host" --prefix="$out" --disable-shared --enable-static --disable-nls --disable-doc --disable-tests \
        --disable-languages CFLAGS="$cflags"
}

# Of libgcrypt only the ciphers of record protection are wanted; the rest is what it does not link without.
configure_gcrypt() {
    ./configure --host="$host" --prefix="$out" --disable-shared --enable-static --disable-doc --disable-build-timestamp \
        --with-libgpg-error-prefix="$out" GPGRT_CONFIG="$out/bin/gpgrt-config" --enable-ciphers=aes:chacha20 \
        --enable-pubkey-ciphers=ecc --enable-digests=sha1:sha256:sha512:sha3:blake2 CFLAGS="$cflags"
}

library gmp gmp 30
library nettle nettle 20
library gnutls28 gnutls 150
before=nothing
library libgpg-error gpg_error 15
library libgcrypt20 gcrypt 25 SUBDIRS="compat mpi cipher random src"
