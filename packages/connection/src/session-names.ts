/** Session requests defined in RFC 4254 §6 and RFC 4335, with the only side that may send each. */
export const SESSION_REQUEST_SENDERS: ReadonlyMap<string, "client" | "server"> = /* @__PURE__ */ new Map([
  ["pty-req", "client"],
  ["x11-req", "client"],
  ["env", "client"],
  ["shell", "client"],
  ["exec", "client"],
  ["subsystem", "client"],
  ["window-change", "client"],
  ["signal", "client"],
  ["break", "client"],
  ["exit-status", "server"],
  ["exit-signal", "server"],
  ["xon-xoff", "server"],
]);
