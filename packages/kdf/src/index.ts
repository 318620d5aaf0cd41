export type { HashFunction } from "./hash.ts";
