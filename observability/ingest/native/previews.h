/* How JSON values begin, for people. */

#define PREVIEW 200u      /* characters, with the ellipsis that ends a longer text */
#define HEAD 808u         /* bytes that are looked at for them */
#define ROLE_WITHIN 4096u /* bytes of a conversation within which it names a role */

/* Put a text on one line with single spaces; return its new size. */
static size_t join_lines(uint8_t *text, size_t size) {
    size_t end = 0;
    for (size_t i = 0; i < size; i++) {
        if (!is_blank(text[i])) text[end++] = text[i];
        else if (end > 0 && text[end - 1] != ' ') text[end++] = ' ';
    }
    return end > 0 && text[end - 1] == ' ' ? end - 1 : end;
}

/* Look for `role`, some places at a time and without a jump: compilers make one instruction of sixteen places. */
static int may_be_conversation(struct slice json) {
    size_t size = json.size < ROLE_WITHIN ? json.size : ROLE_WITHIN;
    for (size_t start = 0, end; start + 4 <= size; start = end) {
        const uint8_t *at = json.at;
        uint8_t hits = 0;
        end = size - 3 - start < 256 ? size - 3 : start + 256;
        for (size_t i = start; i < end; i++)
            hits |= (uint8_t)((at[i] == 'r') & (at[i + 1] == 'o') & (at[i + 2] == 'l') & (at[i + 3] == 'e'));
        if (hits) return 1;
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
