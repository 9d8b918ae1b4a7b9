/*
 * Cipher suites: everything known about each, one row a suite.
 */
#ifndef SCHANNEL_SUITES_H
#define SCHANNEL_SUITES_H

#include "windows_sspi.h"

enum suite_mode
{
    SUITE_AEAD,   /* the cipher authenticates: no MAC of its own */
    SUITE_CBC,    /* padded to blocks, with a MAC */
    SUITE_STREAM, /* RC4 or nothing, with a MAC */
};

struct suite_cipher
{
    const WCHAR *name; /* SecPkgContext_CipherInfo.szCipher */
    ALG_ID algorithm;  /* SecPkgContext_ConnectionInfo.aiCipher */
    USHORT bits;       /* of the key, as Windows counts them */
    USHORT block;      /* bytes */
    enum suite_mode mode;
    BYTE explicit_nonce; /* bytes of nonce in each record: TLS 1.2 for an AEAD, TLS 1.1 and 1.2 for CBC */
    BYTE tag;            /* bytes, AEAD only */
    int gcrypt;          /* enum gcry_cipher_algos, AEAD only */
    int gcrypt_mode;     /* enum gcry_cipher_modes, AEAD only */
    const char *word;    /* in a priority string */
    BOOL weak;           /* used only when somebody names it, and never with SCH_USE_STRONG_CRYPTO */
};

struct suite_hash
{
    const WCHAR *name; /* SecPkgContext_CipherInfo.szHash */
    ALG_ID algorithm;
    USHORT bits;
    const char *word;
    BOOL weak;
};

struct suite_exchange
{
    const WCHAR *name; /* SecPkgContext_CipherInfo.szExchange */
    ALG_ID algorithm;  /* SecPkgContext_ConnectionInfo.aiExch */
    const char *word;  /* the first part of a priority string's key exchange */
};

struct suite_signature
{
    const WCHAR *name; /* SecPkgContext_CipherInfo.szCertificate and KEY_INFO */
    ALG_ID algorithm;  /* SecPkgContext_KeyInfo.SignatureAlgorithm */
    const char *word;  /* the second part */
};

/* Who gets a suite. */
enum suite_offer
{
    SUITE_OFFERED,  /* everybody */
    SUITE_ON_NAME,  /* who names it: the administrator's list of suites, or a program its algorithms */
    SUITE_WITH_PSK, /* SCH_USE_PRESHAREDKEY_ONLY */
};

struct suite
{
    USHORT id;        /* IANA */
    const char *name; /* IANA, which is Windows' szCipherSuite */
    const struct suite_cipher *cipher;
    const struct suite_hash *hash; /* of the MAC, or of the PRF when the cipher needs no MAC */
    const struct suite_exchange *exchange;
    const struct suite_signature *signature;
    enum suite_offer offer;
};

/* All of them: first those of SUITE_OFFERED, in Windows 11's order of preference. */
#define SUITES_MAX 40
const struct suite *suite_rows(unsigned *count);

/* The suite of an IANA name, or NULL. */
const struct suite *suite_of_name(const char *name);
const struct suite *suite_of_id(USHORT id); /* NULL: Windows has none of that number */

/* Such a suite says nothing of exchange and signature, and belongs to TLS 1.3 alone. */
BOOL suite_is_tls13(const struct suite *suite);

/* One of its parts is broken, or not there: RC4, 3DES, MD5, no encryption. */
BOOL suite_is_weak(const struct suite *suite);

/* Bytes before and after the data of a protected record. `protocol` is one SP_PROT_* bit. */
struct record_sizes
{
    ULONG header;  /* record header and nonce */
    ULONG trailer; /* the most that can follow the data: tag, or MAC and padding, and TLS 1.3's type byte */
};
struct record_sizes suite_record_sizes(const struct suite *suite, DWORD protocol);

#endif
