/* SHA-256: the examples of FIPS 180-4 and NIST's, and that pieces add up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/sha256.h"

static void digest_text(ts_sha256 *hash, char text[65]) {
    uint8_t digest[TS_SHA256_BYTES];
    ts_sha256_end(hash, digest);
    for (int i = 0; i < TS_SHA256_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

static void check(const char *message, int times, const char *digest) {
    ts_sha256 hash;
    char text[65];
    ts_sha256_start(&hash);
    for (int i = 0; i < times; i++)
        ts_sha256_add(&hash, message, strlen(message));
    digest_text(&hash, text);
    assert_string_equal(text, digest);
}

static void published_examples(void **state) {
    (void)state;
    check("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    check("aaaaaaaaaa", 100000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* Every length around two blocks, cut at every place. */
static void pieces_add_up(void **state) {
    (void)state;
    uint8_t message[140];
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)(7 * i + 1);
    for (size_t size = 0; size <= sizeof message; size++) {
        char whole[65], pieces[65];
        ts_sha256 hash;
        ts_sha256_start(&hash);
        ts_sha256_add(&hash, message, size);
        digest_text(&hash, whole);
        for (size_t cut = 0; cut <= size; cut++) {
            ts_sha256_start(&hash);
            ts_sha256_add(&hash, message, cut);
            ts_sha256_add(&hash, message + cut, size - cut);
            digest_text(&hash, pieces);
            assert_string_equal(pieces, whole);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(published_examples), cmocka_unit_test(pieces_add_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
