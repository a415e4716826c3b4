/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "greeting.h"

int main(int argc, char **argv)
{
    char *text = greeting_for(argc > 1 ? argv[1] : "nobody");
    if (text == NULL) {
        return EXIT_FAILURE;
    }
    puts(text);
    greeting_free(text);
    return 42;
}
