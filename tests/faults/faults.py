#!/usr/bin/env python3
"""Writes what makes calls fail in tests: for each function that can fail and that these objects call, a stub that asks
fault_due() first (tests/faults/due.c), and the renaming by which the objects call the stub.

    tests/faults/faults.py ABI NM OUT OBJECT...     ABI: win64 or sysv; OUT.s, OUT.syms and OUT.h are written

The objects stay what they are: only the names of what they call change (objcopy --redefine-syms), so what is tested is
the product's very code.
"""

import re
import subprocess
import sys

# What a failure looks like, by name: the first row that matches. None: it cannot fail, or its failure is not seen.
TABLE = [
    # memory
    (r"malloc|calloc|realloc|HeapAlloc|VirtualAlloc", 0),
    # GnuTLS: what answers from what is there, and what cannot say no
    (r"gnutls_.*_deinit|gnutls_deinit|gnutls_free|gnutls_malloc|gnutls_memset|gnutls_strerror|gnutls_alert_get.*|gnutls_.*_get_name", None),
    (r"gnutls_(kx|group|protocol|ciphersuite)_get.*|gnutls_(hash|hmac)_get_len|gnutls_prf_hash_get|gnutls_.*_set_ptr|gnutls_session_get_ptr", None),
    (r"gnutls_transport_set_.*|gnutls_.*_set_.*function.*|gnutls_global_set_.*|gnutls_db_set_.*|gnutls_dh_set_.*|gnutls_dtls_set_.*", None),
    (r"gnutls_dtls_retransmit.*|gnutls_dtls_prestate_set|gnutls_certificate_server_set_request|gnutls_certificate_set_flags", None),
    (r"gnutls_record_get_(discarded|max_size)|gnutls_dtls_get_data_mtu|gnutls_session_get_(flags|random|master_secret)|gnutls_session_is_resumed", None),
    (r"gnutls_dh_get_prime_bits|gnutls_sign_get_.*|gnutls_pk_bits_to_sec_param|gnutls_db_remove_session|gnutls_.*_free_.*", None),
    (r"gnutls_certificate_get_(peers|ours)|gnutls_x509_crt_check_hostname2", 0),
    (r"gnutls_.*", -25),  # GNUTLS_E_MEMORY_ERROR
    (r"gcry_cipher_close|gpg_err_deinit|gcry_control", None),
    (r"gcry_check_version", 0),
    (r"gcry_.*", 0x1000056),  # any error
    # Windows: handing back, comparing, and what takes what it is given even when it fails
    (r"Cert(Free|Close|Duplicate|Enum|Compare|OIDToAlgId|NameToStr|VerifyTimeValidity).*|Crypt(Release|Destroy).*|NCryptFreeObject|BCrypt(Close|Destroy).*", None),
    (r"RegCloseKey|HeapFree|VirtualFree|RtlDllShutdownInProgress|GetProcessHeap|GetLastError|SetLastError|GetSystemTime.*|_time64|time|RaiseException|WaitForSingleObject|DisableThreadLibraryCalls", None),
    (r"GetModuleHandleW|RtlIpv.*|.*SRWLock.*|WaitOnAddress|WakeByAddress.*|CryptVerifyCertificateSignature.*|FreeLibrary|_wcs.*", None),
    (r"Reg.*", 8),  # ERROR_NOT_ENOUGH_MEMORY
    (r"NCrypt.*", 0x8009000E),  # NTE_NO_MEMORY
    (r"BCrypt.*", 0xC0000017),  # STATUS_NO_MEMORY
    (r"Cert.*|Crypt.*|CreateEventW|IdnToAscii|MultiByteToWideChar|WideCharToMultiByte|LoadLibrary.*|GetProcAddress|InitOnceExecuteOnce", 0),
    (r"GetEnvironmentVariableW|GetModuleFileNameW|GetModuleHandleExW|WriteFile|LockFileEx", 0),
    (r"CreateFileW", -1),
]

COMMON = {
    # Integer arguments are in registers; there are no others here. The stack is moved so that it is aligned for the call.
    "win64": """
fault_common:
    subq $0x48, %rsp
    movq %rcx, 0x20(%rsp)
    movq %rdx, 0x28(%rsp)
    movq %r8, 0x30(%rsp)
    movq %r9, 0x38(%rsp)
    movq %r11, 0x40(%rsp)
    movl %r10d, %ecx
    call fault_due
    movq 0x20(%rsp), %rcx
    movq 0x28(%rsp), %rdx
    movq 0x30(%rsp), %r8
    movq 0x38(%rsp), %r9
    movq 0x40(%rsp), %r11
    addq $0x48, %rsp
    testl %eax, %eax
    jne 1f
    jmp *(%r11)
1:  movq fault_result(%rip), %rax
    ret
""",
    "sysv": """
fault_common:
    subq $0x48, %rsp
    movq %rdi, 0x00(%rsp)
    movq %rsi, 0x08(%rsp)
    movq %rdx, 0x10(%rsp)
    movq %rcx, 0x18(%rsp)
    movq %r8, 0x20(%rsp)
    movq %r9, 0x28(%rsp)
    movq %r11, 0x30(%rsp)
    movl %r10d, %edi
    call fault_due
    movq 0x00(%rsp), %rdi
    movq 0x08(%rsp), %rsi
    movq 0x10(%rsp), %rdx
    movq 0x18(%rsp), %rcx
    movq 0x20(%rsp), %r8
    movq 0x28(%rsp), %r9
    movq 0x30(%rsp), %r11
    addq $0x48, %rsp
    testl %eax, %eax
    jne 1f
    jmp *(%r11)
1:  movq fault_result(%rip), %rax
    ret
    .section .note.GNU-stack,"",@progbits
    .text
""",
}


def failure(name):
    """How a function fails, or None."""
    for pattern, value in TABLE:
        if re.fullmatch(pattern, name):
            return value
    return None


def main():
    abi, nm, out, *objects = sys.argv[1:]
    listing = subprocess.run([nm, *objects], stdout=subprocess.PIPE, check=True).stdout.decode()
    wanted = {line.split()[1] for line in listing.splitlines() if re.match(r" +U ", line)}
    defined = {line.split()[2] for line in listing.splitlines() if re.match(r"[0-9a-f]+ [TDBRC] ", line)}
    stubs, names, renamed, index = [], [], [], 0
    for symbol in sorted(wanted - defined):
        name = symbol.removeprefix("__imp_")
        value = failure(name)
        if value is None:
            continue
        # An imported function is called through a pointer of that name, which then points at the stub.
        imported = symbol != name
        real = symbol if imported else f"real_{name}"
        stub = f"stub_{'imp_' if imported else ''}{name}"
        stubs.append(f"{stub}:\n    leaq {real}(%rip), %r11\n    movl ${index}, %r10d\n    jmp fault_common\n")
        stubs.append(f"    .data\n    .globl fault_{symbol}\nfault_{symbol}: .quad {stub}\n    .text\n" if imported else
                     f"    .globl fault_{symbol}\n    .set fault_{symbol}, {stub}\n    .data\nreal_{name}: .quad {symbol}\n    .text\n")
        names.append(f'    {{ "{name}", {value} }},\n')
        renamed.append(f"{symbol} fault_{symbol}\n")
        index += 1
    open(out + ".s", "w").write("    .text\n" + "".join(stubs) + COMMON[abi])
    open(out + ".syms", "w").write("".join(renamed))
    open(out + ".h", "w").write("".join(names))
    print(f"  FAULTS  {index} functions that can fail")


if __name__ == "__main__":
    main()
