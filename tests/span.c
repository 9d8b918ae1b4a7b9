/*
 * Spans: cutting never reads beyond, and a cut that fails changes nothing.
 */
#include "test.h"
#include "span.h"

static const uint8_t bytes[] = { 0x01, 0x02, 0x03, 0x04, 0x05 };

static void test_cuts_that_fit_and_cuts_that_do_not(void)
{
    static const struct
    {
        const char *name;
        size_t size, cut;
        bool fits;
    } rows[] = {
        { "one more than there is", 5, 6, false },
        { "something of nothing", 0, 1, false },
        { "a size that would wrap", 5, SIZE_MAX, false },
        { "nothing of nothing", 0, 0, true },
        { "all", 5, 5, true },
        { "some", 5, 2, true },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct span span = { bytes, rows[i].size }, taken = { NULL, 99 };

        ok(span_take(&span, rows[i].cut, &taken) == rows[i].fits, "%s\n", rows[i].name);
        ok(span.size == rows[i].size - (rows[i].fits ? rows[i].cut : 0), "%s: %u left\n", rows[i].name,
           (unsigned)span.size);
        ok(taken.size == (rows[i].fits ? rows[i].cut : 99), "%s: took %u\n", rows[i].name,
           (unsigned)taken.size);
    }
}

static void test_a_prefix_is_skipped_only_where_it_stands(void)
{
    static const uint8_t begins[] = { 0x01, 0x02 }, differs[] = { 0x01, 0x03 };
    static const uint8_t longer[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06 };
    static const struct
    {
        const char *name;
        struct span prefix;
        size_t left;
    } rows[] = {
        { "none", { NULL, 0 }, 5 },
        { "the first bytes", { begins, sizeof(begins) }, 3 },
        { "all", { bytes, sizeof(bytes) }, 0 },
        { "one other byte", { differs, sizeof(differs) }, 5 },
        { "bytes from the middle", { bytes + 1, 2 }, 5 },
        { "more than there is", { longer, sizeof(longer) }, 5 },
    };
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
    {
        struct span span = { bytes, sizeof(bytes) };

        span_skip(&span, rows[i].prefix);
        ok(span.size == rows[i].left, "%s: %u left\n", rows[i].name, (unsigned)span.size);
        ok(span.data == bytes + sizeof(bytes) - rows[i].left, "%s: not what follows\n", rows[i].name);
    }
}

static void test_numbers_are_big_endian(void)
{
    struct span span = { bytes, sizeof(bytes) };
    uint32_t number = 0;

    ok(span_take_number(&span, 2, &number) && number == 0x0102, "got %#x\n", number);
    ok(span_take_number(&span, 3, &number) && number == 0x030405, "got %#x\n", number);
    ok(!span_take_number(&span, 1, &number), "a number out of nothing\n");
}

static void test_a_vector_longer_than_its_span_is_not_cut(void)
{
    static const uint8_t data[] = { 0x00, 0x02, 0xaa, 0xbb, 0x00, 0x05, 0xcc };
    struct span span = { data, sizeof(data) }, vector;

    ok(span_take_vector(&span, 2, &vector) && vector.size == 2 && vector.data[0] == 0xaa,
       "the first vector\n");
    ok(!span_take_vector(&span, 2, &vector), "a vector cut short was taken\n");
    ok(span.size == 3, "the failed cut took its length: %u left\n", (unsigned)span.size);
}

static void test_der_is_cut_by_its_own_lengths(void)
{
    static const uint8_t data[] = { 0x30, 0x03, 0x02, 0x01, 0x05, 0x04, 0x82,
                                    0x00, 0x01, 0xaa, 0x04, 0x02, 0xbb };
    static const uint8_t endless[] = { 0x30, 0x80, 0x00, 0x00 },
                         long_length[] = { 0x30, 0x85, 0x00, 0x00, 0x00, 0x00, 0x01, 0xaa };
    struct span span = { data, sizeof(data) }, element, contents;

    ok(!span_take_der(&span, 0x04, NULL, &contents) && span.size == sizeof(data), "another tag was taken\n");
    ok(span_take_der(&span, 0x30, &element, &contents), "the sequence\n");
    ok(element.data == data && element.size == 5 && contents.data == data + 2 && contents.size == 3,
       "%u bytes, %u in it\n", (unsigned)element.size, (unsigned)contents.size);
    ok(span_take_der(&span, 0x04, NULL, &contents) && contents.size == 1 && contents.data[0] == 0xaa,
       "a length of two bytes\n");
    ok(!span_take_der(&span, 0x04, NULL, &contents) && span.size == 3, "an element cut short was taken\n");
    span = (struct span){ endless, sizeof(endless) };
    ok(!span_take_der(&span, 0x30, NULL, &contents), "DER has no indefinite lengths\n");
    span = (struct span){ long_length, sizeof(long_length) };
    ok(!span_take_der(&span, 0x30, NULL, &contents), "a length of five bytes\n");
}

START_TEST(span)
{
    RUN(test_cuts_that_fit_and_cuts_that_do_not);
    RUN(test_a_prefix_is_skipped_only_where_it_stands);
    RUN(test_numbers_are_big_endian);
    RUN(test_a_vector_longer_than_its_span_is_not_cut);
    RUN(test_der_is_cut_by_its_own_lengths);
}
