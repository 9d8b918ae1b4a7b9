#!/bin/sh
# Runs every fuzz target for some seconds, from the corpus that is kept; what it finds new stays in build/fuzz/corpus.
#
#   tests/fuzz/run.sh SECONDS TARGET...    seconds each; 0: only the corpus
#
# A crash is written to build/fuzz/crash-*; its file then belongs into tests/fuzz/corpus/TARGET, with a name that says what
# it was. The last line is "N passed, N failed, N skipped".
cd "$(dirname "$0")/../.." || exit
unset SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE SSLKEYLOGFILE
export UBSAN_OPTIONS=print_stacktrace=1
seconds=$1
shift
passed=0
failed=0
for target; do
    mkdir -p "build/fuzz/corpus/$target" "tests/fuzz/corpus/$target"
    # What is kept, first: every crash there ever was is in it.
    build/fuzz/"$target" -runs=0 -timeout=30 -artifact_prefix="build/fuzz/crash-$target-" "tests/fuzz/corpus/$target" \
        >"build/fuzz/$target.log" 2>&1 && {
        [ "$seconds" -eq 0 ] || build/fuzz/"$target" -max_total_time="$seconds" -max_len=4096 -len_control=20 -timeout=30 -rss_limit_mb=3000 \
            -artifact_prefix="build/fuzz/crash-$target-" "build/fuzz/corpus/$target" "tests/fuzz/corpus/$target" >"build/fuzz/$target.log" 2>&1
    }
    result=$?
    runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "build/fuzz/$target.log")
    reached=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "build/fuzz/$target.log" | tail -n 1)
    if [ "$result" -eq 0 ]; then
        passed=$((passed + 1))
        echo "  FUZZ    $target: ${runs:-0} runs, ${reached:-0} edges"
    else
        failed=$((failed + 1))
        echo "  FAIL    $target: build/fuzz/$target.log"
        grep -E -m 3 'ERROR|runtime error|does not hold|SUMMARY' "build/fuzz/$target.log"
    fi
done
# And random calls in Wine: how many, in this time, depends on the machine.
tests/run.py --fuzz $((20 + seconds * 5)) | tee build/fuzz/wine.log
awk -v passed="$passed" -v failed="$failed" '/^[0-9]+ passed, / { passed += $1; failed += $3; skipped += $5; ended = 1 }
    END { failed += !ended; printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped; exit failed > 0 }' build/fuzz/wine.log
