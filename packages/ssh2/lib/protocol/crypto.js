"use strict";

throw Object.assign(
  new Error(
    "`ssh2/lib/protocol/crypto` does not exist in @nacre/ssh2; set the option `algorithms` (names: lib/protocol/constants)",
  ),
  { code: "MODULE_NOT_FOUND" },
);
