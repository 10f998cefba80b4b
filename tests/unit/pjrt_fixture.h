/* Makes a client for each test and checks that the test leaves the HBM of both devices as it found it. */
#ifndef TS_UNIT_PJRT_FIXTURE_H
#define TS_UNIT_PJRT_FIXTURE_H

#include "pjrt_support.h"

static PJRT_Client *client;

static int start(void **state) {
    (void)state;
    client = client_new();
    return 0;
}

static int stop(void **state) {
    (void)state;
    int64_t left = bytes_in_use(device_of(client, 0)) + bytes_in_use(device_of(client, 1));
    client_destroy(client);
    return left != 0;
}

#endif
