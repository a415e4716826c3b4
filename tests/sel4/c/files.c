/* Files as C programs use them: names, links, open flags, holes, directories that change while they are read, locks, what is unlinked but
 * open, running out of memory and of descriptors, and bad arguments. */
// run files: time=120
#include "threads.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>

static void make(const char *name, const char *content)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    NEED(fd >= 0 && write(fd, content, strlen(content)) == (ssize_t)strlen(content));
    close(fd);
}
/* Whether a file has this content. */
static int holds(const char *name, const char *content)
{
    char found[64] = "";
    int fd = open(name, O_RDONLY);
    ssize_t length = read(fd, found, sizeof found - 1);
    close(fd);
    return length == (ssize_t)strlen(content) && strcmp(found, content) == 0;
}

static void names(void)
{
    struct stat s, t;
    char text[PATH_MAX];
    make("a", "one");
    EQUAL("a second name", link("a", "b"), 0);
    stat("a", &s), stat("b", &t);
    CHECK("is the same file", s.st_ino == t.st_ino && s.st_nlink == 2);
    EQUAL("a name replaces another", rename("a", "c"), 0);
    ERRNO("the old one is gone", open("a", O_RDONLY), ENOENT);
    EQUAL("a symbolic link", symlink("c", "l"), 0);
    CHECK("leads there", holds("l", "one"));
    EQUAL("tells where", readlink("l", text, sizeof text), 1);
    symlink("loop", "loop");
    ERRNO("a loop is refused", open("loop", O_RDONLY), ELOOP);
    ERRNO("O_NOFOLLOW refuses a link", open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
    ERRNO("O_EXCL refuses what is there", open("c", O_CREAT | O_EXCL | O_WRONLY, 0644), EEXIST);
    ERRNO("a file is no directory", open("c/x", O_RDONLY), ENOTDIR);
    ERRNO("a directory is not written", open("/tmp", O_WRONLY), EISDIR);
    mkdir("d", 0755);
    make("d/x", "");
    ERRNO("a directory with entries stays", rmdir("d"), ENOTEMPTY);
    ERRNO("a directory does not go into itself", rename("d", "d/e"), EINVAL);
    ERRNO("unlink leaves directories", unlink("d"), EISDIR);
    memset(text, 'n', 256), text[256] = 0;
    ERRNO("a name of 256 bytes is too long", open(text, O_CREAT | O_WRONLY, 0644), ENAMETOOLONG);
    text[255] = 0;
    CHECK("one of 255 is not", close(open(text, O_CREAT | O_WRONLY, 0644)) == 0 && unlink(text) == 0);
    for (int i = 0; i < PATH_MAX - 1; i++)
        text[i] = i & 1 ? '/' : '.';
    text[PATH_MAX - 2] = 'c', text[PATH_MAX - 1] = 0;
    CHECK("a path of 4,095 bytes is walked", stat(text, &s) == 0 && s.st_ino == t.st_ino);
    NEED(chdir("d") == 0);
    CHECK("the working directory has a name", getcwd(text, sizeof text) && strcmp(text, "/tmp/files/d") == 0);
    ERRNO("that may not fit", (long)getcwd(text, 5) - !getcwd(text, 5), ERANGE);
    NEED(chdir("..") == 0);
}

static void contents(void)
{
    char bytes[16] = "";
    struct stat s;
    int fd = open("h", O_RDWR | O_CREAT, 0600);
    EQUAL("behind a hole", pwrite(fd, "end", 3, 1 << 30), 3);
    fstat(fd, &s);
    CHECK("a hole takes no memory", s.st_size == (1 << 30) + 3 && s.st_blocks == 8);
    EQUAL("a hole reads as zeros", pread(fd, bytes, 3, (1 << 30) - 2), 3);
    CHECK("as zeros", bytes[0] == 0 && bytes[1] == 0 && bytes[2] == 'e');
    EQUAL("data is found", lseek(fd, 0, SEEK_DATA), 1 << 30);
    EQUAL("a hole is found", lseek(fd, 0, SEEK_HOLE), 0);
    EQUAL("cut", ftruncate(fd, 10), 0);
    EQUAL("and grown again", ftruncate(fd, 20), 0);
    EQUAL("memory for a range", posix_fallocate(fd, 0, 10000), 0);
    fstat(fd, &s);
    CHECK("is there", s.st_size == 10000 && s.st_blocks == 24);
    int more = open("h", O_WRONLY | O_APPEND);
    write(more, "tail", 4);
    EQUAL("O_APPEND writes at the end", lseek(more, 0, SEEK_CUR), 10004);
    close(more);
    EQUAL("unlinked", unlink("h"), 0);
    fstat(fd, &s);
    CHECK("but open it lives", s.st_nlink == 0 && pread(fd, bytes, 4, 10000) == 4 && memcmp(bytes, "tail", 4) == 0);
    close(fd);
    make("from", "some bytes");
    int from = open("from", O_RDONLY), to = open("to", O_RDWR | O_CREAT, 0644);
    off_t at = 5;
    EQUAL("sendfile", sendfile(to, from, &at, 99), 5);
    CHECK("moves the offset that it was given", at == 10 && lseek(from, 0, SEEK_CUR) == 0 && holds("to", "bytes"));
    EQUAL("copy_file_range", copy_file_range(from, 0, to, 0, 99, 0), 10);
    CHECK("copies", holds("to", "bytessome bytes"));
    struct iovec pieces[] = {{bytes, 2}, {bytes + 8, 3}};
    EQUAL("preadv fills piece by piece", preadv(to, pieces, 2, 0), 5);
    CHECK("each", memcmp(bytes, "by", 2) == 0 && memcmp(bytes + 8, "tes", 3) == 0);
    close(from), close(to);
}

static void directories(void)
{
    char name[32];
    int seen[300] = {0}, twice = 0, missing = 0;
    mkdir("many", 0755);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "many/%d", i);
        make(name, "");
    }
    DIR *directory = opendir("many");
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.') {
            int i = atoi(entry->d_name);
            twice += seen[i]++;
            snprintf(name, sizeof name, "many/%d", i);
            unlink(name);
            snprintf(name, sizeof name, "many/x%d", i & 7);
            if (i < 8)
                make(name, "");
        }
    for (int i = 1; i < 300; i++)
        missing += !seen[i];
    EQUAL("no entry is told twice while others go", twice - (seen[0] > 1 ? seen[0] * (seen[0] - 1) / 2 : 0), 0);
    EQUAL("and none is left out", missing, 0);
    rewinddir(directory);
    int left = 0;
    while (readdir(directory))
        left++;
    EQUAL("what came meanwhile is there", left, 8 + 2);
    closedir(directory);
}

static atomic_int locked;
static void *locks(void *with)
{
    int fd = open("lock", O_RDWR);
    locked = 1;
    (void)with;
    flock(fd, LOCK_EX);
    locked = 2;
    close(fd);
    return 0;
}

static void locking(void)
{
    make("lock", "");
    int a = open("lock", O_RDWR), b = open("lock", O_RDWR);
    EQUAL("flock", flock(a, LOCK_EX), 0);
    ERRNO("excludes another description", flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
    pthread_t thread = start(locks, 0);
    while (!locked)
        sched_yield();
    EQUAL("the other waits", locked, 1);
    close(a);
    result_of(thread);
    EQUAL("until it is closed", locked, 2);
    struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 10};
    EQUAL("a range of a description", fcntl(b, F_OFD_SETLK, &range), 0);
    a = open("lock", O_RDWR);
    range.l_start = 14, range.l_len = 0;
    ERRNO("excludes where they meet", fcntl(a, F_OFD_SETLK, &range), EAGAIN);
    range.l_start = 15;
    EQUAL("and not behind", fcntl(a, F_OFD_SETLK, &range), 0);
    range.l_start = 0, range.l_pid = 0;
    EQUAL("F_GETLK", fcntl(a, F_GETLK, &range), 0);
    CHECK("tells who is in the way", range.l_type == F_WRLCK && range.l_pid == -1);
    close(a), close(b);
}

static void limits(void)
{
    int first = dup(0), last = first, fd;
    while ((fd = dup(0)) >= 0)
        last = fd;
    CHECK("1,024 descriptors", errno == EMFILE && last == 1023);
    while (last >= first)
        close(last--);
    struct rlimit limit = {64, 1024};
    EQUAL("the limit can be lowered", setrlimit(RLIMIT_NOFILE, &limit), 0);
    ERRNO("and holds", fcntl(0, F_DUPFD, 64), EINVAL);
    limit.rlim_cur = 1024;
    EQUAL("and raised again", setrlimit(RLIMIT_NOFILE, &limit), 0);
    struct statfs before, after;
    statfs("/tmp", &before);
    fd = open("full", O_RDWR | O_CREAT, 0644);
    NEED(write(fd, "kept", 4) == 4);
    /* All memory but a little, some of it for page tables, is promised elsewhere. */
    size_t rest = (before.f_bfree - before.f_bfree / 128 - 4096) * PAGE;
    void *all = mmap(0, rest, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(all != MAP_FAILED);
    ERRNO("what does not fit is not begun", fallocate(fd, 0, 0, 256 * MIB), ENOSPC);
    static char piece[64 << 10];
    ssize_t moved;
    size_t written = 4;
    while ((moved = pwrite(fd, piece, sizeof piece, written)) > 0)
        written += moved;
    CHECK("a full memory is ENOSPC", moved == -1 && errno == ENOSPC);
    struct stat s;
    fstat(fd, &s);
    CHECK("and the file as it was", (size_t)s.st_size == written && holds("full", "kept") == 0);
    EQUAL("what is cut is given back", ftruncate(fd, 4), 0);
    CHECK("the rest is whole", holds("full", "kept"));
    munmap(all, rest);
    close(fd), unlink("full");
    statfs("/tmp", &after);
    CHECK("statfs tells it", labs((long)(after.f_bfree - before.f_bfree)) <= 600);
}

static void devices(void)
{
    char bytes[64];
    memset(bytes, 1, sizeof bytes);
    int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR), full = open("/dev/full", O_RDWR),
        random = open("/dev/urandom", O_RDONLY);
    EQUAL("/dev/null is empty", read(null, bytes, 8), 0);
    EQUAL("and takes all", write(null, bytes, 8), 8);
    CHECK("/dev/zero gives zeros", read(zero, bytes, 8) == 8 && bytes[0] == 0 && bytes[7] == 0 && bytes[8] == 1);
    ERRNO("/dev/full is full", write(full, bytes, 8), ENOSPC);
    char other[16];
    CHECK("/dev/urandom", read(random, bytes, 16) == 16 && read(random, other, 16) == 16 && memcmp(bytes, other, 16));
    close(null), close(zero), close(full), close(random);
    int out = open("/dev/stdout", O_WRONLY);
    EQUAL("/dev/stdout is standard output", dprintf(out, "by name\n"), 8);
    close(out);
    make("named", "x");
    int fd = open("named", O_RDONLY);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, bytes, sizeof bytes);
    CHECK("/proc/self/fd tells names", length == 16 && memcmp(bytes, "/tmp/files/named", 16) == 0);
    unlink("named");
    CHECK("and leads to what has none", holds(path, "x"));
    close(fd);
    EQUAL("nothing there to change", mkdir("/proc/x", 0755), -1);
    FILE *maps = fopen("/proc/self/maps", "r");
    NEED(maps);
    unsigned long begin, end;
    char flags[8];
    int found = 0;
    while (fgets(path, sizeof path, maps))
        if (sscanf(path, "%lx-%lx %4s", &begin, &end, flags) == 3)
            found |= begin <= (unsigned long)devices && (unsigned long)devices < end && !strcmp(flags, "r-xp");
    fclose(maps);
    CHECK("/proc/self/maps has this function", found);
}

/* Names of each length that differ in each place: every one leads to a file of its own, and is told as it was given. */
static void alike_names(void)
{
    enum { LONGEST = 24 };
    NEED(mkdir("alike", 0755) == 0 && chdir("alike") == 0);
    ino_t numbers[LONGEST * (LONGEST + 1)], made = 0;
    char name[LONGEST + 1], last = 0;
    for (int pass = 0; pass < 2; pass++) {
        unsigned wrong = 0, at = 0;
        for (int length = 1; length <= LONGEST; length++) {
            for (int place = 0; place <= length; place++, at++) {
                memset(name, 'm', length), name[length] = 0;
                if (place < length)
                    name[place] = (length + place) % 2 ? 'a' : (char)0xe9;
                struct stat s;
                if (pass == 0)
                    close(open(name, O_CREAT | O_EXCL | O_WRONLY, 0644));
                wrong += stat(name, &s) != 0 || (pass && s.st_ino != numbers[at]);
                numbers[at] = s.st_ino;
            }
        }
        made = at;
        EQUAL(pass ? "names lead to the same files again" : "files with names that are alike", wrong, 0);
    }
    unsigned seen = 0, strange = 0;
    DIR *directory = opendir(".");
    for (struct dirent *entry; (entry = readdir(directory));) {
        size_t length = strlen(entry->d_name), alike = 0;
        if (entry->d_name[0] == '.')
            continue;
        for (size_t i = 0; i < length; i++)
            alike += entry->d_name[i] == 'm';
        strange += length > LONGEST || alike + 1 < length || entry->d_ino < numbers[0];
        seen++;
        last |= unlink(entry->d_name) != 0;
    }
    closedir(directory);
    EQUAL("all of them are told", seen, made);
    EQUAL("as they were given", strange, 0);
    EQUAL("and lead to a file that can be unlinked", last, 0);
    NEED(chdir("..") == 0 && rmdir("alike") == 0);
}

/* Memory that ends within the entries: what fits is told, and the rest when asked again. */
static void entries_at_the_end_of_memory(void)
{
    enum { FILES = 60, RECORD = 32 };
    NEED(mkdir("crowd", 0755) == 0);
    char path[] = "crowd/entry00";
    for (int i = 0; i < FILES; i++) {
        path[11] = '0' + i / 10, path[12] = '0' + i % 10;
        close(open(path, O_CREAT | O_WRONLY, 0644));
    }
    int directory = open("crowd", O_RDONLY | O_DIRECTORY);
    char *memory = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    NEED(directory >= 0 && memory != MAP_FAILED && munmap(memory + PAGE, PAGE) == 0);
    /* `.` and `..` take 24 bytes each. */
    long first = RAW(SYS_getdents64, directory, memory + PAGE - 48 - 30 * RECORD - 9, 2 * PAGE, 0, 0, 0);
    EQUAL("entries until memory ends", first, 48 + 30 * RECORD);
    char *last = memory + PAGE - 9 - RECORD;
    EQUAL("the last of them", memcmp(last + 19, "entry29", 8), 0);
    EQUAL("not even one", RAW(SYS_getdents64, directory, memory + PAGE - 9, PAGE, 0, 0, 0), -EFAULT);
    EQUAL("the rest", RAW(SYS_getdents64, directory, memory, PAGE, 0, 0, 0), 30 * RECORD);
    EQUAL("goes on behind them", memcmp(memory + 19, "entry30", 8), 0);
    EQUAL("there are no more", RAW(SYS_getdents64, directory, memory, PAGE, 0, 0, 0), 0);
    munmap(memory, PAGE), close(directory);
}

static void bad_arguments(void)
{
    struct stat s;
    int fd = open("a", O_RDWR | O_CREAT, 0644), directory = open(".", O_RDONLY | O_DIRECTORY);
    char *bad = (char *)16;
    ERRNO("a path that is nowhere", open(bad, O_RDONLY), EFAULT);
    ERRNO("no path", stat((char *)0, &s), EFAULT);
    EQUAL("a stat that is nowhere", RAW(SYS_fstat, fd, bad, 0, 0, 0, 0), -EFAULT);
    ERRNO("a buffer that is nowhere", write(fd, bad, 8), EFAULT);
    fstat(fd, &s);
    EQUAL("changes nothing", s.st_size, 0);
    write(fd, "1234", 4);
    ERRNO("to read", pread(fd, bad, 8, 0), EFAULT);
    ERRNO("a negative offset", pread(fd, &s, 1, -1), EINVAL);
    ERRNO("one past the last", pwrite(fd, &s, 2, LONG_MAX), EINVAL);
    ERRNO("a negative length", ftruncate(fd, -1), EINVAL);
    ERRNO("a negative position", lseek(fd, -1, SEEK_SET), EINVAL);
    EQUAL("a length past all memory gives what there is", pread(fd, &s, SIZE_MAX >> 1, 0), 4);
    ERRNO("a directory is not read as bytes", read(directory, &s, 1), EISDIR);
    EQUAL("a file has no entries", RAW(SYS_getdents64, fd, &s, sizeof s, 0, 0, 0), -ENOTDIR);
    EQUAL("too little room for an entry", RAW(SYS_getdents64, directory, &s, 8, 0, 0, 0), -EINVAL);
    ERRNO("a file is no directory to begin at", openat(fd, "x", O_RDONLY), ENOTDIR);
    for (int i = 0; i < 3; i++) {
        int closed = (int[]){-1, 1000, INT_MAX}[i];
        ERRNO("no descriptor: fstat", fstat(closed, &s), EBADF);
        ERRNO("no descriptor: openat", openat(closed, "x", O_RDONLY), EBADF);
        ERRNO("no descriptor: ftruncate", ftruncate(closed, 0), EBADF);
        ERRNO("no descriptor: flock", flock(closed, LOCK_SH), EBADF);
        ERRNO("no descriptor: fchdir", fchdir(closed), EBADF);
    }
    int only_read = open("a", O_RDONLY), only_path = open("a", O_PATH);
    ERRNO("not open for writing", write(only_read, "x", 1), EBADF);
    ERRNO("open as a name only", read(only_path, &s, 1), EBADF);
    close(fd), close(directory), close(only_read), close(only_path);
}

int main(void)
{
    NEED(mkdir("/tmp/files", 0755) == 0 && chdir("/tmp/files") == 0);
    names();
    contents();
    directories();
    locking();
    limits();
    devices();
    alike_names();
    entries_at_the_end_of_memory();
    bad_arguments();
    return check_end();
}
