"use strict";

throw Object.assign(
  new Error(
    "`ssh2/lib/protocol/Protocol` does not exist in @nacre/ssh2; use the methods of `Client` and `Server`, or of a client's `_protocol`",
  ),
  { code: "MODULE_NOT_FOUND" },
);
