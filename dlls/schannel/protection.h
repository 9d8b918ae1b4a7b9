/*
 * Record protection, done directly: one direction of an AEAD suite, in the memory the record lies in.
 *
 * GnuTLS hands over the keys once it has agreed on them; the sequence number goes back and forth with it.
 * What a record means is the session's business. The ciphers are libgcrypt's, which are faster than GnuTLS's
 * and alone fast in 32 bit.
 */
#ifndef SCHANNEL_PROTECTION_H
#define SCHANNEL_PROTECTION_H

#include "session.h"
#include <gcrypt.h>
#include <gnutls/gnutls.h>

#define CONTENT_CHANGE_CIPHER_SPEC 20
#define CONTENT_ALERT              21
#define CONTENT_HANDSHAKE          22
#define CONTENT_APPLICATION_DATA   23

/* Whether a record of DTLS begins with a whole header of a handshake message, unprotected (epoch 0). */
static inline BOOL datagram_is_plain_handshake(struct span record)
{
    return record.size >= DATAGRAM_HEADER_SIZE + MESSAGE_HEADER_SIZE && record.data[0] == CONTENT_HANDSHAKE &&
           !record.data[3] && !record.data[4];
}

struct protection
{
    const struct suite_cipher *suite; /* NULL: this direction is GnuTLS's */
    gcry_cipher_hd_t cipher;          /* NULL: no record has needed it yet; it takes 2 KiB */
    uint64_t sequence; /* of the next record; of DTLS with the epoch in front (RFC 6347, 4.1.2.1) */
    uint8_t key[32];   /* until there is a cipher, which then has it */
    uint8_t iv[12];    /* the whole nonce to be masked, or TLS 1.2's salt in front */
    uint8_t key_size;
    uint8_t header;         /* bytes of a record's header, without nonce */
    uint8_t explicit_nonce; /* bytes of nonce a record carries */
    uint8_t tag;
    BOOL tls13;
    uint16_t version; /* for the record header */
};

/* Whether a direction is ours. */
static inline BOOL protection_is_ours(const struct protection *protection)
{
    return protection->suite != NULL;
}

/* Before DllMain returns for the last time: what libgcrypt took of the process. */
void protection_library_close(void);

/* Takes over one direction; what was there before is forgotten. FALSE, and GnuTLS's again, on any failure. */
BOOL protection_take_over(struct protection *protection, gnutls_session_t tls, BOOL reading,
                          const struct suite *suite, uint16_t version);

/* Gives a direction back: GnuTLS knows the sequence number again. The keys stay. */
void protection_hand_back(const struct protection *protection, gnutls_session_t tls, BOOL reading);

/* Forgets the keys. */
void protection_clear(struct protection *protection);

/*
 * Protects application data: fills header and trailer and encrypts data in place. header_size and
 * trailer_size of the layout are room on entry (enough: the session looked) and what was written on return.
 * SEC_E_ENCRYPT_FAILURE: the cipher failed, or there is no number left for the record (RFC 5246, 6.1; RFC
 * 6347, 4.1). SEC_E_INSUFFICIENT_MEMORY: for the cipher, and nothing has happened.
 */
SECURITY_STATUS protection_seal(struct protection *protection, struct record_layout *layout);

/* A record opened in place: what it is and where. */
struct opened_content
{
    uint8_t type; /* CONTENT_* */
    uint8_t *data;
    size_t size;
    size_t inner_size; /* of all that was encrypted: data, and TLS 1.3's type and padding */
};

/*
 * Opens a record in place; its sequence number is used up only by protection_opened. Over datagrams the
 * number is the one in the record's header, whose 13 bytes are there.
 * SEC_E_MESSAGE_ALTERED (TLS 1.2, DTLS) or SEC_E_DECRYPT_FAILURE (1.3): not authentic, and what was decrypted
 * is wiped. SEC_E_ILLEGAL_MESSAGE: authentic, but no record. SEC_E_INSUFFICIENT_MEMORY: for the cipher, and
 * nothing has happened.
 */
SECURITY_STATUS protection_open(struct protection *protection, uint8_t *record, size_t size,
                                struct opened_content *content);
void protection_opened(struct protection *protection);

/* Puts an opened record back as it was, byte for byte: the same key, nonce and plaintext make the same bytes.
 */
SECURITY_STATUS protection_close(struct protection *protection, uint8_t *record,
                                 const struct opened_content *content);

#endif
