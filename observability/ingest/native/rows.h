/* Rows to binary COPY. */

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
