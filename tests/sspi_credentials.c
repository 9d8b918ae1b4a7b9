/*
 * AcquireCredentialsHandle and what can be asked of a credential, through the door.
 *
 * Expectations are Windows' by Wine's dlls/secur32/tests/schannel.c, testAcquireSecurityContext and
 * test_cread_attrs, unless a test says otherwise.
 */
#include "test.h"
#include "door.h"

static SECURITY_STATUS acquire(ULONG use, void *data, CredHandle *handle)
{
    return sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W, use, NULL, data, NULL, NULL, handle,
                                           NULL);
}

static void test_a_package_that_is_none(void)
{
    CredHandle handle;

    ok_status(sspi->AcquireCredentialsHandleW(NULL, NULL, SECPKG_CRED_OUTBOUND, NULL, NULL, NULL, NULL,
                                              &handle, NULL),
              SEC_E_SECPKG_NOT_FOUND);
    ok_status(sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)L"Rot13", SECPKG_CRED_OUTBOUND, NULL, NULL, NULL,
                                              NULL, &handle, NULL),
              SEC_E_SECPKG_NOT_FOUND);
}

static void test_both_names_and_both_character_sets(void)
{
    CredHandle handle;

    ok_status(sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)SCHANNEL_NAME_W, SECPKG_CRED_OUTBOUND, NULL,
                                              NULL, NULL, NULL, &handle, NULL),
              SEC_E_OK);
    ok_status(sspi->FreeCredentialsHandle(&handle), SEC_E_OK);
    ok_status(sspi_a->AcquireCredentialsHandleA(NULL, (char *)UNISP_NAME_A, SECPKG_CRED_OUTBOUND, NULL, NULL,
                                                NULL, NULL, &handle, NULL),
              SEC_E_OK);
    ok_status(sspi_a->FreeCredentialHandle(&handle), SEC_E_OK);
}

static void test_nothing_given_is_enough_for_a_client_only(void)
{
    CredHandle handle;

    ok_status(acquire(0, NULL, NULL), SEC_E_NO_CREDENTIALS);
    ok_status(acquire(SECPKG_CRED_BOTH, NULL, NULL), SEC_E_NO_CREDENTIALS);
    ok_status(acquire(SECPKG_CRED_INBOUND, NULL, NULL), SEC_E_NO_CREDENTIALS);
    ok_status(acquire(SECPKG_CRED_OUTBOUND, NULL, &handle), SEC_E_OK);
    ok_status(sspi->FreeCredentialsHandle(&handle), SEC_E_OK);
}

static void test_the_versions_of_the_struct(void)
{
    static const struct
    {
        DWORD version;
        SECURITY_STATUS status;
    } rows[] = {
        { 0, SEC_E_UNKNOWN_CREDENTIALS },           { SCH_CRED_V1, SEC_E_UNKNOWN_CREDENTIALS },
        { SCH_CRED_V2, SEC_E_UNKNOWN_CREDENTIALS }, { SCH_CRED_V3, SEC_E_INSUFFICIENT_MEMORY },
        { SCHANNEL_CRED_VERSION, SEC_E_OK },        { SCH_CREDENTIALS_VERSION, SEC_E_OK },
        { 6, SEC_E_UNKNOWN_CREDENTIALS },           { 0xffffffff, SEC_E_UNKNOWN_CREDENTIALS },
    };
    static const ULONG uses[] = { SECPKG_CRED_OUTBOUND, SECPKG_CRED_INBOUND };
    union
    {
        SCHANNEL_CRED old;
        SCH_CREDENTIALS new;
    } cred;
    unsigned i, j;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
        for (j = 0; j < ARRAY_SIZE(uses); j++)
        {
            SECURITY_STATUS status;
            CredHandle handle;

            memset(&cred, 0, sizeof(cred));
            cred.old.dwVersion = rows[i].version;
            status = acquire(uses[j], &cred, &handle);
            ok(status == rows[i].status, "version %lu, use %lu: %#lx\n", rows[i].version, uses[j], status);
            if (!status) sspi->FreeCredentialsHandle(&handle);
        }
}

static void test_a_handle_that_points_nowhere(void)
{
    SCHANNEL_CRED cred = { .dwVersion = SCHANNEL_CRED_VERSION };
    CredHandle handle = { 0x12345, 0 };

    if (!sspi_is_direct()) SKIP_TEST("secur32 itself looks into the handle");
    ok(FAILED(acquire(SECPKG_CRED_OUTBOUND, &cred, NULL)), "a credential without a handle\n");
    ok_status(sspi->FreeCredentialsHandle(NULL), SEC_E_INVALID_HANDLE);
    ok_status(sspi->FreeCredentialsHandle(&handle), SEC_E_INVALID_HANDLE);
    ok_status(sspi->QueryCredentialsAttributesW(NULL, SECPKG_ATTR_SUPPORTED_PROTOCOLS, NULL),
              SEC_E_INVALID_HANDLE);
}

static void test_a_freed_credential_is_gone(void)
{
    SecPkgCred_SupportedProtocols protocols;
    CredHandle handle, copy;

    ok_status(acquire(SECPKG_CRED_OUTBOUND, NULL, &handle), SEC_E_OK);
    copy = handle;
    ok_status(sspi->FreeCredentialsHandle(&handle), SEC_E_OK);
    ok_status(sspi->QueryCredentialsAttributesW(&copy, SECPKG_ATTR_SUPPORTED_PROTOCOLS, &protocols),
              SEC_E_INVALID_HANDLE);
    ok_status(sspi->FreeCredentialsHandle(&copy), SEC_E_INVALID_HANDLE);
}

static DWORD protocols_of(BOOL modern, DWORD protocols, ULONG use, SECURITY_STATUS *status)
{
    SCHANNEL_CRED old = { .dwVersion = SCHANNEL_CRED_VERSION, .grbitEnabledProtocols = protocols };
    TLS_PARAMETERS parameters = { .grbitDisabledProtocols = protocols };
    SCH_CREDENTIALS new = { .dwVersion = SCH_CREDENTIALS_VERSION,
                            .cTlsParameters = 1,
                            .pTlsParameters = &parameters };
    SecPkgCred_SupportedProtocols supported = { 0 };
    CredHandle handle;

    *status = acquire(use, modern ? (void *)&new : (void *)&old, &handle);
    if (*status) return 0;
    ok_status(sspi->QueryCredentialsAttributesW(&handle, SECPKG_ATTR_SUPPORTED_PROTOCOLS, &supported),
              SEC_E_OK);
    sspi->FreeCredentialsHandle(&handle);
    return supported.grbitProtocol;
}

static void test_protocols(void)
{
    static const struct
    {
        const char *name;
        BOOL modern;
        DWORD named; /* enabled by SCHANNEL_CRED, disabled by SCH_CREDENTIALS */
        ULONG use;
        SECURITY_STATUS status;
        DWORD protocols;
    } rows[] = {
        { "a server's for a client", FALSE, SP_PROT_TLS1_X_SERVER, SECPKG_CRED_OUTBOUND,
          SEC_E_ALGORITHM_MISMATCH, 0 },
        { "a client's for a server", FALSE, SP_PROT_TLS1_X_CLIENT, SECPKG_CRED_INBOUND,
          SEC_E_ALGORITHM_MISMATCH, 0 },
        { "TLS and DTLS", FALSE, SP_PROT_TLS1_2_CLIENT | SP_PROT_DTLS1_2_CLIENT, SECPKG_CRED_OUTBOUND,
          SEC_E_ALGORITHM_MISMATCH, 0 },
        { "TLS 1.3 by the old struct", FALSE, SP_PROT_TLS1_3_CLIENT, SECPKG_CRED_OUTBOUND,
          SEC_E_ALGORITHM_MISMATCH, 0 },
        { "SSL 3.0, which is off", FALSE, SP_PROT_SSL3_CLIENT, SECPKG_CRED_OUTBOUND, SEC_E_ALGORITHM_MISMATCH,
          0 },
        { "everything denied", TRUE, 0xffffffff, SECPKG_CRED_OUTBOUND, SEC_E_ALGORITHM_MISMATCH, 0 },
        { "TLS 1.0 by name", FALSE, SP_PROT_TLS1_0_CLIENT, SECPKG_CRED_OUTBOUND, SEC_E_OK,
          SP_PROT_TLS1_0_CLIENT },
        { "all by name", FALSE, SP_PROT_TLS1_X_CLIENT, SECPKG_CRED_OUTBOUND, SEC_E_OK,
          SP_PROT_TLS1_0_CLIENT | SP_PROT_TLS1_1_CLIENT | SP_PROT_TLS1_2_CLIENT },
        { "none named", FALSE, 0, SECPKG_CRED_OUTBOUND, SEC_E_OK, SP_PROT_TLS1_2_CLIENT },
        { "none named, for a server", FALSE, 0, SECPKG_CRED_INBOUND, SEC_E_OK, SP_PROT_TLS1_2_SERVER },
        { "nothing denied", TRUE, 0, SECPKG_CRED_OUTBOUND, SEC_E_OK,
          SP_PROT_TLS1_2_CLIENT | SP_PROT_TLS1_3_CLIENT },
        { "TLS 1.2 denied", TRUE, SP_PROT_TLS1_2_CLIENT, SECPKG_CRED_OUTBOUND, SEC_E_OK,
          SP_PROT_TLS1_3_CLIENT },
        { "all but TLS 1.2 denied, as curl does", TRUE, ~(DWORD)SP_PROT_TLS1_2_CLIENT, SECPKG_CRED_OUTBOUND,
          SEC_E_OK, SP_PROT_TLS1_2_CLIENT },
        { "all but TLS 1.0 denied", TRUE, ~(DWORD)SP_PROT_TLS1_0_CLIENT, SECPKG_CRED_OUTBOUND, SEC_E_OK,
          SP_PROT_TLS1_0_CLIENT },
        { "DTLS by name", FALSE, SP_PROT_DTLS1_2_CLIENT, SECPKG_CRED_OUTBOUND, SEC_E_OK,
          SP_PROT_DTLS1_2_CLIENT },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        SECURITY_STATUS status;
        DWORD protocols = protocols_of(rows[i].modern, rows[i].named, rows[i].use, &status);

        ok(status == rows[i].status, "%s: %#lx\n", rows[i].name, status);
        ok(protocols == rows[i].protocols, "%s: protocols %#lx\n", rows[i].name, protocols);
    }
}

/* A TBSCertificate of nothing but a serial number and two dates: no names, no algorithms, no key. */
static const BYTE keyless[] = {
    0x30, 0x38, 0x02, 0x01, 0x01, 0x30, 0x02, 0x06, 0x00, 0x30, 0x00, 0x30, 0x22, 0x18, 0x0f,
    '2',  '0',  '2',  '0',  '0',  '1',  '0',  '1',  '0',  '0',  '0',  '0',  '0',  '0',  'Z',
    0x18, 0x0f, '2',  '0',  '9',  '0',  '0',  '1',  '0',  '1',  '0',  '0',  '0',  '0',  '0',
    '0',  'Z',  0x30, 0x00, 0x30, 0x07, 0x30, 0x02, 0x06, 0x00, 0x03, 0x01, 0x00,
};

static void test_certificates_that_cannot_be_used(void)
{
    PCCERT_CONTEXT none[2] = { NULL, NULL };
    SCHANNEL_CRED cred = { .dwVersion = SCHANNEL_CRED_VERSION, .cCreds = 1, .paCred = none };
    CredHandle handle;

    ok_status(acquire(SECPKG_CRED_OUTBOUND, &cred, &handle), SEC_E_UNKNOWN_CREDENTIALS);
    cred.cCreds = 2;
    ok_status(acquire(SECPKG_CRED_OUTBOUND, &cred, &handle), SEC_E_UNKNOWN_CREDENTIALS);
    cred.cCreds = 0xffffffff;
    ok_status(acquire(SECPKG_CRED_OUTBOUND, &cred, &handle), SEC_E_UNKNOWN_CREDENTIALS);
    cred.cCreds = 1;
    cred.paCred = NULL;
    ok_status(acquire(SECPKG_CRED_OUTBOUND, &cred, &handle), SEC_E_UNKNOWN_CREDENTIALS);
    cred.paCred = none;
    none[0] = CertCreateCertificateContext(X509_ASN_ENCODING, keyless, sizeof(keyless));
    ok(none[0] != NULL, "crypt32 does not read it\n");
    ok_status(acquire(SECPKG_CRED_OUTBOUND, &cred, &handle), SEC_E_UNKNOWN_CREDENTIALS);
    if (none[0]) CertFreeCertificateContext(none[0]);
}

static void test_a_certificate_without_its_key(void)
{
    const char *file = getenv("PKI_CA_DER");
    BYTE der[4096];
    PCCERT_CONTEXT certificate;
    SCHANNEL_CRED cred = { .dwVersion = SCHANNEL_CRED_VERSION, .cCreds = 1, .paCred = &certificate };
    CredHandle handle;
    FILE *in = file ? fopen(file, "rb") : NULL;
    DWORD size;

    ok(in != NULL, "no certificate to try\n");
    if (!in) return;
    size = (DWORD)fread(der, 1, sizeof(der), in);
    fclose(in);
    certificate = CertCreateCertificateContext(X509_ASN_ENCODING, der, size);
    ok(certificate != NULL, "the certificate cannot be read\n");
    ok_status(acquire(SECPKG_CRED_OUTBOUND, &cred, &handle), SEC_E_NO_CREDENTIALS);
    ok_status(acquire(SECPKG_CRED_INBOUND, &cred, &handle), SEC_E_NO_CREDENTIALS);
    CertFreeCertificateContext(certificate);
}

static void test_tls_parameters_that_cannot_be(void)
{
    SCH_CREDENTIALS cred = { .dwVersion = SCH_CREDENTIALS_VERSION, .cTlsParameters = 1 };
    TLS_PARAMETERS parameters[17];
    CredHandle handle;

    memset(parameters, 0, sizeof(parameters));
    ok_status(acquire(SECPKG_CRED_OUTBOUND, &cred, &handle), SEC_E_UNKNOWN_CREDENTIALS);
    cred.cTlsParameters = 17;
    cred.pTlsParameters = parameters;
    ok_status(acquire(SECPKG_CRED_OUTBOUND, &cred, &handle), SEC_E_UNKNOWN_CREDENTIALS);
}

static void test_a_credential_without_a_certificate_does_not_end(void)
{
    TimeStamp expiry = { { 0, 0 } };
    CredHandle handle;

    ok_status(sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W, SECPKG_CRED_OUTBOUND, NULL, NULL,
                                              NULL, NULL, &handle, &expiry),
              SEC_E_OK);
    ok(expiry.QuadPart == MAXLONGLONG, "expiry %08lx%08lx\n", expiry.HighPart, expiry.LowPart);
    sspi->FreeCredentialsHandle(&handle);
}

static void test_what_a_credential_answers(void)
{
    SecPkgCred_CipherStrengths strengths = { 0, 0 };
    SecPkgCred_SupportedAlgs algs = { 0, NULL };
    SecPkgCredentials_NamesW names;
    CredHandle handle;

    ok_status(acquire(SECPKG_CRED_OUTBOUND, NULL, &handle), SEC_E_OK);
    ok_status(sspi->QueryCredentialsAttributesW(&handle, SECPKG_ATTR_SUPPORTED_ALGS, &algs), SEC_E_OK);
    ok(algs.cSupportedAlgs > 0 && algs.palgSupportedAlgs, "no algorithms\n");
    sspi->FreeContextBuffer(algs.palgSupportedAlgs);
    ok_status(sspi->QueryCredentialsAttributesW(&handle, SECPKG_ATTR_CIPHER_STRENGTHS, &strengths), SEC_E_OK);
    ok(strengths.dwMinimumCipherStrength == 128 && strengths.dwMaximumCipherStrength == 256, "%lu to %lu\n",
       strengths.dwMinimumCipherStrength, strengths.dwMaximumCipherStrength);
    ok_status(sspi->QueryCredentialsAttributesW(&handle, SECPKG_CRED_ATTR_NAMES, &names),
              SEC_E_NO_CREDENTIALS);
    ok_status(sspi_a->QueryCredentialsAttributesA(&handle, SECPKG_CRED_ATTR_NAMES, &names),
              SEC_E_NO_CREDENTIALS);
    ok_status(sspi->QueryCredentialsAttributesW(&handle, SECPKG_ATTR_SUPPORTED_PROTOCOLS, NULL),
              SEC_E_INTERNAL_ERROR);
    ok_status(sspi->QueryCredentialsAttributesW(&handle, SECPKG_ATTR_SUPPORTED_ALGS, NULL),
              SEC_E_INTERNAL_ERROR);
    ok_status(sspi->QueryCredentialsAttributesW(&handle, 0x7777, &names), SEC_E_UNSUPPORTED_FUNCTION);
    sspi->FreeCredentialsHandle(&handle);
}

START_TEST(sspi_credentials)
{
    if (!sspi_open()) return;
    RUN(test_a_package_that_is_none);
    RUN(test_both_names_and_both_character_sets);
    RUN(test_nothing_given_is_enough_for_a_client_only);
    RUN(test_the_versions_of_the_struct);
    RUN(test_a_handle_that_points_nowhere);
    RUN(test_a_freed_credential_is_gone);
    RUN(test_protocols);
    RUN(test_certificates_that_cannot_be_used);
    RUN(test_a_certificate_without_its_key);
    RUN(test_tls_parameters_that_cannot_be);
    RUN(test_a_credential_without_a_certificate_does_not_end);
    RUN(test_what_a_credential_answers);
}
