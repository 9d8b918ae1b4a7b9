/*
 * Record protection, done directly: one direction of an AEAD suite, in the memory the record lies in.
 *
 * Two framings exist. TLS 1.2 (RFC 5246, 6.2.3.3; RFC 5288; RFC 7905): the content type stands in the header,
 * the additional data are sequence number and header with the plaintext's length, and GCM's nonce is a salt
 * and eight bytes in the record. DTLS 1.2 is the same with epoch and sequence number in the header (RFC 6347,
 * 4.1.2.1). TLS 1.3 (RFC 8446, 5.2): the type follows the data, encrypted, the additional data are the
 * header, and the nonce is the IV masked with the sequence number.
 *
 * Eight explicit bytes: the sequence number, as GnuTLS does. So a nonce is never used twice, whichever of the
 * two writes a record.
 */
#include "protection.h"
#include "log.h"

#define NONCE_SIZE          12u
#define EXPLICIT_NONCE_SIZE 8u
#define NUMBERS_DTLS        ((uint64_t)0xffffffffffff) /* sequence numbers without the epoch */

/* --- the library ---------------------------------------------------------------------------------------- */

/* No random numbers and no secret memory are asked of it: the keys lie in ours as well. */
static BOOL CALLBACK open_library(INIT_ONCE *once, void *parameter, void **result)
{
    (void)once;
    (void)parameter;
    (void)result;
    if (!gcry_check_version(NULL)) return FALSE;
    gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    return TRUE;
}

static BOOL library_open(void)
{
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;

    return InitOnceExecuteOnce(&once, open_library, NULL, NULL);
}

void protection_library_close(void)
{
    gpg_err_deinit(0);
}

/* --- keys ----------------------------------------------------------------------------------------------- */

/* Big-endian numbers in one piece: what lies in several is waited for when it is read soon after, and a small
 * record takes no longer than a few of such waits. */
static inline void write_8(uint8_t *out, uint64_t number)
{
    number = __builtin_bswap64(number);
    memcpy(out, &number, 8);
}

static inline void write_4(uint8_t *out, uint32_t number)
{
    number = __builtin_bswap32(number);
    memcpy(out, &number, 4);
}

static inline void write_2(uint8_t *out, size_t number)
{
    uint16_t swapped = __builtin_bswap16((uint16_t)number);

    memcpy(out, &swapped, 2);
}

static inline uint64_t read_8(const uint8_t *in)
{
    uint64_t number;

    memcpy(&number, in, 8);
    return __builtin_bswap64(number);
}

void protection_clear(struct protection *protection)
{
    gcry_cipher_close(protection->cipher);
    SecureZeroMemory(protection, sizeof(*protection));
}

/* The first record makes the cipher: a connection that carries nothing for a while is small. */
static BOOL open_cipher(struct protection *protection)
{
    const struct suite_cipher *suite = protection->suite;

    if (!library_open() || gcry_cipher_open(&protection->cipher, suite->gcrypt, suite->gcrypt_mode, 0))
        return FALSE;
    if (!gcry_cipher_setkey(protection->cipher, protection->key, protection->key_size))
    {
        SecureZeroMemory(protection->key, sizeof(protection->key));
        return TRUE;
    }
    gcry_cipher_close(protection->cipher);
    protection->cipher = NULL;
    return FALSE;
}

static inline BOOL has_cipher(struct protection *protection)
{
    return protection->cipher || open_cipher(protection);
}

BOOL protection_take_over(struct protection *protection, gnutls_session_t tls, BOOL reading,
                          const struct suite *suite, uint16_t version)
{
    BOOL datagrams = version >= DATAGRAM_VERSION_MIN;
    gnutls_datum_t iv, key;
    uint8_t sequence[8];

    protection_clear(protection);
    if (!suite || suite->cipher->mode != SUITE_AEAD) return FALSE;
    if (gnutls_record_get_state(tls, reading, NULL, &iv, &key, sequence) < 0) return FALSE;

    protection->header = datagrams ? DATAGRAM_HEADER_SIZE : RECORD_HEADER_SIZE;
    protection->tls13 = !datagrams && version >= 0x0304;
    protection->version = protection->tls13 ? 0x0303 : version;
    protection->explicit_nonce = protection->tls13 ? 0 : suite->cipher->explicit_nonce;
    protection->tag = suite->cipher->tag;
    protection->sequence = read_8(sequence);
    if (protection->explicit_nonce && protection->explicit_nonce != EXPLICIT_NONCE_SIZE) return FALSE;
    if (iv.size != NONCE_SIZE - protection->explicit_nonce || key.size > sizeof(protection->key))
        return FALSE;
    memcpy(protection->iv, iv.data, iv.size);
    memcpy(protection->key, key.data, key.size);
    protection->key_size = (uint8_t)key.size;
    protection->suite = suite->cipher;
    gnutls_record_rest(tls, reading); /* it may not have one, which is as good */
    return TRUE;
}

void protection_hand_back(const struct protection *protection, gnutls_session_t tls, BOOL reading)
{
    uint8_t sequence[8];

    if (!protection_is_ours(protection)) return;
    write_8(sequence, protection->sequence);
    if (gnutls_record_set_state(tls, reading, sequence) < 0) ERR("GnuTLS did not take the sequence number\n");
}

/* --- records -------------------------------------------------------------------------------------------- */

/* What a record stands under: its number, its header, and where its nonce is. */
static BOOL begin(const struct protection *protection, const uint8_t *record, size_t data_size)
{
    const uint8_t *explicit_nonce = record + protection->header;
    uint64_t number = protection->sequence, counter;
    uint8_t nonce[NONCE_SIZE], aad[13];

    if (protection->header == DATAGRAM_HEADER_SIZE) number = read_8(record + 3);
    memcpy(nonce, protection->iv, NONCE_SIZE);
    counter = read_8(protection->iv + NONCE_SIZE - 8) ^ number;
    if (protection->explicit_nonce) counter = read_8(explicit_nonce);
    write_8(nonce + NONCE_SIZE - 8, counter);
    if (gcry_cipher_setiv(protection->cipher, nonce, sizeof(nonce))) return FALSE;

    if (protection->tls13) return !gcry_cipher_authenticate(protection->cipher, record, RECORD_HEADER_SIZE);
    write_8(aad, number);
    memcpy(aad + 8, record, 3);
    write_2(aad + 11, data_size);
    return !gcry_cipher_authenticate(protection->cipher, aad, sizeof(aad));
}

static BOOL encrypt(const struct protection *protection, uint8_t *data, size_t size)
{
    return !gcry_cipher_encrypt(protection->cipher, data, size, NULL, 0);
}

/* The type byte of TLS 1.3 lies behind the data, as a rule: then it is one piece. */
static BOOL encrypt_data(const struct protection *protection, const struct record_layout *layout,
                         size_t type_size)
{
    uint8_t *data = layout->data_size ? layout->data : layout->trailer;

    if (data + layout->data_size == layout->trailer)
        return encrypt(protection, data, layout->data_size + type_size);
    return encrypt(protection, data, layout->data_size) && encrypt(protection, layout->trailer, type_size);
}

/* Whether a record has a number of its own left. */
static BOOL has_number(const struct protection *protection)
{
    if (protection->header == DATAGRAM_HEADER_SIZE)
        return (protection->sequence & NUMBERS_DTLS) < NUMBERS_DTLS;
    return protection->sequence < UINT64_MAX;
}

SECURITY_STATUS protection_seal(struct protection *protection, struct record_layout *layout)
{
    size_t type_size = protection->tls13 ? 1 : 0;
    size_t length = protection->explicit_nonce + layout->data_size + type_size + protection->tag;

    if (!has_number(protection)) return SEC_E_ENCRYPT_FAILURE;
    if (!has_cipher(protection)) return SEC_E_INSUFFICIENT_MEMORY;
    write_4(layout->header, (uint32_t)CONTENT_APPLICATION_DATA << 24 | (uint32_t)protection->version << 8 |
                                (uint32_t)length >> 8);
    layout->header[4] = (uint8_t)length;
    if (protection->header == DATAGRAM_HEADER_SIZE)
    {
        write_8(layout->header + 3, protection->sequence);
        write_2(layout->header + 11, length);
    }
    if (protection->explicit_nonce) write_8(layout->header + protection->header, protection->sequence);
    layout->header_size = protection->header + protection->explicit_nonce;
    if (type_size) layout->trailer[0] = CONTENT_APPLICATION_DATA;
    layout->trailer_size = type_size + protection->tag;

    if (!begin(protection, layout->header, layout->data_size) ||
        !encrypt_data(protection, layout, type_size) ||
        gcry_cipher_gettag(protection->cipher, layout->trailer + type_size, protection->tag))
        return SEC_E_ENCRYPT_FAILURE;
    protection->sequence++;
    return SEC_E_OK;
}

/* TLS 1.3: the type is the last byte that is not padding. */
static SECURITY_STATUS find_type(struct opened_content *content)
{
    while (content->size && !content->data[content->size - 1]) content->size--;
    if (!content->size) return SEC_E_ILLEGAL_MESSAGE;
    content->type = content->data[--content->size];
    return SEC_E_OK;
}

SECURITY_STATUS protection_open(struct protection *protection, uint8_t *record, size_t size,
                                struct opened_content *content)
{
    size_t overhead = protection->header + protection->explicit_nonce + protection->tag;
    SECURITY_STATUS altered = protection->tls13 ? SEC_E_DECRYPT_FAILURE : SEC_E_MESSAGE_ALTERED;

    if (size < overhead) return altered;
    if (!has_cipher(protection)) return SEC_E_INSUFFICIENT_MEMORY;
    content->type = record[0];
    content->data = record + protection->header + protection->explicit_nonce;
    content->size = content->inner_size = size - overhead;

    if (!begin(protection, record, content->size) ||
        gcry_cipher_decrypt(protection->cipher, content->data, content->size, NULL, 0) ||
        gcry_cipher_checktag(protection->cipher, content->data + content->size, protection->tag))
    {
        SecureZeroMemory(content->data, content->size);
        return altered;
    }
    /* RFC 8446, 5.4: with its type and padding no more than 2^14 + 1 */
    if (protection->tls13 && (content->inner_size > RECORD_DATA_MAX + 1 || find_type(content)))
        return SEC_E_ILLEGAL_MESSAGE;
    return content->size <= RECORD_DATA_MAX ? SEC_E_OK : SEC_E_ILLEGAL_MESSAGE;
}

void protection_opened(struct protection *protection)
{
    protection->sequence++;
}

SECURITY_STATUS protection_close(struct protection *protection, uint8_t *record,
                                 const struct opened_content *content)
{
    /* The tag is the same, too; libgcrypt is done with a record only when it was asked for it. */
    if (!begin(protection, record, content->inner_size) ||
        !encrypt(protection, content->data, content->inner_size) ||
        gcry_cipher_gettag(protection->cipher, content->data + content->inner_size, protection->tag))
        return SEC_E_INTERNAL_ERROR;
    return SEC_E_OK;
}
