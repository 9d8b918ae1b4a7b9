# schannel.dll for Wine: make, make check, make winetest, make interop, make programs, make bogo, make check-all, make bench, make demo,
# make dist, make fuzz, make faults, make threads, make soak, make lint, make format, make debug T=room.
#
#   ARCHES="x86_64 i686"          which DLLs
#   DEPS_TARBALLS=folder          take the sources of GnuTLS and company from there, not from Debian
#   GNUTLS_PREFIX_x86_64=folder   an installed mingw GnuTLS (static) instead of ours; the same for i686
#   T=name                        only this test (make check, make winetest, make programs, make debug)
#   T=seconds                     of each target (make fuzz)
#   STRIDE=7                      every seventh failure (make faults)
#   TURNS=1000                    of each thread (make threads)
#   SOAK=0.001                    that part of it (make soak)
#   CFLAGS='-O0 -g3'              slow, clear steps in the debugger

PRODUCT_VERSION = 0.1.0

ARCHES ?= x86_64 i686
CFLAGS ?= -O2 -gdwarf-4
WARN    = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wconversion -Wno-sign-conversion \
          -Wimplicit-fallthrough
comma  := ,
hash   := \#

# -mstackrealign: Windows promises 32-bit code a stack aligned to 4 bytes; gcc's code, and SSE, want 16.
ARCH_CFLAGS_i686  = -mstackrealign
ARCH_LDFLAGS_i686 = -Wl,--enable-stdcall-fixup

SRCS    = $(wildcard dlls/schannel/*.c)
HEADERS = $(wildcard dlls/schannel/*.h include/*.h tests/*.h tools/*.h)

.PHONY: all deps deps-update check check-all winetest interop programs bogo fuzz faults threads soak bench demo dist lint format debug clean
.DELETE_ON_ERROR:
.SECONDARY:

TOOLS = sspi-client sspi-server sspi-dtls trust-ca import-pfx

all: $(ARCHES:%=build/%/schannel.dll) $(foreach arch,$(ARCHES),$(TOOLS:%=build/$(arch)/tools/%.exe))

# --- what the machine needs ----------------------------------------------------------------------------------------

build/.host: deps/host.sh
	@mkdir -p build
	deps/host.sh build
	@touch $@

build/.host-test: deps/host.sh build/.host
	deps/host.sh test
	@touch $@

build/.host-programs: deps/host.sh build/.host
	deps/host.sh programs
	@touch $@

build/.host-bench: deps/host.sh build/.host
	deps/host.sh bench
	@touch $@

build/.host-bogo: deps/host.sh build/.host
	deps/host.sh bogo
	@touch $@

# Wine's test framework is two headers of its source package.
build/include/wine/test.h: deps/lock | build/.host
	@mkdir -p build/include/wine
	deps/fetch.sh build/deps/tarballs wine
	tar -xf build/deps/tarballs/wine_*.orig.tar.?z -C build/include/wine --strip-components=3 --no-anchored \
	    include/wine/test.h include/wine/debug.h
	@touch $@

# And its own test of this DLL, which is run against ours; with a header that mingw-w64 10 has an older one of.
build/wine/main.c: deps/lock | build/.host
	@mkdir -p build/wine
	deps/fetch.sh build/deps/tarballs wine
	tar -xf build/deps/tarballs/wine_*.orig.tar.?z -C build/wine --wildcards --transform='s,.*/,,' \
	    '*/dlls/schannel/tests/main.c' '*/include/ntsecpkg.h'
	@touch $@

# Its tests of what stands on Schannel (make winetest), with what mingw-w64 10 lacks of headers.
WINETESTS = secur32-schannel secur32-secur32 winhttp-winhttp winhttp-notification wininet-http

build/wine/.tests: deps/lock | build/.host
	@mkdir -p build/wine/tests/include
	deps/fetch.sh build/deps/tarballs wine
	tar -xf build/deps/tarballs/wine_*.orig.tar.?z -C build/wine/tests --strip-components=1 --wildcards '*/dlls/secur32/tests/*.c' \
	    '*/dlls/winhttp/tests/*.c' '*/dlls/wininet/tests/*.c' '*/include/wininet.h' '*/include/winineti.h' '*/include/ntsecpkg.h' \
	    '*/include/httprequest.idl' '*/include/httprequestid.h'
	widl -h -o build/wine/tests/include/httprequest.h build/wine/tests/include/httprequest.idl
	@touch $@

# --- GnuTLS and what it stands on ----------------------------------------------------------------------------------

# Offsets in the PE header, which ld puts at 0x80.
timeless = for at in 136 216; do head -c 4 /dev/zero | dd of=$(1) bs=1 seek=$$at conv=notrunc status=none; done

BENCH = bench peer wire # the loops and the peer, for any engine

# What a connection may not need: crypt32 alone costs 9 ms of a program's start under Wine. (user32 is libgcrypt's, for
# random numbers that nobody asks of it.)
DELAYED = crypt32 bcrypt ncrypt ws2_32 user32

# One architecture: its prefix, its objects, its DLL.
define arch_rules
$(1)_DEPS  = $$(if $$(GNUTLS_PREFIX_$(1)),$$(GNUTLS_PREFIX_$(1)),build/deps/$(1))
$(1)_CC    = $(1)-w64-mingw32-gcc
$(1)_FLAGS = -std=gnu11 $$(WARN) $$(CFLAGS) $$(ARCH_CFLAGS_$(1)) -Iinclude -Idlls/schannel -Ibuild/$(1) -isystem $$($(1)_DEPS)/include \
             -ffile-prefix-map=$$(CURDIR)=. -gno-record-gcc-switches -DGNUTLS_INTERNAL_BUILD -D__MINGW_USE_VC2005_COMPAT -MMD -MP
$(1)_LIBS  = -L$$($(1)_DEPS)/lib -lgnutls -lhogweed -lnettle -lgmp -lgcrypt -lgpg-error $$(DELAYED:%=-l%) -ladvapi32 -lsynchronization -lntdll \
             -static-libgcc
$(1)_OBJS  = $$(SRCS:%.c=build/$(1)/%.o)

build/$(1)/.deps: deps/lock deps/build.sh $$(wildcard deps/patches/*) | build/.host
	@mkdir -p build/$(1)
	$$(if $$(GNUTLS_PREFIX_$(1)),,deps/fetch.sh build/deps/tarballs gmp nettle gnutls28 libgpg-error libgcrypt20 && \
	    deps/build.sh $(1) build/deps/tarballs build/deps/$(1))
	@touch $$@

build/$(1)/%.o: %.c Makefile | build/$(1)/.deps
	@mkdir -p $$(@D)
	@echo "  CC      $(1) $$<"
	@$$($(1)_CC) $$($(1)_FLAGS) -c -o $$@ $$<

# Import libraries that load their DLL when the first of its functions is called. GNU's dlltool names them as mingw-w64's
# import library does; the underscore is 32-bit C's own.
build/$(1)/delay/lib%.a: Makefile | build/.host
	@mkdir -p $$(@D)
	@{ printf 'LIBRARY $$*.dll\nEXPORTS\n'; $(1)-w64-mingw32-nm "$$$$($(1)-w64-mingw32-gcc -print-file-name=lib$$*.a)" 2>/dev/null | \
	    sed -n 's/.* I __imp_$(if $(filter i686,$(1)),_)//p'; } >$$(@D)/$$*.def
	@$(1)-w64-mingw32-dlltool --kill-at --input-def $$(@D)/$$*.def --output-delaylib $$@

# What loads a DLL is the function's thunk, which nobody calls by its name; in 32 bit GNU's ld takes it for unused.
build/$(1)/delay/thunks: $$($(1)_OBJS) $$(DELAYED:%=build/$(1)/delay/lib%.a) build/$(1)/.deps
	@$(1)-w64-mingw32-nm -u $$($(1)_OBJS) $$(foreach lib,gnutls gcrypt gpg-error,$$($(1)_DEPS)/lib/lib$$(lib).a) 2>/dev/null | sed -n 's/.* U __imp_$(if $(filter i686,$(1)),_)//p' | \
	    sort -u | grep -Fx "$$$$(cat $$(DELAYED:%=build/$(1)/delay/%.def))" | sed 's/.*/-Wl,-u,$(if $(filter i686,$(1)),_)&/' >$$@

build/$(1)/schannel.def: schannel.spec
	@mkdir -p $$(@D)
	winebuild -b $(1)-w64-mingw32 --kill-at --def --export $$< --output $$@

build/$(1)/version.h: Makefile build/$(1)/.deps
	@printf '#define PRODUCT_VERSION "%s"\n#define GNUTLS_VERSION "%s"\n' '$$(PRODUCT_VERSION)' \
	    "$$$$(PKG_CONFIG_LIBDIR=$$($(1)_DEPS)/lib/pkgconfig pkg-config --modversion gnutls)" >$$@

build/$(1)/dlls/schannel/product.o: build/$(1)/version.h

build/$(1)/version.o: dlls/schannel/version.rc build/$(1)/version.h
	@$(1)-w64-mingw32-windres -Ibuild/$(1) $$< $$@

# Sections lie at pages in the file, too: Wine maps such a DLL, and reads any other from end to end.
# Symbols go to a file of their own; what is shipped has none. binutils' objcopy and strip put the time of day into a
# PE file whatever they are told: TimeDateStamp and CheckSum are zeroed, so the same sources make the same bytes.
build/$(1)/schannel.dll: $$($(1)_OBJS) build/$(1)/delay/thunks build/$(1)/schannel.def build/$(1)/version.o build/$(1)/.deps
	@echo "  LINK    $$@"
	@$$($(1)_CC) $$(CFLAGS) -shared -Wl,--no-insert-timestamp,--file-alignment=4096 $$(ARCH_LDFLAGS_$(1)) -o $$@.full $$(filter-out %/.deps %/thunks,$$^) @build/$(1)/delay/thunks -Lbuild/$(1)/delay $$($(1)_LIBS)
	@$(1)-w64-mingw32-objcopy --only-keep-debug $$@.full $$@.debug && $$(call timeless,$$@.debug)
	@$(1)-w64-mingw32-strip --strip-all -o $$@.full $$@.full
	@$(1)-w64-mingw32-objcopy --add-gnu-debuglink=$$@.debug $$@.full $$@ && $$(call timeless,$$@)
	@rm -f $$@.full
	@echo "  SIZE    $$@ $$$$(stat -c %s $$@) bytes stripped"

# Programs for users, and the samples: Windows programs that know nothing of us.
build/$(1)/tools/sspi-client.exe: $(wildcard tools/client_*.c) tools/starttls.c tools/client.h build/$(1)/version.h

build/$(1)/tools/%.exe: tools/%.c tools/sample.c tools/sample.h Makefile | build/$(1)/.deps
	@mkdir -p $$(@D)
	@echo "  CC      $(1) $$<"
	@$$($(1)_CC) $$($(1)_FLAGS) -municode -o $$@ $$(filter %.c,$$^) -lsecur32 -lcrypt32 -lversion -lws2_32 -static-libgcc

# Tests. A room's test links the rooms; one named sspi_* comes through the door and links nothing of ours.
$(1)_ROOMS = $$(filter-out %/main.o %/exports.o %/lsa.o %/ssl.o %/malloc.o,$$($(1)_OBJS))
$(1)_TEST_FLAGS = $$(filter-out -Wconversion -Wshadow,$$($(1)_FLAGS)) -Itests -isystem build/include

build/$(1)/tests/%.o: tests/%.c Makefile build/include/wine/test.h | build/$(1)/.deps
	@mkdir -p $$(@D)
	@echo "  CC      $(1) $$<"
	@$$($(1)_CC) $$($(1)_TEST_FLAGS) -c -o $$@ $$<

# Named, so that make chooses the rule below whether they are there yet or not.
build/$(1)/tests/door.o build/$(1)/tests/sides.o build/$(1)/tests/pair.o build/$(1)/tests/stranger.o:

# These two meet a stranger as well: a GnuTLS of the test's own.
build/$(1)/tests/sspi_attacks.exe build/$(1)/tests/sspi_dtls.exe: build/$(1)/tests/stranger.o

build/$(1)/tests/sspi_%.exe: build/$(1)/tests/sspi_%.o build/$(1)/tests/door.o build/$(1)/tests/sides.o
	@$$($(1)_CC) $$(CFLAGS) -o $$@ $$^ $$(if $$(filter %/stranger.o,$$^),$$($(1)_LIBS)) -lcrypt32 -ladvapi32 -lncrypt -lws2_32 -static-libgcc

# Not ours to warn about.
build/$(1)/tests/wine_schannel.exe: build/wine/main.c build/include/wine/test.h Makefile | build/$(1)/.deps
	@mkdir -p $$(@D)
	@echo "  CC      $(1) $$<"
	@$$($(1)_CC) -std=gnu11 -w $$(CFLAGS) -D_WIN32_WINNT=0x0A00 -DSTANDALONE -DDECLSPEC_EXPORT= '-D__WINE_ALLOC_SIZE(n)=' \
	    -include windows.h -Ibuild/wine -isystem build/include -o $$@ $$<

# The macros are those Wine's own headers and build define; ntdll of Wine exports what its wine/debug.h calls.
build/$(1)/winetest/libdebug.a: Makefile | build/.host
	@mkdir -p $$(@D)
	@printf 'LIBRARY ntdll.dll\nEXPORTS\n__wine_dbg_strdup\n' >$$(@D)/debug.def
	@$(1)-w64-mingw32-dlltool -d $$(@D)/debug.def -l $$@

$$(WINETESTS:%=build/$(1)/winetest/%.exe): build/$(1)/winetest/%.exe: build/wine/.tests build/$(1)/winetest/libdebug.a build/include/wine/test.h
	@echo "  CC      $(1) $$*"
	@$$($(1)_CC) -std=gnu11 -w $$(CFLAGS) $$(ARCH_CFLAGS_$(1)) -D_WIN32_WINNT=0x0A00 -DSTANDALONE -D__WINESRC__ -DDECLSPEC_EXPORT= \
	    '-D__WINE_ALLOC_SIZE(n)=' '-DWINELIB_NAME_AW(n)=n$$(hash)$$(hash)A' '-DDECL_WINELIB_TYPE_AW(n)=typedef n$$(hash)$$(hash)A n;' \
	    -DSECURITY_WIN32 -DCOBJMACROS -include windows.h -Ibuild/wine/tests/include -isystem build/include -o $$@ \
	    build/wine/tests/dlls/$$(subst -,/tests/,$$*).c build/$(1)/winetest/libdebug.a -lsecur32 -lcrypt32 -ladvapi32 -lws2_32 \
	    -lwinhttp -lwininet -lole32 -loleaut32 -luuid -luser32 -lshell32 -lntdll -static-libgcc

# And a door for SslEmptyCache.
build/$(1)/tests/verdicts.exe: build/$(1)/dlls/schannel/ssl.o

build/$(1)/tests/%.exe: build/$(1)/tests/%.o build/$(1)/tests/pair.o $$($(1)_ROOMS)
	@$$($(1)_CC) $$(CFLAGS) -o $$@ $$^ $$($(1)_LIBS)

# The benchmark: Schannel as a program sees it, and GnuTLS as its peer.
build/$(1)/bench/%.o: tests/bench/%.c Makefile | build/$(1)/.deps
	@mkdir -p $$(@D)
	@echo "  CC      $(1) $$<"
	@$$($(1)_CC) $$($(1)_TEST_FLAGS) -D__USE_MINGW_ANSI_STDIO=1 -c -o $$@ $$<

build/$(1)/bench/bench.exe: $(BENCH:%=build/$(1)/bench/%.o) build/$(1)/bench/sspi.o build/$(1)/tests/door.o build/$(1)/tests/sides.o
	@$$($(1)_CC) $$(CFLAGS) -o $$@ $$^ $$($(1)_LIBS)

build/$(1)/bench/start.exe: build/$(1)/bench/start.o
	@$$($(1)_CC) $$(CFLAGS) -o $$@ $$^ -static-libgcc

build/$(1)/bogo/shim.exe: $(wildcard tests/bogo/*.c) tests/bogo/shim.h tools/sample.c tools/sample.h Makefile | build/$(1)/.deps
	@mkdir -p $$(@D)
	@echo "  CC      $(1) tests/bogo/shim.c"
	@$$($(1)_CC) $$($(1)_FLAGS) -o $$@ $$(filter %.c,$$^) -lsecur32 -lcrypt32 -ladvapi32 -lws2_32 -static-libgcc

-include $$(wildcard build/$(1)/*/*.d build/$(1)/*/*/*.d)
endef
$(foreach arch,x86_64 i686,$(eval $(call arch_rules,$(arch))))

# The ceilings: the same loops without Wine, with this machine's libraries; run with those of Wine 10's root, too.
build/bench/gnutls build/bench/openssl: build/bench/%: tests/bench/%.c $(BENCH:%=tests/bench/%.c) tests/bench/bench.h tests/bench/wire.h Makefile build/.host-bench
	@mkdir -p $(@D)
	@echo "  CC      $@"
	@gcc -std=gnu11 $(filter-out -Wconversion,$(WARN)) $(CFLAGS) -o $@ $(filter %.c,$^) -lgnutls $(if $(filter openssl,$*),-lssl -lcrypto)

deps: $(ARCHES:%=build/%/.deps)

deps-update: build/.host
	deps/fetch.sh --update
	git diff --stat deps/lock

include tests/fuzz/fuzz.mk

# The product's objects with calls that fail on order; 64 bit (tests/faults/faults.py).
# What malloc.c has in it is what fails, so it is left as it is.
FAULTY = $(filter-out %/malloc.o,$(x86_64_OBJS))

build/x86_64/faults/stubs.s: $(x86_64_OBJS) tests/faults/faults.py
	@mkdir -p $(@D)
	@tests/faults/faults.py win64 x86_64-w64-mingw32-nm build/x86_64/faults/stubs $(FAULTY)
	@for o in $(FAULTY); do x86_64-w64-mingw32-objcopy --redefine-syms=build/x86_64/faults/stubs.syms $$o build/x86_64/faults/$${o##*/} || exit; done

build/x86_64/faults/schannel.dll: build/x86_64/faults/stubs.s tests/faults/due.c tests/faults/due.h build/x86_64/schannel.def build/x86_64/version.o
	@echo "  LINK    $@"
	@{ cat build/x86_64/schannel.def; printf '  fault_arm\n  fault_disarm\n  fault_name\n'; } >build/x86_64/faults/schannel.def
	@x86_64-w64-mingw32-gcc -g -shared -DFAULTS_LIST='"stubs.h"' -Ibuild/x86_64/faults -o $@ build/x86_64/faults/stubs.s tests/faults/due.c \
	    $(patsubst %,build/x86_64/faults/%,$(notdir $(FAULTY))) build/x86_64/dlls/schannel/malloc.o build/x86_64/version.o build/x86_64/faults/schannel.def $(x86_64_LIBS)

build/x86_64/faults/door_faults.exe: tests/faults/door_faults.c build/x86_64/tests/door.o build/x86_64/tests/sides.o
	@mkdir -p $(@D)
	@echo "  CC      x86_64 $<"
	@x86_64-w64-mingw32-gcc $(x86_64_TEST_FLAGS) -MF $@.d -o $@ $^ -lcrypt32 -ladvapi32 -lncrypt -lws2_32 -static-libgcc

# --- what people run -----------------------------------------------------------------------------------------------

TESTS    = $(filter-out pair door sides stranger,$(patsubst tests/%.c,%,$(wildcard tests/*.c)))
TEST_EXES = $(foreach arch,$(ARCHES),$(TESTS:%=build/$(arch)/tests/%.exe) build/$(arch)/tests/wine_schannel.exe)

# T=name: only tests with that in their name.
check: build/.host-test all $(TEST_EXES)
	@tests/run.py $(if $(T),--only $(T))

# SLICE=N/M: a Mth of the cells, the Nth of them. `tests/interop.py --table build/check/interop.tsv` makes README's tables of all of it.
interop: build/.host-test all
	@tests/interop.py $(if $(SLICE),--slice $(SLICE))

# Wine's own tests of what stands on Schannel, with ours and with Wine's own. T=secur32: only those.
winetest: build/.host-test all $(foreach arch,$(ARCHES),$(WINETESTS:%=build/$(arch)/winetest/%.exe) build/$(arch)/tests/wine_schannel.exe)
	@tests/winetest.py $(if $(T),--only $(T))

# Programs of others, built by deps/programs.sh, which leaves alone what it has built already.
programs: build/.host-test build/.host-programs all
	@deps/fetch.sh build/deps/tarballs nghttp2 curl aria2 zlib http-parser pcre2 libgit2
	@for arch in $(ARCHES); do deps/programs.sh $$arch build/deps/tarballs build/$$arch/programs || exit; done
	@tests/programs.py $(if $(T),--only $(T))

# All of them, and one line about it at the end.
check-all:
	@tests/all.sh check winetest interop programs bogo

# ROUNDS=1: quicker. T=records, handshakes, validation, memory, start or curl: only these. SUITE=tls13: only suites with that in
# their name.
bench: build/.host-test build/.host-bench all build/bench/gnutls build/bench/openssl \
    $(foreach arch,$(ARCHES),build/$(arch)/bench/bench.exe build/$(arch)/bench/start.exe) $(if $(filter-out curl,$(T)),,bench-curl)
	@tests/bench/bench.py $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(T),--only $(T)) $(if $(SUITE),--suite $(SUITE))

.PHONY: bench-curl
bench-curl: build/.host-programs
	@deps/fetch.sh build/deps/tarballs nghttp2 curl
	@for arch in $(ARCHES); do deps/programs.sh $$arch build/deps/tarballs build/$$arch/programs curl || exit; done

FUZZ ?= 60
# Every fuzz target for T seconds (or FUZZ, which means nothing to other targets), and random calls through the door in Wine.
fuzz: $(FUZZ_TARGETS:%=build/fuzz/%) build/.host-test all build/x86_64/tests/fuzz_door.exe
	@tests/fuzz/run.sh $(or $(T),$(FUZZ)) $(FUZZ_TARGETS)

# Everything that can fail does, natively (GnuTLS's memory included) and in Wine; what is freed is looked through for keys, and
# valgrind watches what decides by them.
# STRIDE=7: every seventh failure.
STRIDE ?= 1
faults: build/fuzz/native-faults build/fuzz/native-secrets build/fuzz/native-constant build/.host-test all build/x86_64/faults/schannel.dll build/x86_64/faults/door_faults.exe
	@tests/faults/run.sh $(STRIDE)

# ThreadSanitizer watches the DLL's own code and GnuTLS, natively.
TURNS ?= 200
threads: build/threads/native-threads
	@tests/fuzz/threads.sh $(TURNS)

# A million handshakes and a TiB of data, or SOAK=0.001 of them.
SOAK ?= 1
soak: build/.host-test all $(foreach arch,$(ARCHES),build/$(arch)/tests/sspi_threads.exe)
	@tests/run.py --soak $(SOAK)

# BoringSSL's test runner, from Debian's source package: a Go program of its own, in the folders Go wants it in.
BORINGSSL = build/bogo/go/src/boringssl.googlesource.com/boringssl

build/bogo/runner: deps/lock | build/.host-bogo
	@mkdir -p $(BORINGSSL)
	deps/fetch.sh build/deps/tarballs android-platform-external-boringssl
	tar -xf build/deps/tarballs/android-platform-external-boringssl_*.orig.tar.?z -C $(BORINGSSL) --strip-components=2 --wildcards \
	    '*/src/ssl/test/runner/*' '*/src/util/testresult/*'
	cd $(BORINGSSL)/ssl/test/runner && CGO_ENABLED=0 GO111MODULE=off GOPATH=$(CURDIR)/build/bogo/go:/usr/share/gocode \
	    GOCACHE=$(CURDIR)/build/bogo/cache /usr/lib/go-1.19/bin/go test -c -o $(CURDIR)/$@ .

# BoringSSL's protocol tests against our DLL. T='pattern;pattern': only those tests.
bogo: build/bogo/runner build/.host-test all $(foreach arch,$(ARCHES),build/$(arch)/bogo/shim.exe)
	@tests/bogo/bogo.py $(if $(T),--only '$(T)')

demo: build/.host-test all
	@tools/demo.sh build

# build/dist/schannel-gnutls-VERSION.tar.gz
dist: all
	@deps/fetch.sh build/deps/tarballs gmp nettle gnutls28 libgpg-error libgcrypt20
	@tools/dist.sh $(PRODUCT_VERSION) build

# T=room: its test in gdb, in the prefix that `make check` made. `tests/run.py --serve` gives a sspi_ test its peers.
debug: build/x86_64/tests/$(T).exe
	cd build/x86_64/tests && WINEPREFIX=$(CURDIR)/build/check/prefix8 winedbg --gdb $(T).exe

format:
	clang-format -i dlls/schannel/*.[ch] include/*.h tests/*.[ch] tests/*/*.[ch] tools/*.[ch]

# One compiler command a file, as clangd and clang-tidy want them.
compile_commands.json: Makefile $(SRCS)
	@for f in $(SRCS); do printf '%s{"directory": "%s", "file": "%s", "command": "x86_64-w64-mingw32-gcc %s -c %s"}' \
	    "$${sep:-}" '$(CURDIR)' "$$f" '$(filter-out -W%,$(x86_64_FLAGS))' "$$f"; sep=','; done | sed '1s/^/[/; $$s/$$/]/' >$@

lint: compile_commands.json
	clang-format --dry-run -Werror dlls/schannel/*.[ch] include/*.h tests/*.[ch] tests/*/*.[ch] tools/*.[ch]
	clang-tidy -p . --quiet --extra-arg=--target=x86_64-w64-mingw32 $(SRCS)
	cppcheck --enable=warning,portability,performance --inline-suppr --error-exitcode=1 --platform=win64 --library=windows --quiet \
	    --suppress=missingIncludeSystem -Iinclude -Idlls/schannel -D_WIN32 dlls tools
	shellcheck deps/*.sh tests/*.sh tests/*/*.sh tools/*.sh tools/*.verb .ci/run

clean:
	rm -rf $(ARCHES:%=build/%) build/check build/winetest build/demo build/programs build/bench build/fuzz build/threads build/dist
