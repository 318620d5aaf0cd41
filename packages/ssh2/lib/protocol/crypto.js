"use strict";

throw Object.assign(
  new Error(
    '@nacre/ssh2 has no lib/protocol/crypto; set the option `algorithms`; lib/protocol/constants has the names (README, "Inner files")',
  ),
  { code: "MODULE_NOT_FOUND" },
);
