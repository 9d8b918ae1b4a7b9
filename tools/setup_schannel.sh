#!/bin/sh
# Puts schannel.dll into a Wine prefix, takes it out again, and says what is in use there. setup_schannel.sh help says how.
#
# Installing and removing run no Wine: the Wine of this machine may not be the prefix's own, and would change it. What is
# replaced is kept in PREFIX/.schannel-gnutls, one folder for all of it:
#
#   system32/schannel.dll, syswow64/schannel.dll    the files that were there (or links: Proton's are)
#   system32/none, syswow64/none                    there was none
#   system32/unknown, syswow64/unknown              ours lay there before this script came
#   system32/link, syswow64/link                    where the link leads that was installed
#   registered                                      what system.reg said of SecurityProviders, if that was changed
#   overrides                                       lines of user.reg that were changed, as they were, behind their section
set -u
# The user's options for grep, and names of programs and messages, must not change what is read here.
LC_ALL=C
export LC_ALL
unset GREP_OPTIONS

here=$(cd "$(dirname "$0")" && pwd)
state_name=.schannel-gnutls
dry=
symlink=
register=
prefix=
steam=
bottle=
problems=0
scratch=

usage() {
    cat <<'TEXT'
usage: setup_schannel.sh install|uninstall|status|doctor [options]

  install      put schannel.dll into a Wine prefix, and keep what it replaces
  uninstall    take it out, and put back exactly what was there
  status       which schannel.dll 64-bit and 32-bit programs really load, and what it may speak
  doctor       look for what could be wrong, and make a TLS connection inside the prefix

  --prefix DIR     the prefix (default: $WINEPREFIX, else ~/.wine); a folder compatdata/N of Steam will do
  --steam N        the Proton prefix of the game with that number
  --bottle NAME    the bottle of that name (Bottles, Flatpak or not)
  --symlink        install links to these files instead of copies
  --register       name schannel.dll in the registry, too: for machines without libgnutls, where Wine's secur32 knows no
                   Schannel otherwise (done by itself where this machine clearly has none)
  --dry-run        only say what would be done
  --wine FILE      the Wine to run for status and doctor (default: the prefix's own, as far as it can be told)
TEXT
}

fail() {
    echo "setup_schannel.sh: $*" >&2
    exit 1
}

say() { printf '%s\n' "$*"; }
field() { printf '%-26s%s\n' "$1" "$2"; }

# Does it, or says it.
act() {
    if [ -n "$dry" ]; then
        say "  would run: $*"
    else
        "$@" || fail "$1 failed; nothing after it was done"
    fi
}

# --- the release, or the build folder, we stand in -----------------------------------------------------------------

# x64 or x32: our DLL, and a program of that kind.
our_dll() {
    case $1 in x64) arch=x86_64 ;; *) arch=i686 ;; esac
    for file in "$here/$1/schannel.dll" "$here/../build/$arch/schannel.dll"; do
        [ -f "$file" ] && { say "$file"; return; }
    done
    fail "schannel.dll ($1) is not beside this script: unpack the whole release"
}

our_tool() {
    case $1 in x64) arch=x86_64 ;; *) arch=i686 ;; esac
    for file in "$here/tools/$1/$2.exe" "$here/../build/$arch/tools/$2.exe"; do
        [ -f "$file" ] && { say "$file"; return; }
    done
    return 1
}

# "0.1.0, GnuTLS 3.8.9" of a file of ours, which says it after "@(#)schannel-gnutls"; nothing for any other.
version_of() {
    [ -f "$1" ] || return 0
    tr -c '[:print:]' '\n' <"$1" | sed -n 's/^@(#)schannel-gnutls \(.*\)/\1/p' | head -n 1
}

# x64, x32 or nothing: what kind of PE file it is, by the machine in its header.
machine_of() {
    [ -f "$1" ] || return 0
    at=$(od -An -tu4 -j60 -N4 "$1" 2>/dev/null | tr -d ' ')
    [ -n "$at" ] || return 0
    case $(od -An -tx1 -j$((at + 4)) -N2 "$1" 2>/dev/null | tr -d ' ') in
    6486) say x64 ;;
    4c01) say x32 ;;
    esac
}

# --- the prefix ----------------------------------------------------------------------------------------------------

is_prefix() {
    [ -d "$1/drive_c/windows/system32" ] && [ -f "$1/system.reg" ] && head -n 1 "$1/system.reg" | grep -q '^WINE REGISTRY'
}

steam_prefix() { # number
    for root in "$HOME/.steam/root" "$HOME/.steam/steam" "$HOME/.local/share/Steam" \
        "$HOME/.var/app/com.valvesoftware.Steam/.local/share/Steam" "$HOME/snap/steam/common/.local/share/Steam"; do
        [ -d "$root" ] || continue
        say "$root/steamapps/compatdata/$1/pfx"
        # Libraries in other places.
        sed -n 's/^[[:space:]]*"path"[[:space:]]*"\(.*\)".*/\1/p' "$root/steamapps/libraryfolders.vdf" 2>/dev/null |
            while read -r library; do say "$library/steamapps/compatdata/$1/pfx"; done
    done
}

bottle_prefix() { # name
    for root in "$HOME/.local/share/bottles/bottles" "$HOME/.var/app/com.usebottles.bottles/data/bottles/bottles"; do
        say "$root/$1"
        # Bottles writes names with spaces as folders without.
        say "$root/$(printf '%s' "$1" | tr ' ' '-')"
    done
}

first_prefix() { # of the lines that come in
    while read -r candidate; do
        is_prefix "$candidate" && { say "$candidate"; return; }
    done
    return 1
}

find_prefix() {
    if [ -n "$steam" ]; then
        prefix=$(steam_prefix "$steam" | first_prefix) ||
            fail "Steam has no prefix for $steam here; start the game once with Proton, or use --prefix"
    elif [ -n "$bottle" ]; then
        prefix=$(bottle_prefix "$bottle" | first_prefix) || fail "Bottles has no bottle '$bottle' here; use --prefix"
    else
        [ -n "$prefix" ] || prefix=${WINEPREFIX:-$HOME/.wine}
        [ ! -d "$prefix/pfx" ] || prefix=$prefix/pfx
    fi
    is_prefix "$prefix" || fail "$prefix is no Wine prefix (no system.reg, or no drive_c/windows/system32); nothing was changed"
    prefix=$(cd "$prefix" && pwd)
    state=$prefix/$state_name
    user_reg=$prefix/user.reg
    # What lies where: Wine writes its own kind of prefix into system.reg.
    if grep -q '^#arch=win32' "$prefix/system.reg"; then
        kind="32 bit"
        places="system32:x32"
    elif [ -f "$prefix/drive_c/windows/syswow64/kernel32.dll" ]; then
        kind="64 bit, and 32-bit programs"
        places="system32:x64 syswow64:x32"
    else
        kind="64 bit only"
        places="system32:x64"
    fi
    # Proton's list of the files of the prefix stands beside it.
    tracked=
    [ ! -f "$prefix/../tracked_files" ] || tracked=$prefix/../tracked_files
}

# Wine refuses a prefix that somebody else owns. root could write it, and its owner's Wine could not change those files any more.
check_owner() {
    owner=$(stat -c %u "$prefix" 2>/dev/null || id -u)
    [ "$owner" = "$(id -u)" ] || fail "$prefix belongs to $(stat -c %U "$prefix"), and this is $(id -un): run it as its owner; nothing was changed"
    [ -w "$prefix/drive_c/windows/system32" ] || fail "$prefix cannot be written by $(id -un)"
}

# --- overrides -----------------------------------------------------------------------------------------------------

# Lines of user.reg, "number:section:line", that keep a native schannel.dll from being loaded: anything that does not begin
# with native. Without any, Wine takes the native file: that is its default for this DLL.
blocking_overrides() {
    [ -f "$user_reg" ] || return 0
    awk '
        /^\[/ { section = $0; sub(/\].*/, "]", section); inside = tolower(section) ~ /dlloverrides\]$/ }
        inside && tolower($0) ~ /^"\*?schannel(\.dll)?"=/ {
            value = tolower($0); sub(/^[^=]*=/, "", value)
            if (value !~ /^"n/) print NR ":" section ":" $0
        }' "$user_reg"
}

# Wine keeps the registry in memory while it runs, and would write over what is changed in the file.
wine_runs() {
    numbers=$(stat -c '%d %i' "$prefix" 2>/dev/null) || return 1
    # Debian's Wine has a folder of its own for each prefix, and writes its name into this file.
    folder=
    [ ! -r "$prefix/wineserver" ] || folder=$(tr -cd '[:alnum:]-' <"$prefix/wineserver")
    # shellcheck disable=SC2086 # two numbers
    [ -S "/tmp/${folder:-.wine-$(id -u)}/server-$(printf '%x-%x' $numbers)/socket" ]
}

# A file of the registry, rewritten by an awk program that reads another file of ours first.
rewrite() { # file, awk program, file of ours
    act cp -p "$1" "$1.schannel-new"
    [ -n "$dry" ] || awk "$2" "$3" "$1" >"$1.schannel-new" || fail "$1 cannot be written"
    act mv -f "$1.schannel-new" "$1"
}

must_not_run() { # what for
    ! wine_runs || fail "$1, and Wine is running in this prefix: end its programs (wineserver -k) and run this again"
}

set_overrides() {
    blocking=$(blocking_overrides)
    if [ -z "$blocking" ]; then
        say "  no override is needed: Wine loads a native schannel.dll by itself"
        return
    fi
    must_not_run "an override has to be changed"
    say "$blocking" | while IFS=: read -r _ section line; do
        say "  the override $line in $section keeps native files out: it becomes native,builtin"
    done
    if [ -z "$dry" ]; then
        say "$blocking" | sed 's/^[0-9]*://' >>"$state/overrides"
    else
        return
    fi
    # A line is known by its section and its text.
    # shellcheck disable=SC2016 # the dollars are awk's
    # shellcheck disable=SC2016
    rewrite "$user_reg" '
        FNR == NR { known[$0] = 1; next }
        /^\[/ { section = $0; sub(/\].*/, "]", section) }
        (section ":" $0) in known { sub(/=.*/, "=\"native,builtin\"") }
        { print }' "$state/overrides"
}

# Where a line still says what we made it say, it says again what it said before.
restore_overrides() {
    [ -s "$state/overrides" ] || return 0
    must_not_run "an override has to be put back"
    # shellcheck disable=SC2016
    rewrite "$user_reg" '
        FNR == NR {
            at = index($0, "]:"); section = substr($0, 1, at); before = substr($0, at + 2)
            ours = before; sub(/=.*/, "=\"native,builtin\"", ours)
            if (!((section ":" ours) in known)) known[section ":" ours] = before
            next
        }
        /^\[/ { section = $0; sub(/\].*/, "]", section) }
        (section ":" $0) in known { $0 = known[section ":" $0] }
        { print }' "$state/overrides"
    say "  the overrides are as they were"
}

# --- machines without libgnutls ------------------------------------------------------------------------------------

# secur32 of Wine knows the Schannel package, and so loads this DLL, only when its own GnuTLS could be loaded. It also asks the
# DLLs that SecurityProviders in the registry names which packages they have: that way needs nothing of the machine.

has_libgnutls() { # what the machine's loader knows; where that cannot be asked, it is supposed to be there
    PATH=$PATH:/sbin:/usr/sbin
    command -v ldconfig >/dev/null 2>&1 || return 0
    ldconfig -p 2>/dev/null | grep -q 'libc\.so' || return 0
    ldconfig -p | grep -q 'libgnutls\.so\.'
}

providers_section() {
    # Newer Wines know that CurrentControlSet is a link.
    if grep -q '^.System..ControlSet001..' "$prefix/system.reg"; then set=ControlSet001; else set=CurrentControlSet; fi
    printf '%s\n' "[System\\\\$set\\\\Control\\\\SecurityProviders]"
}

# "none": no such section; "empty": it has no such value; else the line.
providers_line() {
    SECTION=$(providers_section) awk '
        /^\[/ { inside = index(tolower($0), tolower(ENVIRON["SECTION"])) == 1; seen = seen || inside }
        inside && /^"SecurityProviders"=/ { line = $0 }
        END { print line != "" ? line : seen ? "empty" : "none" }' "$prefix/system.reg"
}

register_provider() {
    line=$(providers_line)
    case $line in *schannel.dll*) return ;; esac
    must_not_run "the registry has to be changed"
    say "  schannel.dll is named in the registry (SecurityProviders): Wine's secur32 then needs no libgnutls of this machine"
    [ -z "$dry" ] || return 0
    say "$line" >"$state/registered" || fail "$state/registered cannot be written"
    if [ "$line" = none ]; then
        act cp -p "$prefix/system.reg" "$prefix/system.reg.schannel-new"
        printf '\n%s %s\n"SecurityProviders"="schannel.dll"\n' "$(providers_section)" "$(date +%s)" >>"$prefix/system.reg.schannel-new" ||
            fail "system.reg cannot be written"
        act mv -f "$prefix/system.reg.schannel-new" "$prefix/system.reg"
        return
    fi
    # shellcheck disable=SC2016
    SECTION=$(providers_section) rewrite "$prefix/system.reg" '
        FNR == NR { before = $0; next }
        /^\[/ { inside = index(tolower($0), tolower(ENVIRON["SECTION"])) == 1 }
        inside && before != "empty" && $0 == before { sub(/"$/, ($0 ~ /=""$/ ? "" : ", ") "schannel.dll\"") }
        { print }
        inside && before == "empty" && /^\[/ { print "\"SecurityProviders\"=\"schannel.dll\"" }' "$state/registered"
}

unregister_provider() {
    [ -s "$state/registered" ] || return 0
    must_not_run "the registry has to be put back"
    # A section that we made goes with its value: what is before its first value waits until there is one.
    # shellcheck disable=SC2016
    SECTION=$(providers_section) rewrite "$prefix/system.reg" '
        FNR == NR { before = $0; next }
        /^\[/ { inside = index(tolower($0), tolower(ENVIRON["SECTION"])) == 1 }
        before == "none" && $0 == "" { printf "%s", held; held = "\n"; next }
        before == "none" && inside && (/^\[/ || /^#/) { held = held $0 "\n"; next }
        inside && /^"SecurityProviders"=/ {
            if (before == "none" || before == "empty") { if ($0 ~ /="schannel\.dll"$/) { if (before == "none") held = ""; next } }
            else sub(/(, )?schannel\.dll"$/, "\"")
        }
        { printf "%s", held; held = ""; print }
        END { printf "%s", held }' "$state/registered"
    say "  the registry names schannel.dll no more"
}

# --- install -------------------------------------------------------------------------------------------------------

exists() { [ -e "$1" ] || [ -L "$1" ]; }

# A link of ours may lead to where nothing is any more.
is_ours() { # folder of the prefix
    target=$prefix/drive_c/windows/$1/schannel.dll
    [ -n "$(version_of "$target")" ] ||
        { [ -L "$target" ] && [ "$(readlink "$target")" = "$(cat "$state/$1/link" 2>/dev/null)" ]; }
}

# Keeps what lies there, unless it is ours, or was kept already.
keep() { # target, its folder in the state
    if is_ours "${2##*/}"; then
        exists "$2/schannel.dll" || [ -e "$2/none" ] || [ -e "$2/unknown" ] || act touch "$2/unknown"
    elif exists "$1"; then
        act rm -f "$2/none" "$2/unknown"
        act cp -pP "$1" "$2/kept.new"
        act mv -f "$2/kept.new" "$2/schannel.dll"
    else
        exists "$2/schannel.dll" || act touch "$2/none"
    fi
}

install_one() { # folder of the prefix, x64 or x32
    source=$(our_dll "$2") || exit 1
    folder=$prefix/drive_c/windows/$1
    [ "$(machine_of "$source")" = "$2" ] || fail "$source is damaged"
    keep "$folder/schannel.dll" "$state/$1"
    # A new file under a new name, then renamed: a link that lies there, such as Proton's into its own installation, is
    # replaced and not written through.
    act rm -f "$folder/schannel.dll.new"
    if [ -n "$symlink" ]; then
        act ln -s "$source" "$folder/schannel.dll.new"
        [ -n "$dry" ] || say "$source" >"$state/$1/link" || fail "$state/$1/link cannot be written"
    else
        act cp "$source" "$folder/schannel.dll.new"
    fi
    act mv -f "$folder/schannel.dll.new" "$folder/schannel.dll"
    [ -n "$dry" ] || say "  $1/schannel.dll is now schannel-gnutls $(version_of "$source")${symlink:+, a link to $source}"
}

install() {
    check_owner
    say "$prefix: $kind"
    for place in $places; do
        act mkdir -p "$state/${place%:*}"
        install_one "${place%:*}" "${place#*:}"
    done
    set_overrides
    # Of the libraries in Proton's and Bottles' containers this machine's say nothing.
    if [ -z "$register$tracked" ] && [ ! -f "$prefix/bottle.yml" ] && ! has_libgnutls; then register=yes; fi
    [ -z "$register" ] || register_provider
    [ -z "$tracked" ] || say "  this is a Proton prefix: an upgrade of Proton may put its own file back; then run this again"
    ! wine_runs || say "  programs that run in this prefix now use the new file when they are started again"
}

# --- uninstall -----------------------------------------------------------------------------------------------------

uninstall_one() { # folder of the prefix
    target=$prefix/drive_c/windows/$1/schannel.dll
    kept=$state/$1
    if ! is_ours "$1"; then
        say "  $1/schannel.dll is not ours any more, and stays"
    elif exists "$kept/schannel.dll"; then
        act mv -f "$kept/schannel.dll" "$target"
        say "  $1/schannel.dll is what was there before"
    elif [ -e "$kept/none" ]; then
        act rm -f "$target"
        say "  $1/schannel.dll is gone: there was none before"
    else
        act rm -f "$target"
        say "  $1/schannel.dll is gone; what was there before it is not known: wineboot -u puts Wine's own there"
    fi
}

uninstall() {
    check_owner
    say "$prefix: $kind"
    ours=
    for place in $places; do
        ! is_ours "${place%:*}" || ours=yes
    done
    if [ -z "$ours" ] && [ ! -d "$state" ]; then
        say "  nothing of ours is here"
        return
    fi
    restore_overrides
    unregister_provider
    for place in $places; do uninstall_one "${place%:*}"; done
    act rm -rf "$state"
}

# --- running something in the prefix -------------------------------------------------------------------------------

# The prefix's own Wine; another one would change the prefix. Nothing when it cannot be told.
find_wine() {
    [ -z "${wine:-}" ] || return 0
    if [ -n "$tracked" ]; then
        # Proton writes the path of its fonts into this file, first line its version.
        proton=$(sed -n '2s|/share/fonts/*$||p' "$prefix/../config_info" 2>/dev/null)
        for wine in "$proton/bin/wine64" "$proton/bin/wine"; do [ -x "$wine" ] && return; done
    elif [ -f "$prefix/bottle.yml" ]; then
        runner=$(sed -n 's/^Runner: *//p' "$prefix/bottle.yml" | tr -d "\"'")
        for wine in "$prefix/../../runners/$runner/bin/wine64" "$prefix/../../runners/$runner/bin/wine"; do
            [ -x "$wine" ] && return
        done
    elif command -v wine >/dev/null 2>&1; then
        wine=wine
        return
    fi
    wine=
}

# A program in the prefix, quietly. The user's own overrides are left in: they decide what the user's programs load.
in_prefix() {
    WINEPREFIX=$prefix WINEDEBUG=-all SCHANNEL_LOG_LEVEL=none SSLKEYLOGFILE='' \
        WINEDLLOVERRIDES="mscoree,mshtml=;winemenubuilder.exe=d${WINEDLLOVERRIDES:+;$WINEDLLOVERRIDES}" \
        "$wine" "$@"
}

make_scratch() {
    scratch=$(mktemp -d) || fail "no folder for temporary files"
    trap 'rm -rf "$scratch"' EXIT
    trap 'exit 1' HUP INT TERM
}

# The probe's answers in $scratch/probe-x64 or -x32. FALSE: it did not run.
probe() {
    tool=$(our_tool "$1" sspi-client) || return 1
    in_prefix "$tool" --probe 2>/dev/null | tr -d '\r' >"$scratch/probe-$1"
    grep -q '^module: ' "$scratch/probe-$1"
}

answer() { sed -n "s/^$2: //p" "$scratch/probe-$1"; }

# --- status --------------------------------------------------------------------------------------------------------

file_status() { # folder
    target=$prefix/drive_c/windows/$1/schannel.dll
    version=$(version_of "$target")
    if [ -n "$version" ]; then
        note=
        [ ! -L "$target" ] || note=", a link to $(readlink "$target")"
        say "schannel-gnutls $version$note"
    elif [ -L "$target" ] && [ ! -e "$target" ]; then
        say "a link to a file that is not there"
    elif ! exists "$target"; then
        say "none"
    elif [ -d "$state/$1" ]; then
        say "not ours any more: an update has put another file there; run install again"
    else
        say "not ours"
    fi
}

# 32-bit programs of a 64-bit prefix see syswow64 by the name of system32.
redirected() { # x64 or x32
    case "$1 $places" in "x32 "*syswow64*) printf ' (syswow64)' ;; esac
}

# secur32 has no Schannel without a file, ours or Wine's own, and none without GnuTLS for Wine's own.
why_none() { # x64 or x32
    for place in $places; do
        [ "${place#*:}" != "$1" ] || exists "$prefix/drive_c/windows/${place%:*}/schannel.dll" ||
            { say "there is no ${place%:*}/schannel.dll; run install"; return; }
    done
    case $1 in x64) bits=64 ;; *) bits=32 ;; esac
    say "Wine's secur32 finds no $bits-bit libgnutls on this machine; run install --register"
}

program_status() { # x64 or x32
    case $1 in x64) bits=64 ;; *) bits=32 ;; esac
    if [ -z "$wine" ]; then
        field "$bits-bit programs load" "not tried: which Wine belongs to this prefix cannot be told (--wine FILE)"
    elif ! probe "$1"; then
        field "$bits-bit programs load" "not tried: $wine runs no $bits-bit programs here"
    elif [ "$(answer "$1" client)" = "none, 0x80090305" ]; then
        field "$bits-bit programs load" "no Schannel at all: $(why_none "$1")"
    elif [ "$(answer "$1" product)" = schannel-gnutls ]; then
        field "$bits-bit programs load" "$(answer "$1" module)$(redirected "$1"), $(answer "$1" product) $(answer "$1" version), GnuTLS $(answer "$1" gnutls)"
    else
        field "$bits-bit programs load" "Wine's own Schannel, not this one (it offers: $(answer "$1" client))"
    fi
}

# Where Wine's crypt32 looks for the host's roots: the first of them that it finds.
host_roots() {
    for file in /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs /etc/pki/tls/certs/ca-bundle.crt \
        /usr/share/ca-certificates/ca-bundle.crt /usr/local/share/certs /etc/sfw/openssl/certs /etc/security/cacerts; do
        [ -e "$file" ] && { say "$file"; return; }
    done
    say "nowhere on this machine"
}

status() {
    make_scratch
    find_wine
    field "prefix" "$prefix"
    field "kind" "$kind${tracked:+, of Proton}"
    [ -z "$wine" ] || field "Wine" "$(in_prefix --version 2>/dev/null | head -n 1)"
    for place in $places; do field "${place%:*}/schannel.dll" "$(file_status "${place%:*}")"; done
    blocking=$(blocking_overrides | cut -d: -f2-)
    field "overrides" "${blocking:-none that keeps it out}"
    probed=
    for place in $places; do
        program_status "${place#*:}"
        [ -n "$probed" ] || [ ! -s "$scratch/probe-${place#*:}" ] || probed=${place#*:}
    done
    [ -n "$probed" ] || return 0
    field "clients may speak" "$(answer "$probed" client)"
    field "trusted roots" "$(answer "$probed" roots): the prefix's own, and those Wine takes from $(host_roots)"
}

# --- doctor --------------------------------------------------------------------------------------------------------

good() { say "  ok       $1"; }
bad() {
    problems=$((problems + 1))
    say "  PROBLEM  $1"
}
note() { say "  note     $1"; }

examine_files() {
    for place in $places; do
        folder=${place%:*}
        target=$prefix/drive_c/windows/$folder/schannel.dll
        if ! exists "$target"; then
            bad "$folder/schannel.dll is missing: run install"
        elif [ -z "$(version_of "$target")" ]; then
            bad "$folder/schannel.dll is $(file_status "$folder"): run install"
        elif [ "$(machine_of "$target")" != "${place#*:}" ]; then
            bad "$folder/schannel.dll is of the wrong kind ($(machine_of "$target"), and ${place#*:} belongs there): run install"
        elif [ "$(version_of "$target")" != "$(version_of "$(our_dll "${place#*:}")")" ]; then
            bad "$folder/schannel.dll is version $(version_of "$target"), and this script brings $(version_of "$(our_dll "${place#*:}")"): run install"
        else
            good "$folder/schannel.dll is schannel-gnutls $(version_of "$target")"
        fi
    done
    if [ -f "$here/SHA256SUMS" ] && command -v sha256sum >/dev/null; then
        (cd "$here" && sha256sum --quiet -c SHA256SUMS >/dev/null 2>&1) ||
            bad "the release in $here is damaged: its files are not those SHA256SUMS names; unpack it again"
    fi
}

examine_surroundings() {
    blocking=$(blocking_overrides | cut -d: -f2-)
    [ -z "$blocking" ] || bad "an override keeps the file out ($blocking): run install, or remove it in winecfg"
    case ";${WINEDLLOVERRIDES:-};" in
    *[\;,\ ]schannel[=,]* | *[\;,\ ]\*schannel[=,]*)
        bad "WINEDLLOVERRIDES in the environment names schannel ($WINEDLLOVERRIDES): remove that" ;;
    esac
    [ -z "${SSLKEYLOGFILE:-}" ] || note "SSLKEYLOGFILE is set: whoever reads $SSLKEYLOGFILE can read all connections"
    [ "$(date +%Y)" -ge 2024 ] || bad "the clock says $(date +%F), and every certificate will seem to be of the future: set it"
    [ -z "$tracked" ] || ! grep -q 'windows/system32/schannel\.dll' "$tracked" ||
        note "Proton keeps $(grep -c 'schannel\.dll' "$tracked") schannel.dll in its list of files: an upgrade of Proton removes ours; then run install again"
}

examine_program() { # x64 or x32
    case $1 in x64) bits=64 ;; *) bits=32 ;; esac
    if ! probe "$1"; then
        bad "no $bits-bit program runs in this prefix with $wine"
        return 1
    elif [ "$(answer "$1" client)" = "none, 0x80090305" ]; then
        bad "$bits-bit programs are told that there is no Schannel: $(why_none "$1")"
        return 1
    elif [ "$(answer "$1" product)" != schannel-gnutls ]; then
        bad "$bits-bit programs load Wine's own Schannel, not this one"
        return 1
    fi
    good "$bits-bit programs load $(answer "$1" module)$(redirected "$1")"
    case ", $(answer "$1" client)," in
    *", TLS 1.2,"* | *", TLS 1.3,"*) ;;
    *) bad "the registry has turned TLS 1.2 and TLS 1.3 off for clients (it leaves: $(answer "$1" client)): look at SCHANNEL\\Protocols" ;;
    esac
}

# Both kinds of programs have the same.
examine_roots() {
    probed=$(cat "$scratch"/probe-x64 "$scratch"/probe-x32 2>/dev/null | sed -n 's/^roots: //p' | head -n 1)
    [ -n "$probed" ] || return 0
    if [ "$probed" -lt 10 ]; then
        bad "this prefix trusts $probed roots, so nearly every server will be refused: install the package ca-certificates on this machine"
    else
        good "$probed trusted roots, those of the machine from $(host_roots)"
    fi
}

# A server with a certificate it makes itself: the client has to refuse it, for nobody vouches for it, and to connect when
# it is told not to mind.
examine_handshake() { # x64 or x32
    case $1 in x64) bits=64 ;; *) bits=32 ;; esac
    client=$(our_tool "$1" sspi-client) && server=$(our_tool "$1" sspi-server) || return 0
    in_prefix "$server" --self-signed localhost --port 0 --quiet >"$scratch/server" 2>&1 &
    job=$!
    port=
    waited=0
    while [ -z "$port" ] && [ $waited -lt 300 ] && kill -0 $job 2>/dev/null; do
        sleep 0.1
        waited=$((waited + 1))
        port=$(tr -d '\r' <"$scratch/server" | sed -n 's/^listening on .*:\([0-9]*\)$/\1/p')
    done
    if [ -z "$port" ]; then
        bad "no $bits-bit server starts in this prefix: $(tr -d '\r' <"$scratch/server" | tail -n 1)"
    else
        said=$(in_prefix "$client" --quiet --insecure "https://localhost:$port/" 2>"$scratch/error") && ended=0 || ended=$?
        if [ "$ended" = 0 ]; then
            good "a $bits-bit program has spoken $(say "$said" | cut -d' ' -f1-3) with a server in this prefix"
        else
            bad "a $bits-bit program cannot speak with a server in this prefix: $(tr -d '\r' <"$scratch/error" | tail -n 1)"
        fi
        in_prefix "$client" --quiet "https://localhost:$port/" >"$scratch/refused" 2>&1 && ended=0 || ended=$?
        if [ "$ended" = 5 ]; then
            good "and it refuses that server's certificate, which nobody vouches for"
        elif [ "$ended" = 0 ]; then
            bad "a certificate that nobody vouches for was accepted"
        fi
    fi
    kill $job 2>/dev/null
    wait $job 2>/dev/null
}

doctor() {
    make_scratch
    find_wine
    say "$prefix: $kind${tracked:+, of Proton}"
    examine_files
    examine_surroundings
    if [ -z "$wine" ]; then
        note "which Wine belongs to this prefix cannot be told (--wine FILE): nothing was run in it"
    else
        for place in $places; do examine_program "${place#*:}" && examine_handshake "${place#*:}"; done
        examine_roots
    fi
    if [ $problems = 0 ]; then
        say "Nothing is wrong."
    else
        say "$problems found."
        exit 1
    fi
}

# --- all of it -----------------------------------------------------------------------------------------------------

command=
while [ $# -gt 0 ]; do
    case $1 in
    install | uninstall | status | doctor)
        [ -z "$command" ] || fail "$command and $1: one at a time"
        command=$1
        ;;
    --prefix | --steam | --bottle | --wine)
        [ -n "${2:-}" ] || fail "$1 needs a value"
        case $1 in --prefix) prefix=$2 ;; --steam) steam=$2 ;; --bottle) bottle=$2 ;; *) wine=$2 ;; esac
        shift
        ;;
    --symlink) symlink=yes ;;
    --register) register=yes ;;
    --dry-run) dry=yes ;;
    help | --help | -h)
        usage
        exit
        ;;
    *) fail "what is '$1'? setup_schannel.sh help says what there is" ;;
    esac
    shift
done
[ -n "$command" ] || {
    usage >&2
    exit 2
}
find_prefix
"$command"
