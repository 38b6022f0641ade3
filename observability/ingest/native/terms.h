/* The search terms of texts, and their hashes. */

#define LONGEST 64u      /* characters of a term */
#define MOST_TERMS 4096u /* of one text */
#define NOISE_RATIO 8u   /* characters to a hump, on average, below which a text is encoded data */
#define END_OF_TERM 3u   /* zeros behind a term: the end of a lexeme, and a count of no positions */
#define MOST_PROBES 128u /* for a place in a table: honest terms take under 20; the time of others must have a bound */
#define MOST_SLOTS 8192u /* a power of two, twice what MOST_TERMS takes */
#define SORTED_AT_ONCE 4u /* first bytes of terms; an even number, so that they end where they were */
#define FEW 16u          /* terms that are sorted one by one */
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

/* Sort by the first SORTED_AT_ONCE bytes; `room` is for as many terms. Takes as long whatever they are. */
static void sort_by_beginning(struct term *terms, struct term *room, size_t count) {
    uint32_t places[SORTED_AT_ONCE][256] = {{0}};
    struct term *from = terms, *to = room;
    for (size_t i = 0; i < count; i++)
        for (unsigned byte = 0; byte < SORTED_AT_ONCE; byte++) places[byte][terms[i].key >> (56 - 8 * byte) & 255]++;
    for (unsigned byte = SORTED_AT_ONCE; byte-- > 0;) {
        uint32_t *at = places[byte], next = 0;
        for (unsigned value = 0; value < 256; value++) {
            uint32_t many = at[value];
            at[value] = next;
            next += many;
        }
        for (size_t i = 0; i < count; i++) to[at[from[i].key >> (56 - 8 * byte) & 255]++] = from[i];
        struct term *swap = from;
        from = to;
        to = swap;
    }
}

static int compare_terms(const void *one, const void *other) {
    const struct term *a = one, *b = other;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    int order = memcmp(a->at, b->at, a->size < b->size ? a->size : b->size);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

/* Sort terms as Postgres does, which then need not: by their bytes, a beginning before what it begins. */
static void sort_terms(struct term *terms, struct term *room, size_t count) {
    sort_by_beginning(terms, room, count);
    for (size_t start = 0, end; start < count; start = end) {
        for (end = start + 1; end < count && terms[end].key >> 32 == terms[start].key >> 32; end++) {}
        if (end - start > FEW) qsort(terms + start, end - start, sizeof *terms, compare_terms);
        else
            for (size_t i = start + 1; i < end; i++) {
                struct term term = terms[i];
                size_t place = i;
                for (; place > start && compare_terms(&term, terms + place - 1) < 0; place--) terms[place] = terms[place - 1];
                terms[place] = term;
            }
    }
}

/* Tell whether a part of a name begins here: a capital after a small letter or a digit. */
static int is_hump(const uint8_t *at) {
    return ((uint8_t)(at[0] - 'A') < 26) & (((uint8_t)(at[-1] - 'a') < 26) | ((uint8_t)(at[-1] - '0') < 10));
}

/* Copy small letters, digits and underscores as they are, capitals as small letters, and anything else as 0; return how
 * many humps there are. Without a jump, so that compilers make one instruction of sixteen bytes. */
static size_t fold(const uint8_t *text, uint8_t *folded, size_t size) {
    size_t humps = 0;
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = text[i], small = byte | 32;
        int is_letter = (uint8_t)(small - 'a') < 26;
        int is_kept = ((uint8_t)(byte - '0') < 10) | (byte == '_');
        folded[i] = (uint8_t)((small & -is_letter) | (byte & -is_kept));
    }
    for (size_t start = 1, end; start < size; start = end) {
        uint8_t some = 0;
        end = size - start < 255 ? size : start + 255;
        for (size_t i = start; i < end; i++) some = (uint8_t)(some + is_hump(text + i));
        humps += some;
    }
    return humps;
}

/* The bytes of folded text before the next zero. */
static size_t measure_word(const uint8_t *at) {
    const uint64_t low = UINT64_MAX / 255 * 127;
    for (size_t size = 0;; size += 8) {
        uint64_t zeros = ~(load_eight(at + size) + low) & ~low;
        if (zeros != 0) return size + (size_t)__builtin_clzll(zeros) / 8;
    }
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
        if (known->key == key && known->size == size && (size <= 8 || memcmp(known->at, at, size) == 0)) return;
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
    size_t humps = fold(text, folded, size), count = 0;
    for (size_t start = 0, end; start < size; start = end + 1) {
        end = start + measure_word(folded + start);
        if (end == start) continue;
        if (terms->count < MOST_TERMS) add_term(terms, folded + start, end - start);
        int is_name = memchr(folded + start, '_', end - start) != NULL;
        for (size_t i = start + 1; humps > 0 && !is_name && i < end; i++) is_name = is_hump(text + i);
        if (is_name) names[count++] = (struct slice){folded + start, end - start};
    }
    uint32_t words = terms->count;
    for (size_t i = 0; i < count; i++)
        add_parts(terms, text + (names[i].at - folded), names[i].at, names[i].size, humps * NOISE_RATIO > size);
    if (terms->count > MOST_TERMS) terms->count = words;
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

/* The CRC-32 of each byte, from which that of more is put together. */
static void make_crcs(uint32_t *crcs) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        crcs[byte] = byte;
        for (int bit = 0; bit < 8; bit++) crcs[byte] = crcs[byte] >> 1 ^ (0xedb88320u & -(crcs[byte] & 1));
    }
}

static uint32_t crc32(const uint32_t *crcs, const uint8_t *bytes, size_t size) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) crc = crc >> 8 ^ crcs[(crc ^ bytes[i]) & 255];
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
    uint32_t *hashes = malloc(2 * most * sizeof *hashes), crcs[256];
    struct buffer out = make_buffer(8 * most);
    make_crcs(crcs);
    for (size_t at = 0; hashes != NULL && at < terms_size && count < most;) {
        const uint8_t *end = memchr(terms + at, 0, terms_size - at);
        size_t length = end == NULL ? terms_size - at : (size_t)(end - terms) - at;
        hashes[count++] = crc32(crcs, terms + at, length);
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
