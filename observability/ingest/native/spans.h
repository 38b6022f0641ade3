/* OTLP trace requests, after opentelemetry-proto 1.x, to MessagePack. */

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

/* ExportTraceServiceRequest to [[holder...], {index: place}], or NULL where it is for Python to read. */
EXPORT uint8_t *playhead_spans(const uint8_t *body, size_t body_size, size_t *size) {
    struct buffer out = make_buffer(body_size + 1024);
    struct request request = {body, 0, 0, 0, 0, {NULL, 0, 0, 0}};
    int is_good = body_size <= UINT32_MAX && put_request(&out, (struct slice){body, body_size}, &request);
    free(request.other.data);
    return finish(&out, is_good, size);
}
