# The native build for `make fuzz`: the DLL's sources, mingw-w64's headers, a small Windows (tests/fuzz/world.c), clang's
# sanitizers. keys.c is replaced by keys of our own; main.c and lsa.c have nothing to say, and memory is the sanitizers'.

FUZZ_TARGETS = hello chain secbuf settings flight peer door
FUZZ_CC      = clang
FUZZ_FLAGS   = -std=gnu11 -g -O1 -fno-omit-frame-pointer -w -D__CYGWIN__ -fshort-wchar -fno-builtin '-D__declspec(x)=' -D__stdcall= \
               -D__cdecl= -include tests/fuzz/native.h -Iinclude -Idlls/schannel -Itests/fuzz -Ibuild/fuzz -MMD -MP
FUZZ_HEADERS = -idirafter /usr/share/mingw-w64/include
FUZZ_WATCH   = -fsanitize=address,undefined -fno-sanitize=null,object-size,function -fno-sanitize-recover=undefined
FUZZ_ROOMS   = $(filter-out main.o keys.o lsa.o heap.o malloc.o,$(notdir $(SRCS:.c=.o)))
FUZZ_COMMON  = world.o common.o input.o keys.o sides.o
FUZZ_LIBS    = build/deps/fuzz/lib/libgnutls.a build/deps/fuzz/lib/libhogweed.a build/deps/fuzz/lib/libnettle.a \
               build/deps/fuzz/lib/libgmp.a -lgcrypt -lgpg-error -lpthread

build/.host-fuzz: deps/host.sh build/.host
	deps/host.sh fuzz
	@touch $@

build/fuzz/.deps: deps/lock deps/native.sh deps/build.sh $(wildcard deps/patches/*) | build/.host-fuzz
	@mkdir -p build/fuzz
	deps/fetch.sh build/deps/tarballs gmp nettle gnutls28
	deps/native.sh build/deps/tarballs build/deps/fuzz
	@touch $@

build/fuzz/version.h: Makefile build/fuzz/.deps
	@printf '#define PRODUCT_VERSION "%s"\n#define GNUTLS_VERSION "%s"\n' '$(PRODUCT_VERSION)' \
	    "$$(PKG_CONFIG_LIBDIR=build/deps/fuzz/lib/pkgconfig pkg-config --modversion gnutls)" >$@

build/fuzz/rooms/product.o build/threads/rooms/product.o: build/fuzz/version.h

build/fuzz/rooms/%.o: dlls/schannel/%.c tests/fuzz/fuzz.mk | build/fuzz/.deps
	@mkdir -p $(@D)
	@echo "  CC      fuzz $<"
	@$(FUZZ_CC) $(FUZZ_FLAGS) $(FUZZ_WATCH) -fsanitize=fuzzer-no-link -isystem build/deps/fuzz/include $(FUZZ_HEADERS) -c -o $@ $<

build/fuzz/%.o: tests/fuzz/%.c tests/fuzz/fuzz.mk | build/fuzz/.deps
	@mkdir -p $(@D)
	@echo "  CC      fuzz $<"
	@$(FUZZ_CC) $(FUZZ_FLAGS) $(FUZZ_WATCH) -fsanitize=fuzzer-no-link -isystem build/deps/fuzz/include $(FUZZ_HEADERS) -c -o $@ $<

$(addprefix build/fuzz/,chain door flight hello): build/fuzz/initialize.o

$(FUZZ_TARGETS:%=build/fuzz/%): build/fuzz/%: build/fuzz/%.o $(FUZZ_COMMON:%=build/fuzz/%) $(FUZZ_ROOMS:%=build/fuzz/rooms/%)
	@echo "  LINK    $@"
	@$(FUZZ_CC) $(FUZZ_WATCH) -fsanitize=fuzzer -o $@ $^ $(FUZZ_LIBS)

-include $(wildcard build/fuzz/*.d build/fuzz/rooms/*.d)

# The same rooms with calls that fail on order (tests/faults): their own objects, in which what they call has other names.
build/fuzz/faults/stubs.s: $(FUZZ_ROOMS:%=build/fuzz/rooms/%) tests/faults/faults.py
	@mkdir -p $(@D)
	@tests/faults/faults.py sysv nm build/fuzz/faults/stubs $(FUZZ_ROOMS:%=build/fuzz/rooms/%)
	@for o in $(FUZZ_ROOMS); do objcopy --redefine-syms=build/fuzz/faults/stubs.syms build/fuzz/rooms/$$o build/fuzz/faults/$$o || exit; done

build/fuzz/native-faults: build/fuzz/faults/stubs.s build/fuzz/faults.o $(FUZZ_COMMON:%=build/fuzz/%) tests/faults/due.c tests/faults/due.h
	@echo "  LINK    $@"
	@$(FUZZ_CC) -g -DFAULTS_LIST='"stubs.h"' -Ibuild/fuzz/faults $(FUZZ_WATCH) -o $@ build/fuzz/faults/stubs.s tests/faults/due.c \
	    build/fuzz/faults.o $(FUZZ_COMMON:%=build/fuzz/%) $(FUZZ_ROOMS:%=build/fuzz/faults/%) $(FUZZ_LIBS)

# The same rooms once more, with ThreadSanitizer in them and in GnuTLS.
THREAD_LIBS = build/deps/fuzz/thread/lib/libgnutls.a $(filter-out %/libgnutls.a,$(FUZZ_LIBS))

build/threads/.deps: build/fuzz/.deps
	@mkdir -p build/threads
	deps/native.sh build/deps/tarballs build/deps/fuzz thread
	@touch $@

build/threads/rooms/%.o: dlls/schannel/%.c tests/fuzz/fuzz.mk | build/threads/.deps
	@mkdir -p $(@D)
	@echo "  CC      threads $<"
	@$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=thread -isystem build/deps/fuzz/thread/include $(FUZZ_HEADERS) -c -o $@ $<

build/threads/%.o: tests/fuzz/%.c tests/fuzz/fuzz.mk | build/threads/.deps
	@mkdir -p $(@D)
	@echo "  CC      threads $<"
	@$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=thread -isystem build/deps/fuzz/thread/include $(FUZZ_HEADERS) -c -o $@ $<

build/threads/native-threads: build/threads/threads.o $(FUZZ_COMMON:%=build/threads/%) $(FUZZ_ROOMS:%=build/threads/rooms/%)
	@echo "  LINK    $@"
	@$(FUZZ_CC) -g -fsanitize=thread -o $@ $^ $(THREAD_LIBS)

-include $(wildcard build/threads/*.d build/threads/rooms/*.d)

# What is freed, looked at before it is.
build/fuzz/native-secrets: build/fuzz/secrets.o $(FUZZ_COMMON:%=build/fuzz/%) $(FUZZ_ROOMS:%=build/fuzz/rooms/%)
	@echo "  LINK    $@"
	@$(FUZZ_CC) -g -rdynamic $(FUZZ_WATCH) -o $@ $^ $(FUZZ_LIBS)

# The target that calls the door, in Wine: random calls instead of guided ones.
build/x86_64/tests/fuzz_door.exe: $(addprefix tests/fuzz/,wine.c door.c sides.c input.c common.h sides.h) build/x86_64/tests/door.o
	@echo "  CC      x86_64 $<"
	@x86_64-w64-mingw32-gcc $(x86_64_TEST_FLAGS) -Itests/fuzz -w -MF $@.d -o $@ $(filter %.c %.o,$^) -lcrypt32 -ladvapi32 -lws2_32 -static-libgcc

# The direct record path alone, compiled as the DLL is, for valgrind to watch: no sanitizer, GnuTLS's two functions are the test's.
build/fuzz/native-constant: $(addprefix dlls/schannel/,protection.c suites.c protection.h suites.h session.h) tests/fuzz/constant.c tests/fuzz/fuzz.mk | build/fuzz/.deps
	@echo "  CC      fuzz $@"
	@gcc $(FUZZ_FLAGS) -O2 -isystem build/deps/fuzz/include $(FUZZ_HEADERS) -MF $@.d -Wl,--wrap=gcry_cipher_checktag -o $@ \
	    $(filter %.c,$^) -lgcrypt -lgpg-error
