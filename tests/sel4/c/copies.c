/* Bytes between the program and muslcsys: of every length, from and to every place. */
// run copies:
#include "check.h"
#include <sys/mman.h>

int main(void)
{
    enum { MOST = 400, ROOM = MOST + 64 };
    static char from[ROOM], to[ROOM];
    int fd = memfd_create("lengths", 0), wrong = 0, beside = 0, unclean = 0;
    for (int i = 0; i < ROOM; i++)
        from[i] = (char)(i * 11 + 3);
    for (int length = 0; length <= MOST; length++)
        for (int place = 0; place < 16; place++) {
            int other = (place * 5 + length) % 16;
            memset(to, 0x6e, ROOM);
            wrong += ftruncate(fd, 0) || pwrite(fd, from + place, length, 0) != length || pread(fd, to + other, ROOM, 0) != length;
            wrong += memcmp(to + other, from + place, length) != 0;
            for (int i = 0; i < ROOM; i++)
                beside += (i < other || i >= other + length) && to[i] != 0x6e;
            wrong += ftruncate(fd, 0) || ftruncate(fd, length) || pread(fd, to + other, ROOM, 0) != length;
            for (int i = 0; i < ROOM; i++)
                unclean += to[i] != (i < other || i >= other + length ? 0x6e : 0);
        }
    EQUAL("copies of every length are whole", wrong, 0);
    EQUAL("and touch nothing beside", beside, 0);
    EQUAL("zeros of every length as well", unclean, 0);
    close(fd);
    return check_end();
}
