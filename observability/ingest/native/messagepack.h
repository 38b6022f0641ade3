/* MessagePack, as far as spans, texts and rows need it: what is written of it, and what is read. */

/* A MessagePack type byte and 32 or 64 bits, big-endian. */
static void put_u32(struct buffer *out, uint8_t type, uint32_t value) {
    uint8_t *end = extend(out, 5);
    if (end == NULL) return;
    end[0] = type;
    store_u32(end + 1, value);
}

static void put_u64(struct buffer *out, uint8_t type, uint64_t value) {
    uint8_t *end = extend(out, 9);
    if (end == NULL) return;
    end[0] = type;
    store_u32(end + 1, (uint32_t)(value >> 32));
    store_u32(end + 5, (uint32_t)value);
}

#define NIL 0xc0
#define FALSE_ 0xc2
#define FLOAT64 0xcb
#define UINT32 0xce
#define UINT64 0xcf
#define INT64 0xd3
#define STR32 0xdb
#define ARRAY32 0xdd
#define MAP32 0xdf

static void put_uint(struct buffer *out, uint64_t value) {
    if (value < 128) put_byte(out, (uint8_t)value);
    else put_u64(out, UINT64, value);
}

static void put_int(struct buffer *out, int64_t value) {
    if (value >= 0) put_uint(out, (uint64_t)value);
    else put_u64(out, INT64, (uint64_t)value);
}

static void put_text(struct buffer *out, const void *text, size_t size) {
    if (size < 32) put_byte(out, (uint8_t)(0xa0 | size));
    else put_u32(out, STR32, (uint32_t)size);
    put(out, text, size);
}

static void put_hex(struct buffer *out, const uint8_t *bytes, size_t size) {
    static const char digits[] = "0123456789abcdef";
    if (2 * size < 32) put_byte(out, (uint8_t)(0xa0 | 2 * size));
    else put_u32(out, STR32, (uint32_t)(2 * size));
    uint8_t *end = extend(out, 2 * size);
    if (end == NULL) return;
    for (size_t i = 0; i < size; i++) {
        end[2 * i] = (uint8_t)digits[bytes[i] >> 4];
        end[2 * i + 1] = (uint8_t)digits[bytes[i] & 15];
    }
}

/* One value of MessagePack, as far as rows and texts have them. */
struct value {
    enum { NOTHING, INTEGER, FLOAT, BYTES, LIST, MAP } kind;
    int64_t number;
    uint64_t bits;      /* of a FLOAT */
    struct slice bytes; /* text as well */
    uint32_t count;     /* of a LIST, or pairs of a MAP */
};

/* Take the next value, of a list or map only its head; 0 where it is none of these. */
static int read_value(struct slice *in, struct value *value) {
    static const uint8_t heads[32] = {/* bytes after the type byte, from 0xc0 on; 255 is none of these */
                                      0, 255, 0, 0, 1, 2, 4, 255, 255, 255, 255, 8, 1, 2, 4, 8,
                                      1, 2,   4, 8, 255, 255, 255, 255, 255, 1, 2, 4, 2, 4, 2, 4};
    if (in->size == 0) return 0;
    uint8_t type = in->at[0];
    size_t head = type >= 0xc0 && type < 0xe0 ? heads[type - 0xc0] : 0, size = 0;
    if (head == 255 || in->size - 1 < head) return 0;
    uint64_t found = load_big(in->at + 1, head);
    in->at += 1 + head;
    in->size -= 1 + head;
    *value = (struct value){.kind = INTEGER};
    if (type < 0x80) value->number = type;
    else if (type >= 0xe0) value->number = (int8_t)type;
    else if (type < 0x90 || type == 0xde || type == 0xdf) {
        value->kind = MAP;
        value->count = type < 0x90 ? type & 15 : (uint32_t)found;
    } else if (type < 0xa0 || type == 0xdc || type == 0xdd) {
        value->kind = LIST;
        value->count = type < 0xa0 ? type & 15 : (uint32_t)found;
    } else if (type == NIL) value->kind = NOTHING;
    else if (type == FALSE_ || type == FALSE_ + 1) value->number = type - FALSE_;
    else if (type == FLOAT64) {
        value->kind = FLOAT;
        value->bits = found;
    } else if (type >= 0xcc && type <= 0xcf) {
        if (found > INT64_MAX) return 0;
        value->number = (int64_t)found;
    } else if (type >= 0xd0 && type <= 0xd3) {
        unsigned unused = 64 - 8 * (unsigned)head;
        value->number = (int64_t)(found << unused) >> unused;
    } else {
        value->kind = BYTES;
        size = type < 0xc0 ? type & 31 : (size_t)found;
        if (size > in->size) return 0;
        value->bytes = (struct slice){in->at, size};
        in->at += size;
        in->size -= size;
    }
    return 1;
}
