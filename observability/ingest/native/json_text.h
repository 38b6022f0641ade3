/* JSON values as text. */

static int is_blank(uint8_t byte) { return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t'; }

/* Tell whether eight bytes are plain: no escape begins in them, and none is a control character or not ASCII. */
static int are_plain(const uint8_t *at) {
    const uint64_t ones = UINT64_MAX / 255, highest = ones * 128;
    uint64_t eight;
    memcpy(&eight, at, 8);
    /* Of bytes below 128, subtracting reaches into the highest bit of the first that is too small. */
    return ((eight | (eight - ones * ' ') | ((eight ^ ones * '\\') - ones)) & highest) == 0;
}

/* Resolve the escapes of JSON text that may be cut off anywhere; 0 where it has others than the usual, or is not ASCII. */
static int put_unescaped(struct buffer *out, struct slice json) {
    uint8_t *to = extend(out, json.size);
    const uint8_t *at = json.at, *end = json.at + json.size;
    if (to == NULL) return 0;
    while (at < end) {
        for (; end - at >= 8 && are_plain(at); at += 8, to += 8) memcpy(to, at, 8);
        const uint8_t *stop = end - at < 8 ? end : at + 8;
        while (at < stop && *at != '\\') {
            uint8_t byte = *at++;
            if (byte >= 128 || (byte < ' ' && !is_blank(byte))) return 0;
            *to++ = byte;
        }
        if (at == stop) continue;
        if (end - at < 2) break; /* cut off */
        switch (at[1]) {
        case '\\':
        case '"':
        case '/': *to++ = at[1]; break;
        case 'n': *to++ = '\n'; break;
        case 'r': *to++ = '\r'; break;
        case 't': *to++ = '\t'; break;
        default: return 0;
        }
        at += 2;
    }
    out->size = (size_t)(to - out->data);
    return 1;
}
