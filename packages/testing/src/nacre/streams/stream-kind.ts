import type { StreamKind, StreamTypes } from "nacre";
import { describePair } from "./pair.ts";
import { describeReadable } from "./readable.ts";
import type { StreamUse } from "./stream-use.ts";
import { describeWritable } from "./writable.ts";

/** Defines the tests that streams of every kind must pass. */
export function describeStreamKind<K extends StreamTypes>(kind: StreamKind<K>, use: StreamUse<K>): void {
  describeReadable(kind, use);
  describeWritable(kind, use);
  describePair(kind, use);
}
