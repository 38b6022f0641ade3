/* The fields of protobuf messages. */

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
