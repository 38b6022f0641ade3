/* What all of this reads from and writes to. */

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

struct buffer {
    uint8_t *data;
    size_t size, room;
    int is_broken; /* out of memory, or given up; nothing is written any more */
};

/* Return where `size` more bytes go, or NULL without memory for them. */
static uint8_t *extend(struct buffer *out, size_t size) {
    if (out->is_broken) return NULL;
    if (size > out->room - out->size) {
        size_t room = out->room * 2 > out->size + size ? out->room * 2 : out->size + size;
        uint8_t *data = realloc(out->data, room);
        if (data == NULL) {
            out->is_broken = 1;
            return NULL;
        }
        out->data = data;
        out->room = room;
    }
    uint8_t *end = out->data + out->size;
    out->size += size;
    return end;
}

static void put(struct buffer *out, const void *bytes, size_t size) {
    uint8_t *end = extend(out, size);
    if (end != NULL && size > 0) memcpy(end, bytes, size);
}

static void put_byte(struct buffer *out, uint8_t byte) { put(out, &byte, 1); }

static void store_u32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put_big(struct buffer *out, uint64_t value, size_t size) {
    uint8_t *end = extend(out, size);
    if (end == NULL) return;
    for (size_t i = 0; i < size; i++) end[i] = (uint8_t)(value >> 8 * (size - 1 - i));
}

/* A run of bytes of the request. */
struct slice {
    const uint8_t *at;
    size_t size;
};

static uint64_t load_big(const uint8_t *at, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) value = value << 8 | at[i];
    return value;
}

/* Load eight bytes, the first of them highest. */
static uint64_t load_eight(const uint8_t *at) {
    uint64_t word;
    memcpy(&word, at, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

EXPORT void playhead_free(uint8_t *data) { free(data); }

/* Give the buffer's memory to the caller; without any result, free it. */
static uint8_t *finish(struct buffer *out, int is_good, size_t *size) {
    if (is_good && !out->is_broken) {
        *size = out->size;
        return out->data;
    }
    free(out->data);
    *size = 0;
    return NULL;
}

static struct buffer make_buffer(size_t room) {
    struct buffer out = {malloc(room), 0, room, 0};
    if (out.data == NULL) out.is_broken = 1;
    return out;
}
