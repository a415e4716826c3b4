/* The main of a program whose own is called program_main, where sel4runtime starts it: muslc is taken into use first. */
#include <sel4runtime.h>
#include "sel4std_hosted.h"

int program_main(int argc, char **argv, char **envp);

int main(int argc, char **argv, char **envp)
{
    return sel4_std_init(sel4runtime_bootinfo()) == 0 ? program_main(argc, argv, envp) : 99;
}
