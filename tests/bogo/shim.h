/*
 * The shim's parts: what the runner orders, and a connection by SSPI to it.
 */
#ifndef TESTS_BOGO_SHIM_H
#define TESTS_BOGO_SHIM_H

#include "../../tools/sample.h"

#define EXIT_UNIMPLEMENTED 89 /* PORTING.md: the shim cannot do what is ordered */

#define NUMBERS_MAX        16

/* Ends the program: SSPI, or this shim, has no way to do that. */
__attribute__((noreturn)) void unimplemented(const char *what);

/* --- flags.c -------------------------------------------------------------------------------------------- */

/* Bytes, which may have zeros among them. */
struct blob
{
    BYTE *data; /* NULL: the flag was not given */
    DWORD size;
};

/* A flag that may be given several times. */
struct numbers
{
    unsigned count;
    int values[NUMBERS_MAX];
};

/* One connection's orders; what a flag means is said in test_config.cc of the runner's package. */
struct orders
{
    int port, resume_count, min_version, max_version, expect_version, expect_cipher, expect_curve, mtu,
        initial_timeout, read_size, export_size, expect_renegotiations;
    const char *shim_id, *certificate, *key, *host_name, *expect_server_name, *expect_peer_certificate,
        *export_label, *srtp;
    struct blob advertise_alpn, expect_alpn, select_alpn, expect_advertised_alpn, export_context,
        ocsp_response, expect_ocsp_response;
    struct numbers curves, verify_prefs, signing_prefs;
    BOOL server, datagrams, async, no_tls13, no_tls12, no_tls11, no_tls1, no_ticket;
    BOOL verify_peer, require_certificate, verify_fail, custom_verify, reverify, stapling;
    BOOL decline_alpn, reject_alpn;
    BOOL writes_first, shuts_down, check_close_notify, send_alert, record_sizes, exporter_between_reads;
    BOOL expect_session_miss, expect_master_secret, expect_hrr, expect_no_hrr;
    BOOL expect_secure_renegotiation, expect_no_secure_renegotiation;
    BOOL renegotiate_once, renegotiate_freely, forbid_renegotiation, unique_binding, use_export_context;
    BOOL fips;
};

/* Reads the command line for the first connection and for those that resume. Ends the program where a flag
 * cannot be followed. */
void orders_read(int argc, char **argv, struct orders *first, struct orders *resumed);

/* --- wire.c --------------------------------------------------------------------------------------------- */

enum came
{
    CAME_BYTES,
    CAME_TIMEOUT, /* the runner has let that much time pass, over datagrams */
    CAME_END,
};

struct wire
{
    struct sample_stream stream; /* what came and is not used; over datagrams one of them */
    BOOL datagrams;
    ULONG64 clock; /* nanoseconds the runner has let pass */
};

BOOL wire_open(struct wire *wire, const struct orders *orders);
enum came wire_receive(struct wire *wire);
BOOL wire_send(struct wire *wire, const void *data, DWORD size);
void wire_close(struct wire *wire);

#endif
