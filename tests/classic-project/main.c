/* SPDX-License-Identifier: BSD-2-Clause */
/* The smallest root task that seL4's sel4runtime starts and that calls Rust with std. */
#include <sel4runtime.h>
#include <stdio.h>
#include <stdlib.h>

#include "greeting.h"
#include "sel4std_hosted.h"

int main(void)
{
    if (sel4_std_init(sel4runtime_bootinfo()) != 0)
        return EXIT_FAILURE;

    char *text = greeting_for("sel4runtime");
    puts(text);
    greeting_free(text);
    return 42;
}
