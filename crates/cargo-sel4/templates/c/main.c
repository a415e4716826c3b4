#include <stdio.h>
#include <stdlib.h>

/* Written by the build from what {{rust}}/src/lib.rs exports. */
#include "{{rust}}.h"

int main(int argc, char **argv)
{
    char *text = greeting_for(argc > 1 ? argv[1] : "nobody");
    if (text == NULL) {
        return EXIT_FAILURE;
    }
    puts(text);
    greeting_free(text);
    return EXIT_SUCCESS;
}
