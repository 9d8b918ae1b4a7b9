#!/bin/sh
# Makes the release: schannel-gnutls-VERSION.tar.gz with both DLLs, the tools, the set-up script, the licences of everything that
# is linked in, and what it was made of. The same sources make the same bytes, wherever they lie.
#
#   tools/dist.sh VERSION BUILD     BUILD is the build folder, where all is built and the tarballs of deps/lock are
#
# The time of all files is SOURCE_DATE_EPOCH, else that of the last commit.
set -eu
LC_ALL=C
export LC_ALL
umask 022

top=$(cd "$(dirname "$0")/.." && pwd)
version=$1
build=$(cd "$2" && pwd)
name=schannel-gnutls-$version
out=$build/dist/$name
epoch=${SOURCE_DATE_EPOCH:-$(git -C "$top" log -1 --format=%ct 2>/dev/null || :)}
[ -n "$epoch" ] || { echo "dist: neither SOURCE_DATE_EPOCH nor a commit says which time the files shall have" >&2; exit 1; }

rm -rf "$build/dist"
mkdir -p "$out"

# x64 and x32 are DXVK's names, which Lutris and winetricks expect. strip puts the time of day into a PE file: TimeDateStamp
# and CheckSum are zeroed, at their places behind the header that ld puts at 0x80.
for pair in x64:x86_64 x32:i686; do
    place=${pair%:*} arch=${pair#*:}
    mkdir -p "$out/$place" "$out/tools/$place"
    cp "$build/$arch/schannel.dll" "$out/$place/"
    for tool in sspi-client sspi-server sspi-dtls trust-ca import-pfx; do
        exe=$out/tools/$place/$tool.exe
        "$arch-w64-mingw32-strip" --strip-all -o "$exe" "$build/$arch/tools/$tool.exe"
        for at in 136 216; do head -c 4 /dev/zero | dd of="$exe" bs=1 seek=$at conv=notrunc status=none; done
    done
done

cp "$top/tools/setup_schannel.sh" "$out/"
sed "s/@VERSION@/$version/g" "$top/tools/schannel_gnutls.verb" >"$out/schannel_gnutls.verb"
cp "$top/README.md" "$top/CHANGELOG.md" "$top/SECURITY.md" "$out/"
mkdir -p "$out/tools/man" "$out/tools/pictures" "$out/tests/bench"
cp "$top"/tools/man/*.1 "$out/tools/man/"
cp "$top"/tools/pictures/*.svg "$out/tools/pictures/"
cp "$top"/tests/bench/throughput.svg "$out/tests/bench/"

# --- licences and sources ------------------------------------------------------------------------------------------

# The tarball of a package: the one that deps/lock names, since a mirror's signature file may lie beside it.
orig() { echo "$build/deps/tarballs/$(awk -v p="$1_" '$1 == "sha256" && index($3, p) == 1 && /[.]orig[.]tar/ { print $3 }' "$top/deps/lock")"; }

mkdir -p "$out/licences" "$out/sources/patches"
cp "$top/COPYING" "$out/licences/schannel-gnutls.LGPL-2.1"
for package in gnutls28 nettle gmp libgcrypt20 libgpg-error; do
    mkdir "$out/licences/$package"
    more= # libgcrypt: the terms of files that came from elsewhere
    [ $package != libgcrypt20 ] || more=LICENSES
    tar -xf "$(orig "$package")" -C "$out/licences/$package" --strip-components=1 --no-anchored --wildcards \
        --exclude='*/*/*' 'COPYING*' AUTHORS $more
done
# What the compiler adds of its own: libgcc, whose licence lets it go anywhere, and mingw-w64's start-up code, which wants its
# notices kept. Debian's packages have them.
runtime= # a line of VERSIONS each
for pair in libgcc:gcc-mingw-w64-x86-64-win32 mingw-w64:mingw-w64-x86-64-dev; do
    notices=/usr/share/doc/${pair#*:}/copyright
    [ -f "$notices" ] || { echo "dist: $notices is missing: the release has to have it" >&2; exit 1; }
    mkdir "$out/licences/${pair%:*}"
    cp "$notices" "$out/licences/${pair%:*}/"
    # shellcheck disable=SC2016 # dpkg's own
    runtime="$runtime${pair%:*} $(dpkg-query -W -f '${Version}' "${pair#*:}")
"
done

cp "$top/deps/lock" "$top/deps/build.sh" "$out/sources/"
cp "$top"/deps/patches/*.patch "$out/sources/patches/"

gnutls=$(sed -n 's/^#define GNUTLS_VERSION "\(.*\)"/\1/p' "$build/x86_64/version.h")
debian() { awk -v p="$1" '$1 == "source" && $2 == p { print $3 }' "$top/deps/lock"; }
inner() { # a version inside GnuTLS's own source
    tar -xOf "$(orig gnutls28)" --wildcards --no-anchored "$1" | sed -n "$2" | head -n 1
}
{
    echo "schannel-gnutls  $version"
    echo
    echo "Linked into schannel.dll, statically:"
    echo
    printf '%-12s %-18s Debian %-18s %s\n' \
        GnuTLS "$gnutls" "$(debian gnutls28)" "LGPL-2.1-or-later: licences/gnutls28/COPYING.LESSERv2" \
        libtasn1 "$(inner 'lib/minitasn1/libtasn1.h' 's/^# *define ASN1_VERSION "\(.*\)"/\1/p')" "(in GnuTLS)" "LGPL-2.1-or-later: the same" \
        libunistring "(of gnulib)" "(in GnuTLS)" "LGPL-3.0-or-later or GPL-2.0-or-later: licences/nettle" \
        nettle "$(debian nettle | sed 's/-.*//')" "$(debian nettle)" "LGPL-3.0-or-later or GPL-2.0-or-later: licences/nettle" \
        GMP "$(debian gmp | sed 's/.*://; s/[+-].*//')" "$(debian gmp)" "LGPL-3.0-or-later or GPL-2.0-or-later: licences/gmp" \
        libgcrypt "$(debian libgcrypt20 | sed 's/-.*//')" "$(debian libgcrypt20)" "LGPL-2.1-or-later: licences/libgcrypt20/COPYING.LIB" \
        libgpg-error "$(debian libgpg-error | sed 's/-.*//')" "$(debian libgpg-error)" "LGPL-2.1-or-later: licences/libgpg-error/COPYING.LIB"
    printf '%s' "$runtime" | while read -r part package; do
        case $part in
        libgcc) licence="GPL-3.0-or-later with the GCC Runtime Library Exception" ;;
        *) licence="public domain, ZPL-2.1 and others" ;;
        esac
        printf '%-12s %-18s Debian %-18s %s\n' "$part" "${package%%-*}" "$package" "$licence: licences/$part/copyright"
    done
    echo
    echo "Sources: Debian's source packages of these versions, whose SHA-256 sums are in sources/lock, with Debian's patches,"
    echo "and then ours in sources/patches, built by sources/build.sh with $(x86_64-w64-mingw32-gcc --version | head -n 1)"
    echo "and $(i686-w64-mingw32-gcc --version | head -n 1):"
    echo
    for patch in "$top"/deps/patches/*.patch; do
        basename "$patch"
        sed -n '/^$/q; s/^/    /p' "$patch" # its reason, which stands in front
    done
    echo
    echo "Windows programs that want another GnuTLS: build one for mingw, and schannel.dll against it (README, GNUTLS_PREFIX_x86_64)."
} >"$out/VERSIONS"

(cd "$out" && find . -type f | sed 's|^\./||' | sort | xargs sha256sum) >"$build/dist/sums"
mv "$build/dist/sums" "$out/SHA256SUMS"
find "$out" -type f -exec chmod 644 {} +
chmod 755 "$out/setup_schannel.sh"

tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$epoch" --format=gnu -C "$build/dist" -cf - "$name" |
    gzip -n -9 >"$build/dist/$name.tar.gz"
(cd "$build/dist" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
echo "  DIST    $build/dist/$name.tar.gz $(stat -c %s "$build/dist/$name.tar.gz") bytes, SHA-256 $(cut -c1-16 "$build/dist/$name.tar.gz.sha256")..."
