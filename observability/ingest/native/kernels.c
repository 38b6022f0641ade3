/*
 * The two hottest steps of ingest as functions from bytes to bytes: an OTLP request to MessagePack, a text to its search
 * terms. No Python here and no state: memory is what the caller gave and one growing buffer that the caller frees.
 *
 * `native/__init__.py` says what each returns; `otlp/protobuf.py` and `terms.py` do the same in Python, for everything
 * that these leave to them and where this file could not be compiled.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

/* -- what is written ------------------------------------------------------------------------------------------------ */

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

/* -- what is read --------------------------------------------------------------------------------------------------- */

/* A run of bytes of the request. */
struct slice {
    const uint8_t *at;
    size_t size;
};

struct field {
    uint32_t number;
    uint8_t type; /* 0 varint, 1 64 bits, 2 bytes, 5 32 bits */
    uint64_t value;
    struct slice bytes;
};

#define LONGEST_VARINT 10
#define LONGEST_SHORT 5 /* bytes of a tag or size: the parser behind Python refuses a longer one that begins alike */

static int read_varint(struct slice *in, unsigned longest, uint64_t *value) {
    uint64_t found = 0;
    for (unsigned i = 0; i < longest && i < in->size; i++) {
        uint8_t byte = in->at[i];
        if (i == 9 && byte > 1) return 0;
        found |= (uint64_t)(byte & 127) << (7 * i);
        if (byte < 128) {
            *value = found;
            in->at += i + 1;
            in->size -= i + 1;
            return 1;
        }
    }
    return 0;
}

static uint64_t load_little(const uint8_t *at, unsigned size) {
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) value |= (uint64_t)at[i] << (8 * i);
    return value;
}

/* Take the next field off a message: 1, or 0 where it is not plain protobuf. */
static int read_field(struct slice *in, struct field *field) {
    uint64_t tag, size = 0;
    if (!read_varint(in, LONGEST_SHORT, &tag) || tag > UINT32_MAX || tag >> 3 == 0) return 0;
    field->number = (uint32_t)(tag >> 3);
    field->type = tag & 7;
    field->value = 0;
    switch (field->type) {
    case 0:
        field->bytes = (struct slice){in->at, 0};
        return read_varint(in, LONGEST_VARINT, &field->value);
    case 1: size = 8; break;
    case 2:
        if (!read_varint(in, LONGEST_SHORT, &size)) return 0;
        break;
    case 5: size = 4; break;
    default: return 0;
    }
    if (size > in->size) return 0;
    field->bytes = (struct slice){in->at, (size_t)size};
    if (field->type != 2) field->value = load_little(in->at, (unsigned)size);
    in->at += size;
    in->size -= size;
    return 1;
}

static int is_utf8(struct slice text) {
    const uint8_t *at = text.at, *end = text.at + text.size;
    while (at < end) {
        uint64_t word;
        if (end - at >= 8) {
            memcpy(&word, at, 8);
            if ((word & 0x8080808080808080u) == 0) {
                at += 8;
                continue;
            }
        }
        uint8_t first = *at;
        if (first < 0x80) {
            at++;
            continue;
        }
        ptrdiff_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        if (first < 0xc2 || first > 0xf4 || end - at <= more) return 0;
        for (ptrdiff_t i = 1; i <= more; i++)
            if ((at[i] & 0xc0) != 0x80) return 0;
        if ((first == 0xe0 && at[1] < 0xa0) || (first == 0xed && at[1] > 0x9f)) return 0; /* overlong, surrogates */
        if ((first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] > 0x8f)) return 0; /* overlong, beyond Unicode */
        at += more + 1;
    }
    return 1;
}

/* One value of MessagePack, as far as rows and texts have them. */
struct value {
    enum { NOTHING, INTEGER, FLOAT, BYTES, LIST, MAP } kind;
    int64_t number;
    uint64_t bits;      /* of a FLOAT */
    struct slice bytes; /* text as well */
    uint32_t count;     /* of a LIST, or pairs of a MAP */
};

static uint64_t load_big(const uint8_t *at, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) value = value << 8 | at[i];
    return value;
}

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

/* -- OTLP ----------------------------------------------------------------------------------------------------------- */

#define DEEPEST 16             /* lists and maps inside one another; deeper ones are left to Python */
#define LARGEST (256u * 1024u) /* bytes of a span; likewise */
#define MOST_ITEMS 200000u /* these two as in `framing.py`, which counts all fields that hold bytes as well */
#define MOST_GROUPS 10000u

static int put_pairs(struct buffer *out, struct slice message, uint32_t number, int depth);

/* Write an AnyValue; 0 where it is not plain. */
static int put_value(struct buffer *out, struct slice message, int depth) {
    struct field field;
    if (message.size == 0) {
        put_byte(out, NIL);
        return 1;
    }
    if (depth > DEEPEST || !read_field(&message, &field) || message.size != 0) return 0;
    switch (field.number << 3 | field.type) {
    case 1 << 3 | 2:
        if (!is_utf8(field.bytes)) return 0;
        put_text(out, field.bytes.at, field.bytes.size);
        return 1;
    case 2 << 3: put_byte(out, (uint8_t)(FALSE_ + (field.value != 0))); return 1;
    case 3 << 3: put_int(out, (int64_t)field.value); return 1;
    case 4 << 3 | 1:
        if ((field.value >> 52 & 0x7ff) == 0x7ff) return 0; /* NaN and infinities */
        put_u64(out, FLOAT64, field.value);
        return 1;
    case 5 << 3 | 2: {
        uint32_t count = 0;
        size_t head = out->size;
        struct slice values = field.bytes;
        put_u32(out, ARRAY32, 0);
        while (values.size > 0) {
            if (!read_field(&values, &field)) return 0;
            if (field.number != 1) continue;
            if (field.type != 2 || !put_value(out, field.bytes, depth + 1)) return 0;
            count++;
        }
        if (!out->is_broken) store_u32(out->data + head + 1, count);
        return 1;
    }
    case 6 << 3 | 2: return put_pairs(out, field.bytes, 1, depth + 1);
    default: return 0;
    }
}

static int put_pair(struct buffer *out, struct slice pair, int depth) {
    struct field field;
    struct slice key = {pair.at, 0}, value = {pair.at, 0};
    int values = 0;
    while (pair.size > 0) {
        if (!read_field(&pair, &field)) return 0;
        if (field.number > 2) continue;
        if (field.type != 2) return 0;
        if (field.number == 1) key = field.bytes;
        else if (values++) return 0;
        else value = field.bytes;
        if (field.number == 1 && !is_utf8(key)) return 0;
    }
    put_text(out, key.at, key.size);
    return put_value(out, value, depth);
}

/* Write as a map the KeyValue messages that a message holds in one of its fields. */
static int put_pairs(struct buffer *out, struct slice message, uint32_t number, int depth) {
    struct field field;
    uint32_t count = 0;
    size_t head = out->size;
    put_u32(out, MAP32, 0);
    while (message.size > 0) {
        if (!read_field(&message, &field)) return 0;
        if (field.number != number) continue;
        if (field.type != 2 || !put_pair(out, field.bytes, depth)) return 0;
        count++;
    }
    if (!out->is_broken) store_u32(out->data + head + 1, count);
    return 1;
}

struct request {
    const uint8_t *body;
    uint32_t items, groups;
    uint32_t parts;  /* events and links of its spans */
    uint32_t others; /* the index and place of each span that is left to Python */
    struct buffer other;
};

static int is_zero(struct slice bytes) {
    for (size_t i = 0; i < bytes.size; i++)
        if (bytes.at[i] != 0) return 0;
    return 1;
}

/* [time, name, attributes] */
static int put_point(struct buffer *out, struct slice message) {
    struct field field;
    struct slice rest = message, name = {message.at, 0};
    uint64_t time = 0;
    while (rest.size > 0) {
        if (!read_field(&rest, &field)) return 0;
        switch (field.number << 3 | field.type) {
        case 1 << 3 | 1: time = field.value; break;
        case 2 << 3 | 2:
            name = field.bytes;
            if (!is_utf8(name)) return 0;
            break;
        default:
            if (field.number < 3) return 0;
        }
    }
    put_byte(out, 0x93);
    put_uint(out, time);
    put_text(out, name.at, name.size);
    return put_pairs(out, message, 3, 0);
}

/* [trace id, span id, trace state, attributes] */
static int put_link(struct buffer *out, struct slice message) {
    struct field field;
    struct slice rest = message, none = {message.at, 0}, texts[4] = {none, none, none, none};
    while (rest.size > 0) {
        if (!read_field(&rest, &field)) return 0;
        if (field.number > 3) continue;
        if (field.type != 2) return 0;
        texts[field.number] = field.bytes;
        if (field.number == 3 && !is_utf8(field.bytes)) return 0;
    }
    put_byte(out, 0x94);
    put_hex(out, texts[1].at, texts[1].size);
    put_hex(out, texts[2].at, texts[2].size);
    put_text(out, texts[3].at, texts[3].size);
    return put_pairs(out, message, 4, 0);
}

/* Write as a list the messages that a message holds in one of its fields. */
static int put_list(struct buffer *out, struct slice message, uint32_t number, uint32_t count,
                    int (*put_item)(struct buffer *, struct slice)) {
    struct field field;
    put_u32(out, ARRAY32, count);
    while (count > 0 && read_field(&message, &field)) {
        if (field.number != number) continue;
        if (!put_item(out, field.bytes)) return 0;
        count--;
    }
    return count == 0;
}

static int read_status(struct slice message, int32_t *code, struct slice *text) {
    struct field field;
    while (message.size > 0) {
        if (!read_field(&message, &field)) return 0;
        switch (field.number << 3 | field.type) {
        case 2 << 3 | 2:
            *text = field.bytes;
            if (!is_utf8(*text)) return 0;
            break;
        case 3 << 3: *code = (int32_t)field.value; break;
        default:
            if (field.number == 2 || field.number == 3) return 0;
        }
    }
    return 1;
}

/* Write a span as a list; 0 where it is not plain, and is for Python to read or to reject. */
static int put_span(struct buffer *out, struct slice message, struct request *request) {
    struct field field;
    struct slice rest = message, none = {message.at, 0}, texts[6] = {none, none, none, none, none, none};
    struct slice status_text = none;
    uint64_t start = 0, end = 0;
    uint32_t dropped[3] = {0, 0, 0};
    int32_t kind = 0, status = 0;
    uint32_t points = 0, links = 0;
    if (message.size >= LARGEST) return 0;
    while (rest.size > 0) {
        if (!read_field(&rest, &field)) return 0;
        switch (field.number << 3 | field.type) {
        case 1 << 3 | 2:
        case 2 << 3 | 2:
        case 4 << 3 | 2: texts[field.number] = field.bytes; break;
        case 3 << 3 | 2:
        case 5 << 3 | 2:
            texts[field.number] = field.bytes;
            if (!is_utf8(field.bytes)) return 0;
            break;
        case 6 << 3: kind = (int32_t)field.value; break;
        case 7 << 3 | 1: start = field.value; break;
        case 8 << 3 | 1: end = field.value; break;
        case 9 << 3 | 2: break;
        case 10 << 3: dropped[0] = (uint32_t)field.value; break;
        case 11 << 3 | 2: points++; break;
        case 12 << 3: dropped[1] = (uint32_t)field.value; break;
        case 13 << 3 | 2: links++; break;
        case 14 << 3: dropped[2] = (uint32_t)field.value; break;
        case 15 << 3 | 2:
            if (!read_status(field.bytes, &status, &status_text)) return 0;
            break;
        default:
            if (field.number < 16) return 0;
        }
    }
    if (texts[1].size != 16 || is_zero(texts[1]) || texts[2].size != 8 || is_zero(texts[2])) return 0;
    if (texts[4].size != 0 && texts[4].size != 8) return 0;
    request->parts += points + links;
    if (request->parts > MOST_ITEMS) return 0;
    put_byte(out, 0x9e);
    put_hex(out, texts[1].at, 16);
    put_hex(out, texts[2].at, 8);
    if (is_zero(texts[4])) put_text(out, "", 0);
    else put_hex(out, texts[4].at, 8);
    put_text(out, texts[5].at, texts[5].size);
    put_int(out, kind);
    put_uint(out, start);
    put_uint(out, end);
    if (!put_pairs(out, message, 9, 0)) return 0;
    put_int(out, status);
    put_text(out, status_text.at, status_text.size);
    put_text(out, texts[3].at, texts[3].size);
    if (!put_list(out, message, 11, points, put_point)) return 0;
    if (!put_list(out, message, 13, links, put_link)) return 0;
    if (dropped[0] == 0 && dropped[1] == 0 && dropped[2] == 0) {
        put_byte(out, NIL);
        return 1;
    }
    put_byte(out, 0x83);
    put_text(out, "attributes", 10);
    put_uint(out, dropped[0]);
    put_text(out, "events", 6);
    put_uint(out, dropped[1]);
    put_text(out, "links", 5);
    put_uint(out, dropped[2]);
    return 1;
}

/* [start, end] in the request's body */
static void put_slice(struct buffer *out, struct slice part, const uint8_t *body) {
    put_byte(out, 0x92);
    put_uint(out, (uint64_t)(part.at - body));
    put_uint(out, (uint64_t)(part.at - body) + part.size);
}

/* Read what a holder or group of at most so many fields has once each: its description (1) and its schema url (3). */
static int read_heads(struct slice message, uint32_t most, struct slice heads[2]) {
    struct field field;
    int seen[2] = {0, 0};
    heads[0] = heads[1] = (struct slice){message.at, 0};
    while (message.size > 0) {
        if (!read_field(&message, &field) || (field.type == 2 && most-- == 0)) return 0;
        if (field.number > 3) continue;
        if (field.type != 2) return 0;
        if (field.number == 2) continue;
        if (seen[field.number >> 1]++) return 0;
        heads[field.number >> 1] = field.bytes;
    }
    return 1;
}

/* [scope, schema url, first index, count, [span...]] */
static int put_group(struct buffer *out, struct slice message, struct request *request) {
    struct field field;
    struct slice heads[2];
    uint32_t first = request->items, spans = 0;
    if (++request->groups > MOST_GROUPS || !read_heads(message, MOST_ITEMS, heads)) return 0;
    size_t start = out->size;
    put_byte(out, 0x95);
    put_slice(out, heads[0], request->body);
    put_slice(out, heads[1], request->body);
    put_uint(out, first);
    size_t head = out->size;
    put_u32(out, UINT32, 0);
    put_u32(out, ARRAY32, 0);
    while (message.size > 0) {
        if (!read_field(&message, &field)) return 0;
        if (field.number != 2) continue;
        if (request->items == MOST_ITEMS) return 0;
        size_t before = out->size;
        if (put_span(out, field.bytes, request)) {
            spans++;
        } else {
            out->size = before < out->size ? before : out->size;
            put_uint(&request->other, request->items);
            put_slice(&request->other, field.bytes, request->body);
            request->others++;
        }
        request->items++;
    }
    if (out->is_broken || request->parts > MOST_ITEMS) return 0;
    store_u32(out->data + head + 1, request->items - first);
    store_u32(out->data + head + 6, spans);
    if (request->items == first) out->size = start;
    return 1;
}

/* [resource, schema url, [group...]] */
static int put_holder(struct buffer *out, struct slice message, struct request *request) {
    struct field field;
    struct slice heads[2];
    uint32_t groups = 0;
    if (!read_heads(message, MOST_GROUPS, heads)) return 0;
    put_byte(out, 0x93);
    put_slice(out, heads[0], request->body);
    put_slice(out, heads[1], request->body);
    size_t head = out->size;
    put_u32(out, ARRAY32, 0);
    while (message.size > 0) {
        if (!read_field(&message, &field)) return 0;
        if (field.number != 2) continue;
        size_t before = out->size;
        if (!put_group(out, field.bytes, request)) return 0;
        groups += out->size > before;
    }
    if (out->is_broken) return 0;
    store_u32(out->data + head + 1, groups);
    return 1;
}

static int put_request(struct buffer *out, struct slice body, struct request *request) {
    struct field field;
    uint32_t holders = 0, fields = 0;
    put_byte(out, 0x92);
    size_t head = out->size;
    put_u32(out, ARRAY32, 0);
    while (body.size > 0) {
        if (!read_field(&body, &field) || (field.type == 2 && ++fields > MOST_GROUPS)) return 0;
        if (field.number != 1) continue;
        if (field.type != 2 || !put_holder(out, field.bytes, request)) return 0;
        holders++;
    }
    put_u32(out, MAP32, request->others);
    put(out, request->other.data, request->other.size);
    if (out->is_broken || request->other.is_broken) return 0;
    store_u32(out->data + head + 1, holders);
    return 1;
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

/* ExportTraceServiceRequest to [[holder...], {index: place}], or NULL where it is for Python to read. */
EXPORT uint8_t *playhead_spans(const uint8_t *body, size_t body_size, size_t *size) {
    struct buffer out = make_buffer(body_size + 1024);
    struct request request = {body, 0, 0, 0, 0, {NULL, 0, 0, 0}};
    int is_good = body_size <= UINT32_MAX && put_request(&out, (struct slice){body, body_size}, &request);
    free(request.other.data);
    return finish(&out, is_good, size);
}

/* -- search terms --------------------------------------------------------------------------------------------------- */

#define LONGEST 64u      /* characters of a term */
#define MOST_TERMS 4096u /* of one text */
#define NOISE_RATIO 8u   /* characters to a hump, on average, below which a text is encoded data */
#define END_OF_TERM 3u   /* zeros behind a term: the end of a lexeme, and a count of no positions */
#define MOST_PROBES 128u /* for a place in a table: honest terms take under 20; the time of others must have a bound */
#define MOST_SLOTS 8192u /* a power of two, twice what MOST_TERMS takes */
#define SLACK 8u         /* zeros behind folded text, so that its last word can be read by eights */

struct term {
    uint64_t key; /* what terms are sorted by: the first eight bytes, the first of them highest */
    const uint8_t *at;
    size_t size;
};

struct terms {
    struct term found[MOST_TERMS + 1];
    uint32_t count, last; /* the last slot: their number is a power of two */
    uint32_t *slots;      /* the place of a term in `found`, and 1; 0 is empty */
    int is_hopeless;
};

/* Sort by the lowest bytes of the keys, so many of them; `room` is for as many terms. Takes as long whatever they are. */
static void sort_by_key(struct term *terms, struct term *room, size_t count, unsigned bytes) {
    struct term *from = terms, *to = room;
    for (unsigned byte = 0; byte < bytes; byte++) {
        size_t places[256] = {0}, at = 0;
        for (size_t i = 0; i < count; i++) places[from[i].key >> 8 * byte & 255]++;
        if (count > 0 && places[from[0].key >> 8 * byte & 255] == count) continue;
        for (int value = 0; value < 256; value++) {
            size_t many = places[value];
            places[value] = at;
            at += many;
        }
        for (size_t i = 0; i < count; i++) to[places[from[i].key >> 8 * byte & 255]++] = from[i];
        struct term *swap = from;
        from = to;
        to = swap;
    }
    if (from != terms) memcpy(terms, from, count * sizeof *terms);
}

static int compare_terms(const void *one, const void *other) {
    const struct term *a = one, *b = other;
    int order = memcmp(a->at, b->at, a->size < b->size ? a->size : b->size);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

/* Sort terms as Postgres does, which then need not: by their bytes, a beginning before what it begins. */
static void sort_terms(struct term *terms, struct term *room, size_t count) {
    sort_by_key(terms, room, count, 8);
    for (size_t start = 0, end; start < count; start = end) {
        for (end = start + 1; end < count && terms[end].key == terms[start].key; end++) {}
        if (end - start > 1) qsort(terms + start, end - start, sizeof *terms, compare_terms);
    }
}

/* Small letters, digits and underscores as they are, capitals as small letters, and anything else as 0. */
static uint8_t fold(uint8_t byte) {
    if ((uint8_t)(byte - 'A') < 26) return (uint8_t)(byte | 32);
    return (uint8_t)(byte - 'a') < 26 || (uint8_t)(byte - '0') < 10 || byte == '_' ? byte : 0;
}

/* Tell whether a part of a name begins here: a capital after a small letter or a digit. */
static int is_hump(const uint8_t *at) {
    return (uint8_t)(at[0] - 'A') < 26 && ((uint8_t)(at[-1] - 'a') < 26 || (uint8_t)(at[-1] - '0') < 10);
}

static uint64_t load_eight(const uint8_t *at) {
    uint64_t word = 0;
    for (int i = 0; i < 8; i++) word = word << 8 | at[i];
    return word;
}

/* Add a term of folded text, if it is new and there are not too many. */
static void add_term(struct terms *terms, const uint8_t *at, size_t size) {
    if (size > LONGEST) size = LONGEST;
    if (size == 0 || terms->count > MOST_TERMS) return;
    uint64_t key = load_eight(at), hash;
    if (size < 8) key &= ~(UINT64_MAX >> 8 * size);
    hash = (key ^ key >> 32 ^ size) * 0x9e3779b97f4a7c15u;
    for (size_t i = 8; i < size; i += 8) {
        uint64_t word = load_eight(at + i);
        if (size - i < 8) word &= ~(UINT64_MAX >> 8 * (size - i));
        hash = (hash ^ hash >> 32 ^ word) * 0x9e3779b97f4a7c15u;
    }
    hash = (hash ^ hash >> 29) * 0xbf58476d1ce4e5b9u;
    uint32_t slot = (uint32_t)(hash >> 32) & terms->last;
    for (uint32_t probes = 0; terms->slots[slot] != 0; slot = (slot + 1) & terms->last) {
        const struct term *known = terms->found + terms->slots[slot] - 1;
        if (known->key == key && known->size == size && memcmp(known->at, at, size) == 0) return;
        if (++probes > MOST_PROBES) {
            terms->is_hopeless = 1;
            return;
        }
    }
    terms->found[terms->count++] = (struct term){key, at, size};
    terms->slots[slot] = terms->count;
}

/* Add the parts of a word that underscores divide, and those that humps do. */
static void add_parts(struct terms *terms, const uint8_t *text, const uint8_t *folded, size_t size, int is_noise) {
    size_t start = 0, hump = 0;
    int has_hump = 0, has_bar = 0;
    for (size_t i = 0; i <= size; i++) {
        int is_bar = i < size && folded[i] == '_';
        has_bar |= is_bar;
        if (i == size || is_bar) {
            if (has_hump) add_term(terms, folded + hump, i - hump);
            if (has_bar) add_term(terms, folded + start, i - start);
            start = hump = i + 1;
            has_hump = 0;
        } else if (!is_noise && i > start && is_hump(text + i)) {
            add_term(terms, folded + hump, i - hump);
            hump = i;
            has_hump = 1;
        }
    }
}

/* Add the words of a text; then, as a text may have too many, their parts. `names` has room for half of its bytes. */
static void add_words(struct terms *terms, const uint8_t *text, uint8_t *folded, size_t size, struct slice *names) {
    size_t start = 0, humps = 0, count = 0;
    int is_name = 0;
    for (size_t i = 0; i <= size; i++) {
        uint8_t byte = i < size ? fold(text[i]) : 0;
        folded[i] = byte;
        if (byte != 0) {
            int hump = i > start && is_hump(text + i);
            humps += (size_t)hump;
            is_name |= hump | (byte == '_');
            continue;
        }
        if (i > start && terms->count < MOST_TERMS) add_term(terms, folded + start, i - start);
        if (is_name) names[count++] = (struct slice){folded + start, i - start};
        start = i + 1;
        is_name = 0;
    }
    uint32_t words = terms->count;
    for (size_t i = 0; i < count; i++)
        add_parts(terms, text + (names[i].at - folded), names[i].at, names[i].size, humps * NOISE_RATIO > size);
    if (terms->count > MOST_TERMS) terms->count = words;
}

/* Resolve the escapes of JSON text that may be cut off anywhere; 0 where it has others than the usual, or is not ASCII. */
static int put_unescaped(struct buffer *out, struct slice json) {
    uint8_t *to = extend(out, json.size);
    const uint8_t *at = json.at, *end = json.at + json.size;
    if (to == NULL) return 0;
    while (at < end) {
        uint8_t byte = *at++;
        if (byte == '\\') {
            if (at == end) break; /* cut off */
            switch (byte = *at++) {
            case '\\':
            case '"':
            case '/': break;
            case 'n': byte = '\n'; break;
            case 'r': byte = '\r'; break;
            case 't': byte = '\t'; break;
            default: return 0;
            }
        } else if (byte >= 128 || (byte < ' ' && byte != '\n' && byte != '\r' && byte != '\t')) {
            return 0;
        }
        *to++ = byte;
    }
    out->size = (size_t)(to - out->data);
    return 1;
}

/* Write texts, a MessagePack list of plain ones (str) and JSON (bin), under one another. */
static int put_texts(struct buffer *out, struct slice texts) {
    struct value value;
    if (!read_value(&texts, &value) || value.kind != LIST) return 0;
    for (uint32_t i = 0, count = value.count; i < count; i++) {
        if (i > 0) put_byte(out, '\n');
        int is_json = texts.size > 0 && texts.at[0] >= 0xc4 && texts.at[0] <= 0xc6;
        if (!read_value(&texts, &value) || value.kind != BYTES) return 0;
        if (!is_json) put(out, value.bytes.at, value.bytes.size);
        else if (!put_unescaped(out, value.bytes)) return 0;
    }
    return 1;
}

static int is_ascii(struct slice text) {
    uint8_t bits = 0;
    for (size_t i = 0; i < text.size; i++) bits |= text.at[i];
    return bits < 128;
}

/* The distinct terms of texts in order, each with three zeros behind it; NULL where one is not ASCII, or made to take
 * long. */
EXPORT uint8_t *playhead_terms(const uint8_t *given, size_t given_size, size_t *size) {
    struct buffer out = make_buffer(given_size + 256), text = make_buffer(given_size + 1);
    int is_good = given_size <= UINT32_MAX / 8 && put_texts(&text, (struct slice){given, given_size}) &&
                  !text.is_broken && is_ascii((struct slice){text.data, text.size});
    /* Texts have a word for six characters; where one has more than there are slots, it is given up. */
    uint32_t slots = 64;
    while (is_good && slots < MOST_SLOTS && slots < text.size / 2) slots *= 2;
    struct terms *terms = is_good ? malloc(sizeof *terms) : NULL;
    struct term *room = is_good ? malloc(sizeof terms->found) : NULL;
    uint32_t *table = is_good ? calloc(slots, sizeof *table) : NULL;
    uint8_t *folded = is_good ? calloc(1, text.size + 1 + SLACK) : NULL;
    struct slice *names = is_good ? malloc((text.size / 2 + 1) * sizeof *names) : NULL;
    is_good = terms != NULL && room != NULL && table != NULL && folded != NULL && names != NULL;
    if (is_good) {
        terms->count = 0;
        terms->last = slots - 1;
        terms->slots = table;
        terms->is_hopeless = 0;
        add_words(terms, text.data, folded, text.size, names);
        sort_terms(terms->found, room, terms->count);
        for (uint32_t i = 0; i < terms->count; i++) {
            put(&out, terms->found[i].at, terms->found[i].size);
            put(&out, "\0\0", END_OF_TERM);
        }
        is_good = !terms->is_hopeless;
    }
    free(terms);
    free(room);
    free(table);
    free(folded);
    free(names);
    free(text.data);
    return finish(&out, is_good, size);
}

static uint32_t crc32(const uint8_t *bytes, size_t size) {
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static void sort_numbers(uint32_t *numbers, uint32_t *room, size_t count) {
    for (unsigned shift = 0; shift < 32; shift += 8) {
        size_t places[256] = {0}, at = 0;
        for (size_t i = 0; i < count; i++) places[numbers[i] >> shift & 255]++;
        for (int value = 0; value < 256; value++) {
            size_t many = places[value];
            places[value] = at;
            at += many;
        }
        for (size_t i = 0; i < count; i++) room[places[numbers[i] >> shift & 255]++] = numbers[i];
        uint32_t *swap = numbers;
        numbers = room;
        room = swap;
    }
}

/* The distinct hashes of terms in order, as elements of a binary int4[]: their length, which is 4, and their value. */
EXPORT uint8_t *playhead_hashes(const uint8_t *terms, size_t terms_size, size_t *size) {
    size_t most = terms_size / (END_OF_TERM + 1) + 1, count = 0;
    uint32_t *hashes = malloc(2 * most * sizeof *hashes);
    struct buffer out = make_buffer(8 * most);
    for (size_t at = 0; hashes != NULL && at < terms_size && count < most;) {
        const uint8_t *end = memchr(terms + at, 0, terms_size - at);
        size_t length = end == NULL ? terms_size - at : (size_t)(end - terms) - at;
        hashes[count++] = crc32(terms + at, length);
        at += length + END_OF_TERM;
    }
    if (hashes != NULL) sort_numbers(hashes, hashes + most, count);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && hashes[i] == hashes[i - 1]) continue;
        put_big(&out, 4, 4);
        put_big(&out, hashes[i] ^ 0x80000000u, 4);
    }
    free(hashes);
    return finish(&out, hashes != NULL, size);
}

/* -- previews ------------------------------------------------------------------------------------------------------- */

#define PREVIEW 200u      /* characters, with the ellipsis that ends a longer text */
#define HEAD 808u         /* bytes that are looked at for them */
#define ROLE_WITHIN 4096u /* bytes of a conversation within which it names a role */

static int is_blank(uint8_t byte) { return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t'; }

/* Put a text on one line with single spaces; return its new size. */
static size_t join_lines(uint8_t *text, size_t size) {
    size_t end = 0;
    for (size_t i = 0; i < size; i++) {
        if (!is_blank(text[i])) text[end++] = text[i];
        else if (end > 0 && text[end - 1] != ' ') text[end++] = ' ';
    }
    return end > 0 && text[end - 1] == ' ' ? end - 1 : end;
}

static int may_be_conversation(struct slice json) {
    const uint8_t *end = json.at + (json.size < ROLE_WITHIN ? json.size : ROLE_WITHIN);
    for (const uint8_t *at = json.at; end - at >= 4; at++) {
        at = memchr(at, 'r', (size_t)(end - at) - 3);
        if (at == NULL) return 0;
        if (memcmp(at, "role", 4) == 0) return 1;
    }
    return 0;
}

/* Write the beginning of a JSON value for people as text, or nil where it is not plain. */
static void put_preview(struct buffer *out, struct slice json) {
    uint8_t room[HEAD];
    struct buffer text = {room, 0, HEAD, 0};
    int is_whole = json.size <= HEAD;
    if (may_be_conversation(json) || !put_unescaped(&text, (struct slice){json.at, is_whole ? json.size : HEAD})) {
        put_byte(out, NIL);
        return;
    }
    const uint8_t *from = room;
    size_t size = join_lines(room, text.size < 2 * PREVIEW ? text.size : 2 * PREVIEW);
    if (size > 0 && *from == '"') {
        from++;
        size--;
        if (is_whole && size > 0) size--;
        for (; size > 0 && *from == ' '; size--) from++;
        for (; size > 0 && from[size - 1] == ' '; size--) {}
    }
    if (is_whole && size <= PREVIEW) {
        put_text(out, from, size);
        return;
    }
    size = size < PREVIEW - 1 ? size : PREVIEW - 1;
    put_u32(out, STR32, (uint32_t)size + 3);
    put(out, from, size);
    put(out, "\xe2\x80\xa6", 3);
}

/* The previews of JSON values: a MessagePack list to another, with nil where Python is to make one. */
EXPORT uint8_t *playhead_previews(const uint8_t *values, size_t values_size, size_t *size) {
    struct buffer out = make_buffer(values_size / 4 + 1024);
    struct slice rest = {values, values_size};
    struct value value;
    int is_good = read_value(&rest, &value) && value.kind == LIST;
    put_u32(&out, ARRAY32, is_good ? value.count : 0);
    for (uint32_t count = is_good ? value.count : 0; is_good && count > 0; count--) {
        is_good = read_value(&rest, &value) && (value.kind == BYTES || value.kind == NOTHING);
        if (is_good && value.kind == BYTES) put_preview(&out, value.bytes);
        else put_byte(&out, NIL);
    }
    return finish(&out, is_good, size);
}

/* -- rows ----------------------------------------------------------------------------------------------------------- */

#define EPOCH_US 946684800000000 /* microseconds from 1970 to 2000, where Postgres counts from */

/* A length, then the bytes: how binary COPY has any value. */
static int put_field(struct buffer *out, struct slice bytes) {
    if (bytes.size > INT32_MAX) return 0;
    put_big(out, bytes.size, 4);
    put(out, bytes.at, bytes.size);
    return 1;
}

static int put_number(struct buffer *out, uint64_t value, size_t size) {
    put_big(out, size, 4);
    put_big(out, value, size);
    return 1;
}

#define TEXT_OID 25

/* A text[] of one dimension. */
static int put_text_array(struct buffer *out, struct slice *in, uint32_t count) {
    struct value value;
    size_t head = out->size;
    const uint32_t parts[6] = {0, count > 0, 0, TEXT_OID, count, 1};
    for (int i = 0; i < (count > 0 ? 6 : 4); i++) put_big(out, parts[i], 4);
    for (; count > 0; count--)
        if (!read_value(in, &value) || value.kind != BYTES || !put_field(out, value.bytes)) return 0;
    if (!out->is_broken) store_u32(out->data + head, (uint32_t)(out->size - head - 4));
    return 1;
}

/* Write a value as a column of this type; 0 where it does not fit one. */
static int put_column(struct buffer *out, struct slice *in, uint8_t type) {
    struct value value;
    if (!read_value(in, &value)) return 0;
    if (value.kind == NOTHING) {
        put_big(out, UINT32_MAX, 4);
        return 1;
    }
    switch (type) {
    case 'i': /* int4 */
        if (value.kind != INTEGER || value.number > INT32_MAX || value.number < INT32_MIN) return 0;
        return put_number(out, (uint64_t)value.number, 4);
    case 'b': /* int8 */ return value.kind == INTEGER && put_number(out, (uint64_t)value.number, 8);
    case 't': /* timestamptz, from microseconds since 1970 */
        if (value.kind != INTEGER || value.number < INT64_MIN + EPOCH_US) return 0;
        return put_number(out, (uint64_t)(value.number - EPOCH_US), 8);
    case 'f': /* float8 */ return value.kind == FLOAT && put_number(out, value.bits, 8);
    case 's': /* text, bytea, and what is in its binary form already */
        return value.kind == BYTES && put_field(out, value.bytes);
    case 'a': /* text[] */ return value.kind == LIST && put_text_array(out, in, value.count);
    default: return 0;
    }
}

/* Rows, a MessagePack list of lists, to binary COPY; `types` has a letter for each column. NULL where one does not fit. */
EXPORT uint8_t *playhead_rows(const uint8_t *rows, size_t rows_size, const uint8_t *types, size_t type_count,
                              size_t *size) {
    struct buffer out = make_buffer(2 * rows_size + 1024);
    struct slice rest = {rows, rows_size};
    struct value value = {0};
    int is_good = read_value(&rest, &value) && value.kind == LIST && type_count <= INT16_MAX;
    put(&out, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
    for (uint32_t count = value.count; is_good && count > 0; count--) {
        is_good = read_value(&rest, &value) && value.kind == LIST && value.count == type_count;
        put_big(&out, type_count, 2);
        for (size_t i = 0; is_good && i < type_count; i++) is_good = put_column(&out, &rest, types[i]);
    }
    put_big(&out, UINT16_MAX, 2);
    return finish(&out, is_good, size);
}
