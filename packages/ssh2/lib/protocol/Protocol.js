"use strict";

throw Object.assign(
  new Error(
    '@nacre/ssh2 has no lib/protocol/Protocol; use the methods of Client and Server, or those of a client\'s `_protocol` (README, "Inner files")',
  ),
  { code: "MODULE_NOT_FOUND" },
);
