/*
 * The runner's flags. Each has a row: where its value goes, or that nothing needs to be done. A flag without
 * a row is one that SSPI has no way to follow.
 */
#include "shim.h"
#include <stddef.h>

enum kind
{
    SWITCH,
    NUMBER,
    NUMBERS, /* may be repeated */
    TEXT,
    BYTES, /* text that is kept as a blob */
    BASE64,
    NOTHING, /* SSPI behaves so in any case, or tests the same in another way */
};

#define ROW(name, kind, field)                                                                               \
    {                                                                                                        \
        name, kind, offsetof(struct orders, field)                                                           \
    }

static const struct
{
    const char *name;
    enum kind kind;
    size_t offset;
} rows[] = {
    ROW("-port", NUMBER, port),
    ROW("-shim-id", TEXT, shim_id),
    ROW("-server", SWITCH, server),
    ROW("-dtls", SWITCH, datagrams),
    ROW("-resume-count", NUMBER, resume_count),
    ROW("-async", SWITCH, async),
    ROW("-cert-file", TEXT, certificate),
    ROW("-key-file", TEXT, key),
    ROW("-curves", NUMBERS, curves),
    ROW("-verify-prefs", NUMBERS, verify_prefs),
    ROW("-signing-prefs", NUMBERS, signing_prefs),
    ROW("-no-tls13", SWITCH, no_tls13),
    ROW("-no-tls12", SWITCH, no_tls12),
    ROW("-no-tls11", SWITCH, no_tls11),
    ROW("-no-tls1", SWITCH, no_tls1),
    ROW("-no-ticket", SWITCH, no_ticket),
    ROW("-min-version", NUMBER, min_version),
    ROW("-max-version", NUMBER, max_version),
    ROW("-fips-202205", SWITCH, fips),
    ROW("-host-name", TEXT, host_name),
    ROW("-expect-server-name", TEXT, expect_server_name),
    ROW("-advertise-alpn", BYTES, advertise_alpn),
    ROW("-expect-alpn", BYTES, expect_alpn),
    ROW("-select-alpn", BYTES, select_alpn),
    ROW("-expect-advertised-alpn", BYTES, expect_advertised_alpn),
    ROW("-decline-alpn", SWITCH, decline_alpn),
    ROW("-reject-alpn", SWITCH, reject_alpn),
    ROW("-verify-peer", SWITCH, verify_peer),
    ROW("-require-any-client-certificate", SWITCH, require_certificate),
    ROW("-verify-fail", SWITCH, verify_fail),
    ROW("-use-custom-verify-callback", SWITCH, custom_verify),
    ROW("-reverify-on-resume", SWITCH, reverify),
    ROW("-expect-peer-cert-file", TEXT, expect_peer_certificate),
    ROW("-enable-ocsp-stapling", SWITCH, stapling),
    ROW("-ocsp-response", BASE64, ocsp_response),
    ROW("-expect-ocsp-response", BASE64, expect_ocsp_response),
    ROW("-export-keying-material", NUMBER, export_size),
    ROW("-export-label", TEXT, export_label),
    ROW("-export-context", BYTES, export_context),
    ROW("-use-export-context", SWITCH, use_export_context),
    ROW("-use-exporter-between-reads", SWITCH, exporter_between_reads),
    ROW("-tls-unique", SWITCH, unique_binding),
    ROW("-srtp-profiles", TEXT, srtp),
    ROW("-mtu", NUMBER, mtu),
    ROW("-initial-timeout-duration-ms", NUMBER, initial_timeout),
    ROW("-read-size", NUMBER, read_size),
    ROW("-shim-writes-first", SWITCH, writes_first),
    ROW("-shim-shuts-down", SWITCH, shuts_down),
    ROW("-check-close-notify", SWITCH, check_close_notify),
    ROW("-send-alert", SWITCH, send_alert),
    ROW("-write-different-record-sizes", SWITCH, record_sizes),
    ROW("-renegotiate-once", SWITCH, renegotiate_once),
    ROW("-renegotiate-freely", SWITCH, renegotiate_freely),
    ROW("-forbid-renegotiation-after-handshake", SWITCH, forbid_renegotiation),
    ROW("-expect-total-renegotiations", NUMBER, expect_renegotiations),
    ROW("-expect-session-miss", SWITCH, expect_session_miss),
    ROW("-expect-extended-master-secret", SWITCH, expect_master_secret),
    ROW("-expect-secure-renegotiation", SWITCH, expect_secure_renegotiation),
    ROW("-expect-no-secure-renegotiation", SWITCH, expect_no_secure_renegotiation),
    ROW("-expect-hrr", SWITCH, expect_hrr),
    ROW("-expect-no-hrr", SWITCH, expect_no_hrr),
    ROW("-expect-version", NUMBER, expect_version),
    ROW("-expect-cipher", NUMBER, expect_cipher),
    ROW("-expect-curve-id", NUMBER, expect_curve),
    /* There is one way into a handshake, and it takes what comes in the order in which it comes. */
    { "-implicit-handshake", NOTHING, 0 },
    /* Ways of BoringSSL to be asked in the middle of a handshake. */
    { "-use-early-callback", NOTHING, 0 },
    { "-install-ddos-callback", NOTHING, 0 },
    { "-use-old-client-cert-callback", NOTHING, 0 },
    /* What verify_fail has found is what the program has found. */
    { "-expect-verify-result", NOTHING, 0 },
    /* Schannel's servers always choose by their own order. */
    { "-server-preference", NOTHING, 0 },
    { "-allow-hint-mismatch", NOTHING, 0 },
    /* DecryptMessage leaves all of a record where it was. */
    { "-peek-then-read", NOTHING, 0 },
    /* EncryptMessage takes a record's data whole. */
    { "-partial-write", NOTHING, 0 },
};

void unimplemented(const char *what)
{
    fprintf(stderr, "no way to do %s\n", what);
    exit(EXIT_UNIMPLEMENTED);
}

static unsigned find_row(const char *name)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
        if (!strcmp(rows[i].name, name)) return i;
    unimplemented(name);
}

static struct blob decode_base64(const char *text)
{
    struct blob blob = { NULL, 0 };

    if (!CryptStringToBinaryA(text, 0, CRYPT_STRING_BASE64, NULL, &blob.size, NULL, NULL) ||
        !(blob.data = malloc(blob.size + 1)) ||
        !CryptStringToBinaryA(text, 0, CRYPT_STRING_BASE64, blob.data, &blob.size, NULL, NULL))
        unimplemented("a text that is not Base64");
    return blob;
}

static void set(struct orders *orders, unsigned row, char *value)
{
    void *field = (BYTE *)orders + rows[row].offset;
    struct numbers *numbers = field;

    switch (rows[row].kind)
    {
    case SWITCH:
        *(BOOL *)field = TRUE;
        break;
    case NUMBER:
        *(int *)field = atoi(value);
        break;
    case NUMBERS:
        if (numbers->count == NUMBERS_MAX) unimplemented("so long a list");
        numbers->values[numbers->count++] = atoi(value);
        break;
    case TEXT:
        *(const char **)field = value;
        break;
    case BYTES:
        *(struct blob *)field = (struct blob){ (BYTE *)value, (DWORD)strlen(value) };
        break;
    case BASE64:
        *(struct blob *)field = decode_base64(value);
        break;
    case NOTHING:
        break;
    }
}

static const char *without(const char *name, const char *prefix)
{
    size_t size = strlen(prefix);

    return strncmp(name, prefix, size) ? NULL : name + size - 1; /* with its own '-' */
}

void orders_read(int argc, char **argv, struct orders *first, struct orders *resumed)
{
    int i;

    memset(first, 0, sizeof(*first));
    memset(resumed, 0, sizeof(*resumed));
    for (i = 1; i < argc; i++)
    {
        const char *name = argv[i], *rest;
        BOOL for_first = TRUE, for_resumed = TRUE, ours = TRUE;
        char *value = NULL;
        unsigned row;

        if ((rest = without(name, "-on-shim-"))) name = rest;
        if ((rest = without(name, "-on-handshaker-")))
        {
            name = rest;
            ours = FALSE;
        }
        if ((rest = without(name, "-on-initial-")))
            for_resumed = FALSE;
        else if ((rest = without(name, "-on-resume-")))
            for_first = FALSE;
        else if ((rest = without(name, "-on-retry-"))) /* after early data */
            for_first = for_resumed = FALSE;
        if (rest) name = rest;
        row = find_row(name);
        if (rows[row].kind != SWITCH && rows[row].kind != NOTHING)
        {
            if (++i == argc) unimplemented(name);
            value = argv[i];
        }
        if (ours && for_first) set(first, row, value);
        if (ours && for_resumed) set(resumed, row, value);
    }
}
