/** Floor of each package. A package imports only from lower floors. */
export const FLOORS: Readonly<Record<string, number>> = {
  wire: 0,
  packet: 1,
  negotiation: 1,
  kdf: 1,
  keys: 1,
  ciphers: 2,
  "ciphers-wasm": 3,
  kex: 2,
  keyfiles: 2,
  transport: 3,
  connection: 4,
  auth: 4,
  session: 5,
  nacre: 6,
  node: 7,
  cli: 8,
};
