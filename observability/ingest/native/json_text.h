/* JSON values as text. */

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
