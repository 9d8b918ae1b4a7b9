"""The certificates of the tests: good ones, and one for each thing that can be wrong with a chain.

make(folder, crl_port) fills a folder with NAME.pem and NAME.key for each, NAME-chain.pem: what a server sends, and NAME-rest.pem: the
same without the leaf. root.pem is what the tests' prefixes trust; root.der the same for Windows programs. NAME.crl are revocation lists; certificates say they are at http://127.0.0.1:crl_port/. Made with certtool, and with openssl where certtool
refuses (it will not sign with MD5).
"""

import hashlib
import re
import shutil
import subprocess
import time
from pathlib import Path

SERVER = "tls_www_server\n"
CLIENT = "tls_www_client\n"
LOCALHOST = 'dns_name = "localhost"\nip_address = "127.0.0.1"\n'
RSA = "--key-type=rsa --bits=2048"
P256 = "--key-type=ecdsa --curve=secp256r1"

# Where a certificate ends with a P-256 signature whose two numbers have all their 32 bytes. One in 128 does not, and to Wine 8's crypt32 its
# signature is a wrong one.
WHOLE_SIGNATURE = rb"(?s)(\x02(\x20[\x01-\x7f]|\x21\x00[\x80-\xff]).{31}){2}\Z"


class Maker:
    def __init__(self, folder):
        self.folder = folder

    def run(self, *command):
        subprocess.run(command, cwd=self.folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def rsa_key_is_even(self, name):
        """False for one key in a hundred, a part of which begins with a zero byte: crypt32 of Wine imports it without its end."""
        text = subprocess.run(["openssl", "rsa", "-in", f"{name}.key", "-noout", "-text"], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
        sizes = {}
        for part, value in re.findall(r"^(\w+):\n((?: {4}.*\n)+)", text, re.M):
            sizes[part] = len(bytes.fromhex("".join(value.split()).replace(":", "")).lstrip(b"\0"))
        full = sizes.get("modulus", 0)
        return all(sizes.get(part) == full // 2 for part in ("exponent1", "exponent2", "coefficient")) and sizes.get("privateExponent") == full

    def new_key(self, name, kind):
        while True:
            self.run("certtool", "--no-text", "--generate-privkey", *kind.split(), "--outfile", f"{name}.key")
            if "rsa" not in kind or self.rsa_key_is_even(name):
                return

    def certificate(self, name, subject, issuer=None, extra="", key=RSA, days=(-1, 60), ca=False, key_of=None, hash_=None):
        """One certificate, signed by issuer or by itself; with a key of its own, or with another's."""
        template = f'cn = "{subject}"\n{extra}'
        start, end = (time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + day * 86400)) for day in days)
        template += f'activation_date = "{start}"\nexpiration_date = "{end}"\n'
        template += "ca\ncert_signing_key\ncrl_signing_key\n" if ca else "signing_key\nencryption_key\n"
        (self.folder / f"{name}.tmpl").write_text(template)
        if key_of:
            shutil.copy(self.folder / f"{key_of}.key", self.folder / f"{name}.key")
        else:
            self.new_key(name, key)
        common = ["--template", f"{name}.tmpl", "--load-privkey", f"{name}.key", "--outfile", f"{name}.pem"]
        if hash_:
            common += ["--hash", hash_]
        if issuer:
            self.run("certtool", "--no-text", "--generate-certificate", *common, "--load-ca-certificate", f"{issuer}.pem",
                     "--load-ca-privkey", f"{issuer}.key")
        else:
            self.run("certtool", "--no-text", "--generate-self-signed", *common)

    def chain(self, name, *others):
        """What a server with this certificate sends."""
        rest = "".join((self.folder / f"{part}.pem").read_text() for part in others)
        (self.folder / f"{name}-rest.pem").write_text(rest)
        (self.folder / f"{name}-chain.pem").write_text((self.folder / f"{name}.pem").read_text() + rest)

    def crl(self, issuer, *revoked):
        """The issuer's revocation list, as NAME.crl in DER."""
        (self.folder / "crl.tmpl").write_text("crl_next_update = 30\ncrl_number = 1\n")
        command = ["certtool", "--generate-crl", "--template", "crl.tmpl", "--load-ca-certificate", f"{issuer}.pem", "--load-ca-privkey", f"{issuer}.key",
                   "--outder", "--outfile", f"{issuer}.crl"]
        if revoked:
            (self.folder / "revoked-list.pem").write_text("".join((self.folder / f"{name}.pem").read_text() for name in revoked))
            command += ["--load-certificate", "revoked-list.pem"]
        self.run(*command)

    def signed(self, name, kind, options, digest):
        """A leaf with the key of "rsa" by a signer of that kind; NAME.der, and in NAME.hash the binding's hash, computed here."""
        signer = f"signer-{kind[0]}"
        if not (self.folder / f"{signer}.pem").exists():
            if kind[0] == "DSA":
                self.run("openssl", "genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024", "-out", "dsa.params")
                self.run("openssl", "genpkey", "-paramfile", "dsa.params", "-out", f"{signer}.key")
            else:
                self.run("openssl", "genpkey", "-algorithm", *kind, "-out", f"{signer}.key")
            self.run("openssl", "req", "-x509", "-new", "-key", f"{signer}.key", "-out", f"{signer}.pem", "-subj", f"/CN=Signer {kind[0]}", "-days", "60")
            self.run("openssl", "req", "-new", "-key", "rsa.key", "-out", "signed.csr", "-subj", "/CN=localhost")
        self.run("openssl", "x509", "-req", *options, "-in", "signed.csr", "-CA", f"{signer}.pem", "-CAkey", f"{signer}.key", "-CAcreateserial", "-days", "60",
                 "-out", f"{name}.pem")
        self.run("openssl", "x509", "-in", f"{name}.pem", "-outform", "DER", "-out", f"{name}.der")
        shutil.copy(self.folder / "rsa.key", self.folder / f"{name}.key")
        der = (self.folder / f"{name}.der").read_bytes()
        (self.folder / f"{name}.hash").write_bytes(hashlib.new(digest, der).digest() if digest else b"")
        self.chain(name)

    def ocsp(self, name, issuer, *revoked):
        """What the issuer's responder says of a certificate, as NAME.ocsp."""
        serial = lambda n: subprocess.run(["openssl", "x509", "-in", f"{n}.pem", "-noout", "-serial"], cwd=self.folder, check=True,
                                          stdout=subprocess.PIPE).stdout.decode().split("=")[1].strip()
        state = "R\t401231235959Z\t200101000000Z" if name in revoked else "V\t401231235959Z\t"
        (self.folder / "ocsp-index").write_text(f"{state}\t{serial(name)}\tunknown\t/CN=localhost\n")
        self.run("openssl", "ocsp", "-index", "ocsp-index", "-CA", f"{issuer}.pem", "-rsigner", f"{issuer}.pem", "-rkey", f"{issuer}.key",
                 "-issuer", f"{issuer}.pem", "-cert", f"{name}.pem", "-ndays", "2", "-respout", f"{name}.ocsp")

    def pfx(self, name):
        """NAME.pfx with the key, the certificate and what it is sent with, in algorithms every Windows reads."""
        self.run("openssl", "pkcs12", "-export", "-in", f"{name}-chain.pem", "-inkey", f"{name}.key", "-out", f"{name}.pfx", "-passout", "pass:secret",
                 "-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1")

    def facts(self, name):
        """NAME.der; NAME.facts: what OpenSSL says of it; NAME.spki: its key."""
        self.run("openssl", "x509", "-in", f"{name}.pem", "-outform", "DER", "-out", f"{name}.der")
        self.run("openssl", "x509", "-in", f"{name}.pem", "-noout", "-serial", "-startdate", "-enddate", "-dateopt", "iso_8601", "-subject", "-issuer",
                 "-nameopt", "sep_comma_plus_space,sname", "-out", f"{name}.facts")
        self.run("openssl", "x509", "-in", f"{name}.pem", "-noout", "-pubkey", "-out", f"{name}.pub")
        self.run("openssl", "pkey", "-pubin", "-in", f"{name}.pub", "-outform", "DER", "-out", f"{name}.spki")

    def leaf(self, name, subject="localhost", issuer="intermediate", extra=LOCALHOST + SERVER, sends=None, **more):
        self.certificate(name, subject, issuer, extra, **more)
        self.chain(name, *(sends if sends is not None else [issuer] if issuer else []))

    def weak(self, name, *digest, bits=2048):
        """A leaf as certtool would not make it."""
        (self.folder / f"{name}.ext").write_text("subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n")
        self.run("openssl", "req", "-newkey", f"rsa:{bits}", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", "/CN=localhost")
        self.run("openssl", "x509", "-req", *digest, "-in", f"{name}.csr", "-CA", "intermediate.pem", "-CAkey", "intermediate.key",
                 "-CAcreateserial", "-out", f"{name}.pem", "-days", "60", "-extfile", f"{name}.ext")
        self.chain(name, "intermediate")


# Certificates of one key, signed with each algorithm a binding to the server's end may meet: the signer's key, what is signed with, and the
# hash of the binding (RFC 5929, 4.1), None where it is undefined. Digests: what openssl is told.
SIGNED = {
    "signed-rsa-md5": (["RSA"], ["-md5"], "sha256"),
    "signed-rsa-sha1": (["RSA"], ["-sha1"], "sha256"),
    "signed-rsa-sha224": (["RSA"], ["-sha224"], "sha224"),
    "signed-rsa-sha256": (["RSA"], ["-sha256"], "sha256"),
    "signed-rsa-sha384": (["RSA"], ["-sha384"], "sha384"),
    "signed-rsa-sha512": (["RSA"], ["-sha512"], "sha512"),
    "signed-pss-sha1": (["RSA"], ["-sha1", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:20"], "sha256"),
    "signed-pss-sha224": (["RSA"], ["-sha224", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:28"], "sha224"),
    "signed-pss-sha256": (["RSA"], ["-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"], "sha256"),
    "signed-pss-sha384": (["RSA"], ["-sha384", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:48"], "sha384"),
    "signed-pss-sha512": (["RSA"], ["-sha512", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:64"], "sha512"),
    "signed-ecdsa-sha1": (["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], ["-sha1"], "sha256"),
    "signed-ecdsa-sha224": (["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], ["-sha224"], "sha224"),
    "signed-ecdsa-sha256": (["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], ["-sha256"], "sha256"),
    "signed-ecdsa-sha384": (["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], ["-sha384"], "sha384"),
    "signed-ecdsa-sha512": (["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], ["-sha512"], "sha512"),
    "signed-dsa-sha1": (["DSA"], ["-sha1"], "sha256"),
    "signed-dsa-sha256": (["DSA"], ["-sha256"], "sha256"),
    "signed-ed25519": (["ED25519"], [], None),
    "signed-ed448": (["ED448"], [], None),
}


def names(*dns):
    return "".join(f'dns_name = "{name}"\n' for name in dns)


def fill(m, crl_port):
    # roots and what stands between
    m.certificate("root", "Test Root", ca=True)
    m.certificate("intermediate", "Test Intermediate", "root", ca=True)
    m.certificate("other-root", "Nobody's Root", ca=True)
    m.certificate("expired-intermediate", "Expired Intermediate", "root", ca=True, days=(-60, -2))
    m.certificate("no-ca", "No Authority", "root", extra=LOCALHOST + SERVER)
    m.certificate("short-path", "Short Path", "root", extra="path_len = 0\n", ca=True)
    m.certificate("below-short-path", "Below Short Path", "short-path", ca=True)
    m.certificate("constrained", "Constrained", "root", extra='nc_permit_dns = "example.test"\n', ca=True)
    m.certificate("excluding", "Excluding", "root", extra='nc_exclude_dns = "example.test"\n', ca=True)
    # one authority, one key, certified by two roots
    m.certificate("cross", "Cross", "root", ca=True)
    m.certificate("cross-other", "Cross", "other-root", ca=True, key_of="cross")

    # good
    m.leaf("rsa")
    m.leaf("ecdsa", key=P256)
    m.leaf("name-only-in-cn", extra=SERVER)
    m.leaf("any-use", extra=LOCALHOST)
    m.leaf("wildcard", "wildcard", extra=names("*.example.test") + SERVER)
    m.leaf("constrained-good", "a", "constrained", extra=names("www.example.test") + SERVER)
    m.leaf("from-excluding-good", "a", "excluding", extra=names("www.other.test") + SERVER)
    m.leaf("from-short-path", "localhost", "short-path")
    m.leaf("crossed", issuer="cross", sends=["cross-other", "cross"])
    m.leaf("with-root", sends=["intermediate", "root"])
    m.leaf("disordered", sends=["other-root", "root", "intermediate"])

    m.leaf("own-root", issuer=None)  # signed by itself, and trusted

    # bad
    m.leaf("expired", days=(-30, -2))
    m.leaf("not-yet", days=(2, 30))
    m.leaf("from-expired", issuer="expired-intermediate")
    m.leaf("clientuse", extra=LOCALHOST + CLIENT)
    m.leaf("untrusted", issuer="other-root", sends=[])
    m.leaf("untrusted-with-root", issuer="other-root", sends=["other-root"])
    m.leaf("selfsigned", issuer=None)
    m.leaf("incomplete", sends=[])
    m.leaf("from-no-ca", issuer="no-ca")
    m.leaf("too-long", issuer="below-short-path", sends=["below-short-path", "short-path"])
    m.leaf("constrained-bad", "a", "constrained", extra=names("www.other.test") + SERVER)
    m.leaf("from-excluding-bad", "a", "excluding", extra=names("www.example.test") + SERVER)
    m.leaf("cn-beside-san", "localhost", extra=names("other.test") + SERVER)
    m.leaf("critical", extra=LOCALHOST + SERVER + 'add_critical_extension = "1.2.3.4.5.6 0x0500"\n')
    m.weak("sha1", "-sha1")
    m.weak("md5", "-md5")
    m.weak("rsa1024", "-sha256", bits=1024)
    m.weak("rsa512", "-sha256", bits=512)
    for name, (kind, options, digest) in SIGNED.items():
        m.signed(name, kind, options, digest)
    # revocation: lists of the intermediate and the root, and one nobody serves
    here, nowhere = f"http://127.0.0.1:{crl_port}", "http://127.0.0.1:9"
    m.certificate("listed", "Listed Intermediate", "root", extra=f'crl_dist_points = "{here}/root.crl"\n', ca=True)
    m.certificate("revoked-intermediate", "Revoked Intermediate", "root", extra=f'crl_dist_points = "{here}/root.crl"\n', ca=True)
    m.leaf("crl-good", issuer="listed", extra=LOCALHOST + SERVER + f'crl_dist_points = "{here}/listed.crl"\n')
    m.leaf("crl-revoked", issuer="listed", extra=LOCALHOST + SERVER + f'crl_dist_points = "{here}/listed.crl"\n')
    m.leaf("crl-offline", issuer="listed", extra=LOCALHOST + SERVER + f'crl_dist_points = "{nowhere}/listed.crl"\n')
    m.leaf("crl-none", issuer="listed")
    m.leaf("from-revoked", issuer="revoked-intermediate", extra=LOCALHOST + SERVER + f'crl_dist_points = "{here}/revoked-intermediate.crl"\n')
    for name in ("stapled-good", "stapled-revoked"):
        m.leaf(name, issuer="listed", extra=LOCALHOST + SERVER + f'ocsp_uri = "{nowhere}/"\n')
        m.ocsp(name, "listed", "stapled-revoked")
    m.crl("root", "revoked-intermediate")
    m.crl("listed", "crl-revoked")
    m.crl("revoked-intermediate")
    # a signature changed in its last byte
    m.leaf("tampered")
    m.run("openssl", "x509", "-in", "tampered.pem", "-outform", "DER", "-out", "tampered.der")
    der = bytearray((m.folder / "tampered.der").read_bytes())
    der[-1] ^= 1
    (m.folder / "tampered.der").write_bytes(der)
    m.run("openssl", "x509", "-inform", "DER", "-in", "tampered.der", "-out", "tampered.pem")
    m.chain("tampered", "intermediate")

    # clients: two authorities that servers ask for; what a program imports is NAME.pfx, the password is "secret"
    m.certificate("clients", "Clients' Root", ca=True)
    m.certificate("clients-intermediate", "Clients' Intermediate", "clients", ca=True)
    m.certificate("members", "Members' Root", ca=True)
    m.leaf("client", "client", "clients-intermediate", extra=CLIENT)
    m.leaf("member", "member", "members", extra=CLIENT)
    m.leaf("client-ecdsa", "client-ecdsa", "clients-intermediate", extra=CLIENT, key=P256)
    for name in ("client", "member", "client-ecdsa", "rsa", "wildcard", "stapled-good", "stapled-revoked"):
        m.pfx(name)

    # for SslCrackCertificate: what OpenSSL says of them; a short serial number and a name of parts, a certificate of version 1
    m.certificate("parts", "Some Name", extra='organization = "Some Example"\ncountry = DE\nserial = 0x71020304050607\n', ca=True)
    m.run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "v1.key", "-out", "v1.csr", "-subj", "/C=DE/CN=Old")
    m.run("openssl", "x509", "-req", "-in", "v1.csr", "-signkey", "v1.key", "-days", "20000", "-out", "v1.pem")
    for name in ("parts", "v1", "rsa", "ecdsa", "md5", "tampered"):
        m.facts(name)
    while True:
        m.leaf("own-ecdsa", issuer=None, key=P256)
        m.facts("own-ecdsa")
        if re.search(WHOLE_SIGNATURE, (m.folder / "own-ecdsa.der").read_bytes()):
            break

    m.run("openssl", "x509", "-in", "root.pem", "-outform", "DER", "-out", "root.der")


def make(folder, crl_port):
    """Makes them all, anew: it takes three seconds, and the certificates do not live long."""
    folder = Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    fill(Maker(folder), crl_port)
