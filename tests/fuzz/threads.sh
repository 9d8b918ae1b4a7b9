#!/bin/sh
# Threads that ThreadSanitizer watches, natively; and a race that it has to find. TURNS: of each thread.
# The last line is "N passed, N failed, N skipped".
cd "$(dirname "$0")/../.." || exit
unset SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE
log=build/threads/threads.log
export TSAN_OPTIONS="suppressions=tests/fuzz/threads.ignore history_size=4"
{
    rm -rf build/threads/logs
    mkdir -p build/threads/logs
    SCHANNEL_LOG_LEVEL=debug SCHANNEL_LOG_PATH=build/threads/logs SSLKEYLOGFILE=build/threads/logs/keys timeout 3000 build/threads/native-threads "$1" ||
        echo "FAIL native-threads ended with $?"
    rm -rf build/threads/logs
} >"$log" 2>&1
{
    if build/threads/native-threads racy >build/threads/racy.log 2>&1; then
        echo "FAIL a race is not found"
    else
        echo "PASS a race is found"
    fi
} >>"$log"
grep -E '^(PASS|FAIL|SUMMARY)' "$log" | sed 's/^/  /'
awk '/^PASS / { passed++ } /^FAIL / { failed++ }
    END { printf "%d passed, %d failed, 0 skipped\n", passed, failed; exit failed > 0 || passed < 5 }' "$log"
