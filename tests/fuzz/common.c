/*
 * What the targets share.
 */
#include "common.h"
#include "exports.h"
#include "material.h"
#include "profile.h"

const SecurityFunctionTableW *sspi;

#define DATUM(array)                                                                                         \
    {                                                                                                        \
        (unsigned char *)(array), sizeof(array)                                                              \
    }
struct material materials[MATERIALS] = {
    { NULL, DATUM(ec_certificate), DATUM(ec_key) },
    { NULL, DATUM(rsa_certificate), DATUM(rsa_key) },
};

void common_open(void)
{
    unsigned i;

    MUST(profile_library_open());
    for (i = 0; i < MATERIALS; i++)
        materials[i].certificate = CertCreateCertificateContext(
            X509_ASN_ENCODING, materials[i].certificate_der.data, materials[i].certificate_der.size);
    sspi = InitSecurityInterfaceW();
}
