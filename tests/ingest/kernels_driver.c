/*
 * Calls functions of `kernels.c` under sanitizers, for `test_native_memory.py`.
 *
 * Reads cases from standard input, each the number of the allocation that is to fail (0 for none), a name and two byte
 * strings; these three have their size before them. A function that takes one string gets the first. Writes for each
 * what came of it behind its size, or a size of 2^32 - 1 for NULL. Numbers have 32 bits, in the machine's order.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t allocations, failing;

static int fails(void) { return ++allocations == failing; }
static void *try_malloc(size_t size) { return fails() ? NULL : malloc(size); }
static void *try_calloc(size_t count, size_t size) { return fails() ? NULL : calloc(count, size); }
static void *try_realloc(void *data, size_t size) { return fails() ? NULL : realloc(data, size); }

#define malloc try_malloc
#define calloc try_calloc
#define realloc try_realloc
#include KERNELS
#undef malloc
#undef calloc
#undef realloc

static const struct {
    const char *name;
    uint8_t *(*of_one)(const uint8_t *, size_t, size_t *);
    uint8_t *(*of_two)(const uint8_t *, size_t, const uint8_t *, size_t, size_t *);
} functions[] = {
    {"playhead_spans", playhead_spans, NULL},
    {"playhead_terms", playhead_terms, NULL},
    {"playhead_hashes", playhead_hashes, NULL},
    {"playhead_previews", playhead_previews, NULL},
    {"playhead_rows", NULL, playhead_rows},
};

static void stop(const char *reason) {
    fprintf(stderr, "%s\n", reason);
    exit(2);
}

static int read_number(uint32_t *number) { return fread(number, sizeof *number, 1, stdin) == 1; }

/* Read bytes into memory of just their size: one byte further is an error. */
static uint8_t *read_bytes(uint32_t *size) {
    if (!read_number(size)) stop("no size");
    uint8_t *bytes = malloc(*size);
    if (fread(bytes, 1, *size, stdin) != *size) stop("too few bytes");
    return bytes;
}

static size_t find_function(const uint8_t *name, uint32_t size) {
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strlen(functions[i].name) == size && memcmp(functions[i].name, name, size) == 0) return i;
    stop("no such function");
    return 0;
}

int main(void) {
    uint32_t name_size, first_size, second_size;
    while (read_number(&failing)) {
        uint8_t *name = read_bytes(&name_size);
        size_t function = find_function(name, name_size);
        uint8_t *first = read_bytes(&first_size), *second = read_bytes(&second_size);
        size_t size = 0;
        allocations = 0;
        uint8_t *found = functions[function].of_one != NULL
                             ? functions[function].of_one(first, first_size, &size)
                             : functions[function].of_two(first, first_size, second, second_size, &size);
        uint32_t found_size = found == NULL ? UINT32_MAX : (uint32_t)size;
        fwrite(&found_size, sizeof found_size, 1, stdout);
        if (found != NULL) fwrite(found, 1, size, stdout);
        playhead_free(found);
        free(first);
        free(second);
        free(name);
    }
    return 0;
}
