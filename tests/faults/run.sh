#!/bin/sh
# Calls that fail on order, what is left of secrets, and what decides by them: natively, then in Wine. STRIDE: every so many calls.
# The last line is "N passed, N failed, N skipped".
cd "$(dirname "$0")/../.." || exit
unset SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE SSLKEYLOGFILE
log=build/fuzz/faults.log
{
    build/fuzz/native-faults "$1" || echo "FAIL native-faults ended with $?"
    # GnuTLS forgets a block here and there when it gets none: only the end of it all would say so.
    ASAN_OPTIONS=detect_leaks=0 build/fuzz/native-faults "$1" deep || echo "FAIL native-faults deep ended with $?"
    build/fuzz/native-secrets build/fuzz/keys.log || echo "FAIL native-secrets ended with $?"
    if command -v valgrind >/dev/null; then
        valgrind -q build/fuzz/native-constant || echo "FAIL native-constant ended with $?"
    else
        echo "SKIP no secret decides: there is no valgrind to see it"
    fi
} >"$log" 2>&1
grep -E '^(PASS|FAIL|SKIP) ' "$log" | sed 's/^/  /'
tests/run.py --faults "$1" | tee build/fuzz/faults-wine.log
awk '/^PASS / { passed++ } /^FAIL / { failed++ } /^SKIP / { skipped++ } /^[0-9]+ passed, / { passed += $1; failed += $3; skipped += $5; ended = 1 }
    END { printf "%d passed, %d failed, %d skipped\n", passed, failed + !ended, skipped; exit failed + !ended > 0 }' "$log" build/fuzz/faults-wine.log
