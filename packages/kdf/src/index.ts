export type { ExchangeHashInput } from "./exchange-hash.ts";
export { exchangeHash } from "./exchange-hash.ts";
export type { HashFunction } from "./hash.ts";
export type { DerivedKeys, KeyLengths, KeyLetter, KeySource } from "./keys.ts";
export { deriveKey, deriveKeys } from "./keys.ts";
