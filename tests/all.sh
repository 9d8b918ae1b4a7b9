#!/bin/sh
# Runs make targets that end with "N passed, N failed, N skipped", one after the other, and ends with the sum of it.
#
#   tests/all.sh TARGET... [NAME=VALUE...]    such as SLICE=0/6; every target is told
#
# What each of them said is in build/all-TARGET.log.
set -u
cd "$(dirname "$0")/.." || exit 1
mkdir -p build

settings=
for target; do
    case $target in *=*) settings="$settings $target" ;; esac
done
for target; do
    case $target in *=*) continue ;; esac
    echo "  MAKE    $target$settings"
    # shellcheck disable=SC2086
    { make "$target" $settings 2>&1; echo "make ended with $?"; } | tee "build/all-$target.log"
done
for target; do
    case $target in *=*) continue ;; esac
    # A target that did not come to its end is a failure, too.
    awk -v target="$target" '
        /^[0-9]+ passed, [0-9]+ failed/ { passed = $1; failed = $3; skipped = $5 }
        /^make ended with/ { if ($4 && !failed) failed = 1 }
        END { printf "%s: %d passed, %d failed, %d skipped\n", target, passed, failed, skipped }' "build/all-$target.log"
done | awk '
    { print; passed += $2; failed += $4; skipped += $6 }
    END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped; exit failed > 0 }'
