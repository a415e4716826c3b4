/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The example's root task: the first program that seL4 starts, in C, with a Rust component linked into it.
 *
 * It has muslc's printf, malloc and time, and calls the component's functions as C functions. Its exit code is 0 if all
 * went well; under QEMU it becomes QEMU's own.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rust_app.h"
/* Set where seL4's sel4runtime starts the program instead of muslcsys. */
#ifdef SEL4_STD_HOSTED
#include <sel4runtime.h>
#include "sel4std_hosted.h"
#endif

static void call_rust(uint32_t a, uint32_t b)
{
    printf("Rust Routine: %" PRIu32 " + %" PRIu32 " = %" PRIu32 "\n", a, b, rust_routine(a, b));
}

/* Memory from muslc's allocator, small and large, is there and can be given back. Returns 0, or 1 and says why. */
static int use_memory(void)
{
    for (size_t size = 1; size <= (size_t)1 << 24; size *= 16) {
        unsigned char *block = malloc(size);
        if (block == NULL) {
            printf("malloc(%zu) failed\n", size);
            return 1;
        }
        memset(block, 0x5a, size);
        if (block[0] != 0x5a || block[size - 1] != 0x5a) {
            printf("a block of %zu bytes does not keep what is written\n", size);
            return 1;
        }
        free(block);
    }
    return 0;
}

/* The date as C prints it. Returns 0, or 1 and says why. */
static int tell_time(void)
{
    char text[32];
    time_t now = time(NULL);
    struct tm utc;
    if (now == (time_t)-1 || gmtime_r(&now, &utc) == NULL) {
        puts("there is no date");
        return 1;
    }
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &utc);
    printf("Root task: started at %s UTC\n", text);
    return 0;
}

int main(int argc, char **argv)
{
#ifdef SEL4_STD_HOSTED
    if (sel4_std_init(sel4runtime_bootinfo()) != 0)
        return EXIT_FAILURE;
#endif
    call_rust(10, 20);
    call_rust(1, 20);

    int failed = use_memory() + tell_time() + rust_report(argc, (const char *const *)argv);
    printf("Root task: %d failed\n", failed);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
