/*
 * What the administrator and the program say: registry values of any type and size, credential structs of any
 * contents, and what becomes of them, down to GnuTLS's priorities.
 *
 * The input: a size in two bytes and as much of the registry, then the struct's fields.
 */
#include "common.h"
#include "registry.h"

static ALG_ID algorithms[256];
static TLS_PARAMETERS parameters[16];
static CRYPTO_SETTINGS crypto[16];
static UNICODE_STRING names[4];
static WCHAR name[300];

static void *old_struct(struct span *input)
{
    static SCHANNEL_CRED cred;
    unsigned i;

    memset(&cred, 0, sizeof(cred));
    cred.dwVersion = SCHANNEL_CRED_VERSION;
    cred.grbitEnabledProtocols = take(input, 4);
    cred.dwFlags = take(input, 4);
    cred.dwMinimumCipherStrength = take(input, 2);
    cred.dwMaximumCipherStrength = take(input, 2);
    cred.dwSessionLifespan = take(input, 4);
    cred.cSupportedAlgs = take(input, 1);
    cred.palgSupportedAlgs = algorithms;
    for (i = 0; i < cred.cSupportedAlgs; i++) algorithms[i] = take(input, 2);
    return &cred;
}

static UNICODE_STRING text(struct span *input)
{
    UNICODE_STRING string = { (USHORT)(take(input, 1) * sizeof(WCHAR)), 0, name };
    unsigned i;

    for (i = 0; i < string.Length / sizeof(WCHAR); i++) name[i] = (WCHAR)take(input, 1);
    string.MaximumLength = string.Length;
    return string;
}

static void *new_struct(struct span *input)
{
    static SCH_CREDENTIALS cred;
    unsigned i, j;

    memset(&cred, 0, sizeof(cred));
    memset(parameters, 0, sizeof(parameters));
    cred.dwVersion = SCH_CREDENTIALS_VERSION;
    cred.dwFlags = take(input, 4);
    cred.dwSessionLifespan = take(input, 4);
    cred.cTlsParameters = take(input, 1) % (ARRAY_SIZE(parameters) + 1);
    cred.pTlsParameters = parameters;
    for (i = 0; i < cred.cTlsParameters; i++)
    {
        TLS_PARAMETERS *set = &parameters[i];

        set->grbitDisabledProtocols = take(input, 4);
        set->dwFlags = take(input, 1);
        set->cAlpnIds = take(input, 1) % (ARRAY_SIZE(names) + 1);
        set->rgstrAlpnIds = names;
        for (j = 0; j < set->cAlpnIds; j++) names[j] = text(input);
        set->cDisabledCrypto = take(input, 1) % (ARRAY_SIZE(crypto) + 1);
        set->pDisabledCrypto = crypto;
        for (j = 0; j < set->cDisabledCrypto; j++)
        {
            crypto[j].eAlgorithmUsage = take(input, 1) % 8;
            crypto[j].strCngAlgId = text(input);
            crypto[j].cChainingModes = take(input, 1) % (ARRAY_SIZE(names) + 1);
            crypto[j].rgstrChainingModes = names;
            crypto[j].dwMinBitLength = take(input, 2);
            crypto[j].dwMaxBitLength = take(input, 2);
        }
    }
    return &cred;
}

static void ask(CredHandle *credential)
{
    SecPkgCred_SupportedAlgs algs;
    SecPkgCred_CipherStrengths strengths;
    SecPkgCred_SupportedProtocols protocols;

    if (!sspi->QueryCredentialsAttributesW(credential, SECPKG_ATTR_SUPPORTED_ALGS, &algs))
        sspi->FreeContextBuffer(algs.palgSupportedAlgs);
    MUST(!sspi->QueryCredentialsAttributesW(credential, SECPKG_ATTR_CIPHER_STRENGTHS, &strengths));
    MUST(!sspi->QueryCredentialsAttributesW(credential, SECPKG_ATTR_SUPPORTED_PROTOCOLS, &protocols));
    MUST(protocols.grbitProtocol);
}

/* The first token of a client says what it offers. */
static void greet(CredHandle *credential, ULONG requirements)
{
    SecBuffer out = { 0, SECBUFFER_TOKEN, NULL };
    SecBufferDesc desc = { SECBUFFER_VERSION, 1, &out };
    CtxtHandle context;
    ULONG attributes;
    SECURITY_STATUS status = sspi->InitializeSecurityContextW(credential, NULL, (WCHAR *)L"localhost",
                                                              requirements | ISC_REQ_ALLOCATE_MEMORY, 0, 0,
                                                              NULL, 0, &context, &desc, &attributes, NULL);

    MUST(status_is_documented(status));
    if (status != SEC_I_CONTINUE_NEEDED && status != SEC_I_MESSAGE_FRAGMENT) return;
    MUST(out.cbBuffer);
    sspi->FreeContextBuffer(out.pvBuffer);
    MUST(!sspi->DeleteSecurityContext(&context));
}

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
    (void)count;
    (void)arguments;
    common_open();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = { data, size };
    struct registry_settings settings;
    SECURITY_STATUS status;
    CredHandle credential;
    size_t registry_size;
    uint8_t *registry = take_copy(&input, take(&input, 2), &registry_size);
    uint32_t what = take(&input, 1);
    void *cred = what & 1 ? new_struct(&input) : old_struct(&input);
    PCCERT_CONTEXT certificate = materials[what >> 1 & 1].certificate;
    ULONG use = what & 4 ? SECPKG_CRED_INBOUND : SECPKG_CRED_OUTBOUND;

    /* What does not want a certificate: the check of the policy, and pre-shared keys. */
    if (what & 8 && what & 1)
    {
        ((SCH_CREDENTIALS *)cred)->cCreds = 1;
        ((SCH_CREDENTIALS *)cred)->paCred = &certificate;
    }
    else if (what & 8)
    {
        ((SCHANNEL_CRED *)cred)->cCreds = 1;
        ((SCHANNEL_CRED *)cred)->paCred = &certificate;
    }
    world_registry = (struct span){ registry, registry_size };
    registry_read(&settings);
    world_registry = (struct span){ registry, registry_size };
    status = sspi->AcquireCredentialsHandleW(NULL, (WCHAR *)UNISP_NAME_W, use, NULL, cred, NULL, NULL,
                                             &credential, NULL);
    world_registry.size = 0;
    MUST(status_is_documented(status));
    if (!status)
    {
        ask(&credential);
        if (use == SECPKG_CRED_OUTBOUND) greet(&credential, what & 16 ? ISC_REQ_DATAGRAM : 0);
        MUST(!sspi->FreeCredentialsHandle(&credential));
    }
    free(registry);
    return 0;
}
