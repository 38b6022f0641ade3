/*
 * The hottest steps of ingest as functions from bytes to bytes. No Python here and no state: memory is what the caller
 * gave and what is returned, which the caller frees. Every step may give up, by NULL; its caller's Python then does it.
 *
 * `__init__.py` says what each returns, and to whom. One unit, so that one command compiles it and nothing of it is
 * called from afar.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

#include "messagepack.h"
#include "protobuf.h"

#include "spans.h"

#include "json_text.h"
#include "previews.h"
#include "terms.h"

#include "rows.h"
